"""Images side by side."""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor
from torchvision.utils import make_grid

from chaos_lightning.pictures.style import new_figure


def image_grid(images: Tensor, images_per_row: int = 10) -> Tensor:
    """Put images side by side, row after row, into one picture for a PNG file.

    Args:
        images: ``(N, 1, height, width)`` in [-1, 1].
        images_per_row: Images in a row.

    Returns:
        Colours in [0, 1], ``(3, height, width)``.
    """
    grid: Tensor = make_grid(images.float().cpu(), nrow=images_per_row, normalize=True, value_range=(-1, 1))
    return grid


def grid_figure(images: Tensor, images_per_row: int = 10) -> Figure:
    """Draw images side by side, row after row, with a thin gap.

    Args:
        images: ``(N, 1, side, side)`` in [-1, 1].
        images_per_row: Images in a row.
    """
    figure = new_figure(7.2 * -(-len(images) // images_per_row) / 10)
    axes = figure.subplots()
    _show(axes, _sheet(images, images_per_row))
    axes.set_axis_off()
    return figure


def show_named(axes: Axes, images: Tensor, rows: Sequence[str], columns: Sequence[str]) -> None:
    """Draw rows and columns of images, with the names of rows to the left and the names of columns below.

    Args:
        axes: Where to draw.
        images: ``(rows, columns, 1, side, side)`` in [-1, 1].
        rows: Names of the rows.
        columns: Names of the columns.
    """
    num_rows, num_columns, _, _, side = images.shape
    _show(axes, _sheet(images.flatten(0, 1), num_columns))  # one picture: axes for every image would take seconds
    middle = (side - 1) / 2
    axes.set_xticks(middle + (side + 1) * np.arange(num_columns), columns, fontsize=8)
    axes.set_yticks(middle + (side + 1) * np.arange(num_rows), rows, fontsize=8)
    axes.tick_params(length=0)
    axes.set_frame_on(False)


def rows_figure(images: Mapping[str, np.ndarray]) -> Figure:
    """Draw a row of images for each name.

    Args:
        images: Name to 8-bit images, ``(images, height, width)``.
    """
    figure = new_figure(0.62 * len(images) + 0.1, width=12)
    for axes, (name, row) in zip(figure.subplots(len(images), 1, squeeze=False).flat, images.items(), strict=True):
        axes.imshow(np.concatenate(list(row), axis=1), cmap="gray", vmin=0, vmax=255)
        axes.set_xticks([])
        axes.set_yticks([])
        axes.set_ylabel(name, rotation=0, ha="right", va="center")
    return figure


def _sheet(images: Tensor, columns: int) -> Tensor:
    """Put images ``(N, 1, side, side)`` side by side, row after row; the thin gap between them is NaN."""
    # make_grid's own padding would surround a sheet too, but not a single image.
    with_gaps = torch.nn.functional.pad(images, (0, 1, 0, 1), value=torch.nan)
    sheet: Tensor = make_grid(with_gaps, columns, padding=0, pad_value=torch.nan)[0, :-1, :-1]
    return sheet


def _show(axes: Axes, image: Tensor) -> None:
    """Draw pixels ``(height, width)`` in [-1, 1]; NaN leaves the page blank."""
    pixels = np.ma.masked_invalid(image.numpy())
    axes.imshow(pixels, cmap="gray", vmin=-1, vmax=1, interpolation="nearest")
    axes.set(xticks=[], yticks=[])
    axes.grid(False)
