"""The network that is looked at: one of a checkpoint, before and after training, or one that was never trained."""

from dataclasses import dataclass, replace
from typing import Any

from torch import Tensor

from chaos_lightning.checkpoints import is_at_hand, make_training_data, read_checkpoint, training_data
from chaos_lightning.data import ImageDataModule
from chaos_lightning.dynamics import ChaoticNetwork, Clock, Connection
from chaos_lightning.functional.checks import check_seed
from chaos_lightning.models import ChaoticGenerator
from chaos_lightning.theory import MeanField, mean_field

DEFAULT_SIZES = {1: [784], 2: [784, 500], 3: [784, 500, 100]}
"""Number of layers to their units: the networks of the paper."""

LABELLED_IMAGES = 10_000
"""Training images at most among which nearest neighbours are looked for."""


@dataclass(frozen=True)
class Subject:
    """A network, its time, and what theory says of it.

    Attributes:
        title: what it is.
        networks: name to network: ``untrained``, and ``trained`` for that of a checkpoint.
        gain: of the frozen couplings where a connection gives none.
        clock: time constant, time step and sampling time.
        theory: of the untrained network; None where there is none.
        why_no_theory: the reason, empty where there is a theory.
        model: the model of the checkpoint; None without one.
        training_images: real images with labels, ``(images, 1, side, side)`` and ``(images,)``, for the classes of
            generated ones; None where they are not at hand, or of one class.
        num_chains: number of random starts.
        seed: of the random starts.
    """

    title: str
    networks: dict[str, ChaoticNetwork]
    gain: float
    clock: Clock
    theory: MeanField | None
    why_no_theory: str
    model: ChaoticGenerator | None
    training_images: tuple[Tensor, Tensor] | None
    num_chains: int
    seed: int

    @property
    def layer_sizes(self) -> tuple[int, ...]:
        """Units of each layer."""
        return self.networks["untrained"].layer_sizes


def read_subject(
    ckpt_path: str | None,
    data: ImageDataModule | None,
    network: dict[str, Any],
    clock: dict[str, float | None],
    num_chains: int,
    seed: int,
) -> Subject:
    """Read the network of a checkpoint, or make one that was never trained.

    Args:
        ckpt_path: checkpoint of a trained network; None makes a network.
        data: data set with the classes of images; None takes that of the training.
        network: layers, sizes, gain and rate; None for what was not given.
        clock: tau, dt and sampling_time, likewise.
        num_chains: number of random starts.
        seed: of the random starts, and of the couplings of a network that is made.

    Raises:
        DataError: if the data cannot be read.
        FileNotFoundError: if there is no such checkpoint.
        ValueError: for numbers that make no network, or both a checkpoint and settings of a network.
    """
    check_seed(seed)
    if num_chains < 2:
        raise ValueError(f"num_chains must be at least 2, for a standard error, but is {num_chains}")
    given = {name: value for name, value in {**network, **clock}.items() if value is not None}
    if ckpt_path is None:
        if data is not None:
            raise ValueError("data serve the images of a trained network: give --ckpt_path too, or leave --data out")
        return _made(given, num_chains, seed)
    if given:
        names = ", ".join(f"--{name}" for name in given)
        raise ValueError(f"the network is that of the checkpoint: leave out {names}, or --ckpt_path")
    return _loaded(ckpt_path, data, num_chains, seed)


def _made(given: dict[str, Any], num_chains: int, seed: int) -> Subject:
    sizes = given.get("sizes")
    layers = given.get("layers", 2 if sizes is None else len(sizes))
    if sizes is None and layers not in DEFAULT_SIZES:
        raise ValueError(f"layers must be 1, 2 or 3, or --sizes says the units of each, but is {layers}")
    sizes = DEFAULT_SIZES[layers] if sizes is None else sizes
    if len(sizes) != layers:
        raise ValueError(f"layers is {layers}, but sizes are of {len(sizes)} layers: {sizes}")
    gain, rate = given.get("gain", 1.5), given.get("rate", "tanh")
    if not 0 <= gain < float("inf"):
        raise ValueError(f"gain must be a number, 0 or more, but is {gain}")
    clock = Clock(**{name: given[name] for name in ("tau", "dt", "sampling_time") if name in given})
    network = ChaoticNetwork(sizes, gain=gain, rate=rate, seed=seed)
    theory, why = theory_of(network, clock)
    title = f"An untrained network with layers of {', '.join(map(str, sizes))} units, g = {gain:g}, {rate}"
    return Subject(title, {"untrained": network}, gain, clock, theory, why, None, None, num_chains, seed)


def _loaded(ckpt_path: str, data: ImageDataModule | None, num_chains: int, seed: int) -> Subject:
    checkpoint = read_checkpoint(ckpt_path)
    model = ChaoticGenerator.load_from_checkpoint(ckpt_path, map_location="cpu").eval()
    if model.noise > 0:
        raise ValueError(
            f"chaos is measured of networks that run on their own, but noise={model.noise:g} is injected into this one"
        )
    noted = training_data(checkpoint)
    if data is None and noted is not None and is_at_hand(noted):
        data = make_training_data(checkpoint)
    if data is not None and tuple(data.image_shape) != model.image_shape:
        raise ValueError(
            f"the network makes images of {model.image_shape}, but those of the data are {data.image_shape}"
        )
    networks = {"untrained": model.network.untrained(), "trained": model.network}
    theory, why = theory_of(model.network, model.clock)
    gain, step = checkpoint["hyper_parameters"].get("gain", 1.5), int(checkpoint["global_step"])
    title = f"{type(model).__name__} network of {ckpt_path}, g = {gain:g}, before and after {step:,} training steps"
    return Subject(title, networks, gain, model.clock, theory, why, model, _labelled(data), num_chains, seed)


def _labelled(data: ImageDataModule | None) -> tuple[Tensor, Tensor] | None:
    """Return training images and their labels; None where they have none."""
    if data is None:
        return None
    data.prepare_data()
    if data.train.num_classes < 2:
        return None
    return data.train.images[:LABELLED_IMAGES], data.train.labels[:LABELLED_IMAGES]


def theory_of(network: ChaoticNetwork, clock: Clock) -> tuple[MeanField | None, str]:
    """Solve the mean-field theory of a network before training; return it, or None and the reason."""
    wiring = [
        replace(
            each.connection, gain_down=each.gain_down, gain_up=None if each.connection.is_recurrent else each.gain_up
        )
        for each in network.connections
    ]
    try:
        return _solved(network, wiring, clock), ""
    except (RuntimeError, ValueError) as error:
        return None, f"There is no theory beside it: {error}."


def _solved(network: ChaoticNetwork, wiring: list[Connection], clock: Clock) -> MeanField:
    return mean_field(network.layer_sizes, wiring=wiring, rate=network.rate, dt=clock.dt, tau=clock.tau)
