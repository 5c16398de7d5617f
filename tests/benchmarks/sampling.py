"""How near sampling comes to the rate of its matrix products."""

import tempfile
from pathlib import Path
from time import perf_counter

import torch

from chaos_lightning import TwoLayer
from chaos_lightning.trainer import Trainer
from tests.benchmarks.contestants import Contest, synchronise

CHAINS_AT_ONCE = 500


def predict_against_bare_products(num_samples: int, rounds: int, device: torch.device) -> list[float]:
    """Time of the bare products over that of ``Trainer.predict``, which writes its files too, once a round."""
    accelerator = "gpu" if device.type == "cuda" else "cpu"
    shares = []
    with tempfile.TemporaryDirectory() as folder:
        contest = Contest("two", CHAINS_AT_ONCE, "32-true", 1.0, device, folder)
        for _ in range(rounds):
            bare = contest.bare_products(1) * num_samples / CHAINS_AT_ONCE
            trainer = Trainer(accelerator=accelerator, devices=1, logger=False, enable_progress_bar=False)
            synchronise(device)
            start = perf_counter()
            trainer.predict(
                TwoLayer(), output=str(Path(folder) / "samples.npz"), num_samples=num_samples, chains_at_once=500
            )
            synchronise(device)
            shares.append(bare / (perf_counter() - start))
    return shares
