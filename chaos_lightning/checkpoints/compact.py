"""Weights in a fifth of the space: learned couplings in half precision, frozen ones drawn again from their seed."""

import hashlib
from collections.abc import Mapping
from typing import Any

import torch
from lightning.pytorch.utilities.rank_zero import rank_zero_warn
from torch import Tensor

from chaos_lightning.checkpoints.training_data import without_places
from chaos_lightning.dynamics import ChaoticNetwork

FROZEN = "frozen"
"""Entry of a checkpoint without frozen couplings: with what to compare those that are drawn again."""

_NUM_WITNESSES = 64
_ROUNDING = 1e-5  # of the largest coupling; other generators are off by the couplings themselves


def compacted(checkpoint: Mapping[str, Any]) -> dict[str, Any]:
    """Leave the frozen couplings of a checkpoint out, and round the learned ones to half precision.

    Biases stay in single precision: they are few, and every chain adds them at every time step.

    Args:
        checkpoint: a checkpoint of a chaotic network; stays as it is.

    Returns:
        A checkpoint for :func:`restored`. It notes a checksum of the frozen couplings, some of them, and torch's
        version. Where the images lay on the machine of the training is left out.

    Raises:
        ValueError: if there are no frozen couplings, if they are not those of their seed, or if a learned coupling is
            beyond the range of half precision.
    """
    drawn = _draw(checkpoint)
    weights: dict[str, Tensor] = dict(checkpoint["state_dict"])
    for name, couplings in drawn.items():
        if name not in weights or not torch.equal(weights.pop(name).to(couplings.dtype), couplings):
            raise ValueError(
                f"the frozen couplings {name} are not those that seed and gain draw here, so they cannot be left out: "
                "leave compact out"
            )
    for name, weight in weights.items():
        if name.endswith(".learned"):
            weights[name] = weight.half()
            if not weights[name].isfinite().all():
                raise ValueError(f"{name} holds couplings beyond the range of half precision: leave compact out")
    noted = {"sha256": _checksum(drawn), "some": _witnesses(drawn).tolist(), "torch": torch.__version__}
    return {**without_places(dict(checkpoint)), "state_dict": weights, FROZEN: noted}


def restored(checkpoint: dict[str, Any]) -> dict[str, Any]:
    """Draw the frozen couplings of a compact checkpoint again, and return all weights in single precision.

    Draws are equal bit for bit on processors with AVX2. Others round differently, in the seventh digit, as they do in
    every product: then it warns, because samples of a seed differ in details, as between any two kinds of processor.

    Raises:
        ValueError: if torch draws other couplings here.
    """
    noted, drawn = checkpoint[FROZEN], _draw(checkpoint)
    if _checksum(drawn) != noted["sha256"]:
        own = _witnesses(drawn)
        difference = float((own - torch.tensor(noted["some"])).abs().max())
        if not difference <= _ROUNDING * float(own.abs().max()):
            raise ValueError(
                f"torch {torch.__version__} draws other frozen couplings from the network's seed here than torch "
                f"{noted['torch']} where its file was made: install that version, or take a file that was exported "
                "without compact"
            )
        rank_zero_warn(
            "this processor rounds the frozen couplings otherwise than the one on which they were made, by "
            f"{difference:.0e} at most: samples of a seed differ in details from those made there"
        )
    weights = {name: weight.float() for name, weight in checkpoint["state_dict"].items()}
    return {**checkpoint, "state_dict": {**weights, **drawn}}


def _draw(checkpoint: Mapping[str, Any]) -> dict[str, Tensor]:
    """Draw the frozen couplings that settings and seed of a checkpoint give, by their names in its weights."""
    settings, header = checkpoint["hyper_parameters"], checkpoint["chaos_lightning"]
    if "gain" not in settings:
        raise ValueError(f"a {header['architecture']} has no frozen couplings to draw again: leave compact out")
    network = ChaoticNetwork(
        header["layer_sizes"], gain=settings["gain"], wiring=settings["wiring"], seed=settings["seed"]
    )
    return {
        f"network.{name}": parameter.data
        for name, parameter in network.named_parameters()
        if name.rpartition(".")[2].startswith("frozen")
    }


def _checksum(drawn: Mapping[str, Tensor]) -> str:
    """Compute the SHA-256 of all couplings as little-endian single-precision numbers."""
    digest = hashlib.sha256()
    for couplings in drawn.values():
        digest.update(couplings.numpy().astype("<f4").tobytes())
    return digest.hexdigest()


def _witnesses(drawn: Mapping[str, Tensor]) -> Tensor:
    """Pick couplings at equal distances."""
    couplings = torch.cat([each.flatten() for each in drawn.values()])
    return couplings[:: max(1, len(couplings) // _NUM_WITNESSES)][:_NUM_WITNESSES]
