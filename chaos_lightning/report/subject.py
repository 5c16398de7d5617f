"""The network that a report is about, and the images that it is compared with."""

from dataclasses import dataclass
from typing import Any, Literal

from torch import Tensor

from chaos_lightning.checkpoints import check_unseen, make_training_data, read_checkpoint
from chaos_lightning.data import ImageDataModule
from chaos_lightning.functional.checks import check_seed
from chaos_lightning.models import ChaoticGenerator
from chaos_lightning.shapes import described


@dataclass(frozen=True)
class Subject:
    """A trained network, and the images that it is compared with.

    Attributes:
        ckpt_path: Checkpoint of the network.
        model: The network.
        step: Training steps that it has taken.
        settings: Settings of the network and its training, as the checkpoint holds them.
        data: The data set.
        split: Split of the held-out images.
        held_out: Real images that the network has not seen, ``(N, *image_shape)`` in [-1, 1].
        floor: N training images.
        seed: Seed of the samples.
        num_chains: Random starts whose chaos is measured.
    """

    ckpt_path: str
    model: ChaoticGenerator
    step: int
    settings: dict[str, Any]
    data: ImageDataModule
    split: str
    held_out: Tensor
    floor: Tensor
    seed: int
    num_chains: int


def read_subject(
    ckpt_path: str,
    data: ImageDataModule | None,
    split: Literal["validation", "test"],
    num_samples: int,
    num_chains: int,
    seed: int,
) -> Subject:
    """Read network and data, and draw the images to compare with.

    Args:
        ckpt_path: Checkpoint of the network.
        data: The data set; None for the data set of the training.
        split: Split of the held-out images.
        num_samples: Held-out images, and as many training images.
        num_chains: Random starts whose chaos is measured.
        seed: Seed of the samples.

    Raises:
        DataError: If the data cannot be read.
        FileNotFoundError: If there is no such checkpoint.
        ValueError: If the checkpoint, the data and the numbers do not fit one another.
    """
    checkpoint = read_checkpoint(ckpt_path)
    model = ChaoticGenerator.load_from_checkpoint(ckpt_path, map_location="cpu").eval()
    data = data or make_training_data(checkpoint)
    if model.noise > 0:
        raise ValueError(
            f"the report follows networks that run on their own, but noise={model.noise:g} is injected into this one; "
            "test and predict work with it"
        )
    check_seed(seed)
    if num_samples < 2 or num_chains < 2:
        raise ValueError(f"num_samples and num_chains must be at least 2, but are {num_samples} and {num_chains}")
    if tuple(data.image_shape) != model.image_shape:
        raise ValueError(
            f"the network makes samples of {described(model.image_shape)}, but those of the data have "
            f"{described(tuple(data.image_shape))}"
        )
    if split == "validation":
        check_unseen(checkpoint, data)
    data.prepare_data()
    split_images = {"validation": data.validation, "test": data.test}[split]
    available = min(len(split_images), len(data.train))
    if num_samples > available:
        raise ValueError(
            f"num_samples={num_samples} needs as many {split} and training images, but there are only {available}"
        )
    held_out, floor = (images.images for images in data.draw_evaluation(split_images, num_samples))
    step, settings = int(checkpoint["global_step"]), checkpoint["hyper_parameters"]
    return Subject(ckpt_path, model, step, settings, data, split, held_out, floor, seed, num_chains)
