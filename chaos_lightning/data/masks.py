"""Masks that hide a part of every image, by name or from a file."""

from pathlib import Path

import torch
from torch import Tensor

from chaos_lightning.data.errors import DataError
from chaos_lightning.data.png import read_grey
from chaos_lightning.data.values import as_rates

MASK_NAMES = ("top", "bottom", "left", "right", "box", "random")


def read_mask(name: str, image_size: tuple[int, ...], seed: int = 0) -> Tensor:
    """Make or read a mask, True where a pixel is hidden.

    Args:
        name: Part to hide: a half (top, bottom, left or right), box for the middle half of rows and columns,
            random for half of the pixels drawn at random; or a PNG file, in which bright pixels are hidden.
        image_size: Rows and columns of an image, or the number of units of a vector, whose only mask is random.
        seed: Seed of the random mask.

    Returns:
        Shape ``image_size``, bool.

    Raises:
        DataError: If there is no such mask, or the file cannot be read or has another size.
    """
    if len(image_size) == 1 and name != "random":
        raise DataError(
            f"vectors that are no images have no part {name}: hide half of the units at random (random), or give "
            "model.complete a mask of your own in Python"
        )
    rows, columns = image_size[0], image_size[-1]
    hidden = torch.zeros(image_size, dtype=torch.bool)
    if name == "top":
        hidden[: rows // 2] = True
    elif name == "bottom":
        hidden[rows // 2 :] = True
    elif name == "left":
        hidden[:, : columns // 2] = True
    elif name == "right":
        hidden[:, columns // 2 :] = True
    elif name == "box":
        hidden[rows // 4 : rows - rows // 4, columns // 4 : columns - columns // 4] = True
    elif name == "random":
        order = torch.randperm(hidden.numel(), generator=torch.Generator().manual_seed(seed))
        hidden.view(-1)[order[: hidden.numel() // 2]] = True
    else:
        hidden = _read_file(Path(name).expanduser(), image_size)
    return hidden


def _read_file(path: Path, image_size: tuple[int, ...]) -> Tensor:
    if not path.is_file():
        raise DataError(f"there is no mask {path}: name one of {', '.join(MASK_NAMES)}, or a PNG file")
    levels = torch.from_numpy(read_grey(path))
    if levels.shape != image_size:
        raise DataError(f"the mask {path} has {tuple(levels.shape)} pixels, but the images have {image_size}")
    return torch.gt(as_rates(levels.unsqueeze(0), f"the mask {path}").squeeze(0), 0)
