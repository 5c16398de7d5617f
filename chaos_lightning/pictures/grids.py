"""Images side by side."""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor
from torchvision.utils import make_grid

from chaos_lightning.pictures.style import new_figure


def as_colours(images: Tensor) -> Tensor:
    """Make images that a picture can show: grey ones and three colours as they are, other channels below one another.

    Args:
        images: ``(..., channels, height, width)``.

    Returns:
        ``(..., 1 or 3, height, width)``, of other channels ``(..., 1, channels * height, width)``.
    """
    return images if images.shape[-3] in (1, 3) else images.flatten(-3, -2).unsqueeze(-3)


def image_grid(images: Tensor, images_per_row: int = 10) -> Tensor:
    """Put images side by side, row after row, into one picture for a PNG file.

    Args:
        images: ``(N, channels, height, width)`` in [-1, 1], see :func:`as_colours`.
        images_per_row: Images in a row.

    Returns:
        Colours in [0, 1], ``(3, height, width)``.
    """
    images = as_colours(images.float().cpu())
    grid: Tensor = make_grid(images, nrow=images_per_row, normalize=True, value_range=(-1, 1))
    return grid


def grid_figure(images: Tensor, images_per_row: int = 10) -> Figure:
    """Draw images side by side, row after row, with a thin gap.

    Args:
        images: ``(N, channels, height, width)`` in [-1, 1], see :func:`as_colours`.
        images_per_row: Images in a row.
    """
    images = as_colours(images)
    height, width = images.shape[-2:]
    num_rows = -(-len(images) // images_per_row)
    figure = new_figure(max(0.5, 7.2 * num_rows * (height + 1) / (images_per_row * (width + 1))))
    axes = figure.subplots()
    _show(axes, _sheet(images, images_per_row))
    axes.set_axis_off()
    return figure


def show_named(axes: Axes, images: Tensor, rows: Sequence[str], columns: Sequence[str]) -> tuple[int, int]:
    """Draw rows and columns of images, with the names of rows to the left and the names of columns below.

    Args:
        axes: Where to draw.
        images: ``(rows, columns, channels, height, width)`` in [-1, 1], see :func:`as_colours`.
        rows: Names of the rows.
        columns: Names of the columns.

    Returns:
        Distance from one row to the next and from one column to the next, in pixels.
    """
    images = as_colours(images)
    num_rows, num_columns, _, height, width = images.shape
    _show(axes, _sheet(images.flatten(0, 1), num_columns))  # one picture: axes for every image would take seconds
    axes.set_xticks((width - 1) / 2 + (width + 1) * np.arange(num_columns), columns, fontsize=8)
    axes.set_yticks((height - 1) / 2 + (height + 1) * np.arange(num_rows), rows, fontsize=8)
    axes.tick_params(length=0)
    axes.set_frame_on(False)
    return height + 1, width + 1


def rows_figure(images: Mapping[str, np.ndarray]) -> Figure:
    """Draw a row of images for each name.

    Args:
        images: Name to 8-bit images, ``(images, height, width)`` or ``(images, height, width, channels)``, of which
            three are colours; others lie below one another.
    """
    figure = new_figure(0.62 * len(images) + 0.1, width=12)
    for axes, (name, row) in zip(figure.subplots(len(images), 1, squeeze=False).flat, images.items(), strict=True):
        if row.ndim == 4 and row.shape[-1] != 3:
            row = np.concatenate(list(np.moveaxis(row, -1, 0)), axis=1)
        axes.imshow(np.concatenate(list(row), axis=1), cmap="gray", vmin=0, vmax=255)
        axes.set_xticks([])
        axes.set_yticks([])
        axes.set_ylabel(name, rotation=0, ha="right", va="center")
    return figure


def _sheet(images: Tensor, columns: int) -> Tensor:
    """Put images ``(N, 1 or 3, height, width)`` side by side, row after row; the thin gap between them is NaN.

    Returns:
        ``(3, height, width)``.
    """
    # make_grid's own padding would surround a sheet too, but not a single image.
    with_gaps = torch.nn.functional.pad(images, (0, 1, 0, 1), value=torch.nan)
    sheet: Tensor = make_grid(with_gaps, columns, padding=0, pad_value=torch.nan)[:, :-1, :-1]
    return sheet


def _show(axes: Axes, image: Tensor) -> None:
    """Draw a sheet ``(3, height, width)`` in [-1, 1]; NaN leaves the page blank."""
    colours = (image.movedim(0, -1).float() + 1) / 2
    opacity = colours[..., :1].isfinite().float()
    pixels = torch.cat([colours.nan_to_num().clamp(0, 1), opacity], dim=-1).numpy()
    axes.imshow(pixels, interpolation="nearest")
    axes.set(xticks=[], yticks=[])
    axes.grid(False)
