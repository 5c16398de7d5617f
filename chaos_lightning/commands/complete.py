"""The command ``chaos-lightning complete``: fill in the hidden part of images with a trained network."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor
from torchvision.utils import save_image

from chaos_lightning.checkpoints import make_training_data, read_checkpoint
from chaos_lightning.data import ImageDataModule, read_images, read_mask
from chaos_lightning.files import make_writable, output_file, written_at_once
from chaos_lightning.functional.completion import (
    completion_error,
    gaussian_completion,
    nearest_completion,
    pair_difference,
)
from chaos_lightning.models import ChaoticGenerator
from chaos_lightning.pictures.grids import image_grid
from chaos_lightning.pixels import to_stored
from chaos_lightning.shapes import described, is_image

ROWS_IN_PICTURE = 10
COMPLETIONS_IN_PICTURE = 8

LABELS = {
    "one_completion": "one completion",
    "mean_completion": "mean of an image's completions",
    "pixel_mean": "mean of the training images",
    "nearest_neighbour": "training image nearest on the given pixels",
    "conditional_gaussian": "mean of the Gaussian, given the given pixels",
    "completion_difference": "two completions of an image",
    "image_difference": "two training images",
}
"""Measure name to its label in the table, in the order of the table."""


def complete(
    ckpt_path: str,
    mask: str = "bottom",
    images: str | None = None,
    num_images: int = 100,
    num_samples: int = 8,
    seed: int = 0,
    output: str = "completions.npz",
    data: ImageDataModule | None = None,
) -> dict[str, float]:
    """Fill in the hidden part of images: the given pixels are held while the network runs to its sampling time.

    Writes an .npz file with the images, the mask (1 is hidden) and the completions, and a picture beside it (.png): one
    row for each image, with its given part first, then completions, and the original last. Prints how far completions
    are from the original on the hidden pixels, beside methods without a network, and how far they are from one another.
    A generator that draws from the true distribution makes both distances equal. Vectors that are no images are written
    as vectors, without a picture.

    Args:
        ckpt_path: checkpoint of the trained network.
        mask: which part of every image is hidden: top, bottom, left, right (a half), box (in the middle) or random
            (half of the pixels); or a PNG file of the images' size whose bright pixels are hidden. It is the same for
            all channels; vectors that are no images take random alone.
        images: whole images, of which the mask hides a part: an .npz or .pt file or a folder of PNG images. By default
            they are drawn from the test images of the data set.
        num_images: number of images to complete, at most.
        num_samples: number of completions of each image.
        seed: seed of the initial states, of the draw of images and of the random mask.
        output: file to write; .npz is appended if it is missing.
        data: data set, whose training images serve for comparison; by default the network's own training data.

    Returns:
        Measure name to value.

    Raises:
        DataError: if images, data set or mask cannot be read.
        FileNotFoundError: if there is no checkpoint.
        ValueError: if a number is too small, the images or the mask do not fit the network, or the output is a folder.
    """
    if num_images < 1 or num_samples < 1:
        raise ValueError(f"num_images and num_samples must be at least 1, but are {num_images} and {num_samples}")
    path = output_file(output, ".npz")
    device = "cuda" if torch.cuda.is_available() else "cpu"
    model = ChaoticGenerator.load_from_checkpoint(ckpt_path, map_location=device).to(device)
    shape = model.image_shape
    hidden = read_mask(mask, shape[-2:], seed).expand(shape)
    data = data or make_training_data(read_checkpoint(ckpt_path))
    data.prepare_data()
    originals = _originals(images, data, num_images, seed, colour=shape[0] == 3)
    if originals.shape[1:] != shape:
        found = described(tuple(originals.shape[1:]))
        raise ValueError(f"images are of {found}, but the network's of {described(shape)}")
    model.layout.hidden_pixels(hidden)  # complains now, before anything is written
    make_writable(path.parent)

    completions = model.complete(originals, hidden, num_samples, seed).cpu()
    values = _measure(completions, originals, hidden, data.train.images)
    _print(values, f"{len(originals)} images, {num_samples} completions each, {int(hidden.sum())} hidden pixels")
    picture = path.with_suffix(".png")
    with written_at_once(path) as archive:
        _write(archive, originals, hidden, completions, seed)
        if is_image(shape):
            with written_at_once(picture) as temporary:
                save_image(_picture(originals, hidden, completions), temporary, format="png")
    place = f"a picture to {picture}" if is_image(shape) else "no picture, for vectors are no images"
    print(f"Wrote {len(originals) * num_samples:,} completions to {path} and {place}.")
    return values


def _originals(images: str | None, data: ImageDataModule, num_images: int, seed: int, colour: bool) -> Tensor:
    if images is not None:
        return read_images(images, "test", colour=colour)[0][:num_images]
    rows = torch.randperm(len(data.test), generator=torch.Generator().manual_seed(seed))[:num_images]
    return data.test.take(rows).images


def _measure(completions: Tensor, originals: Tensor, hidden: Tensor, training: Tensor) -> dict[str, float]:
    """Compute root mean square differences on the hidden pixels, in units of the pixels."""
    candidates = {
        "one_completion": completions,
        "mean_completion": completions.mean(dim=1, keepdim=True),
        "pixel_mean": training.mean(dim=0).expand_as(originals).unsqueeze(1),
        "nearest_neighbour": nearest_completion(originals, hidden, training).unsqueeze(1),
        "conditional_gaussian": gaussian_completion(originals, hidden, training).unsqueeze(1),
    }
    values = {name: float(completion_error(images, originals, hidden)) for name, images in candidates.items()}
    if completions.shape[1] > 1:
        values["completion_difference"] = float(pair_difference(completions, hidden))
    values["image_difference"] = float(pair_difference(training.unsqueeze(0), hidden))
    return values


def _print(values: dict[str, float], title: str) -> None:
    table = Table(title=title, title_justify="left")
    table.add_column("root mean square over the hidden pixels", no_wrap=True)
    table.add_column("value", justify="right")
    for heading, names in (
        ("difference from the original", ("_completion", "_mean", "_neighbour", "_gaussian")),
        ("difference between", ("_difference",)),
    ):
        table.add_row(heading, "")
        for name in (name for name in LABELS if name in values and name.endswith(names)):
            table.add_row(f"  {LABELS[name]}", f"{values[name]:.3f}")
    Console(width=max(Console().width, 80)).print(table)


def _write(path: Path, originals: Tensor, hidden: Tensor, completions: Tensor, seed: int) -> None:
    arrays: dict[str, Any] = {"seed": seed}
    if is_image(tuple(originals.shape[1:])):
        arrays |= {"images": to_stored(originals), "hidden": hidden[0], "completions": to_stored(completions)}
    else:
        arrays |= {"vectors": originals, "hidden": hidden, "completions": completions}
    with path.open("wb") as file:
        np.savez_compressed(file, **arrays)


def _picture(originals: Tensor, hidden: Tensor, completions: Tensor) -> Tensor:
    """Draw a row for each image: its given part, with the hidden part grey; completions; the original."""
    first = originals[:ROWS_IN_PICTURE]
    given = torch.where(hidden, 0.0, first)
    columns = [given, *completions[: len(first), :COMPLETIONS_IN_PICTURE].unbind(1), first]
    return image_grid(torch.stack(columns, dim=1).flatten(0, 1), images_per_row=len(columns))
