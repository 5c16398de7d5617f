"""Figures made of images."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from torch import Tensor
from torchvision.utils import make_grid

from chaos_lightning.report.style import DATA, SAMPLES, new_figure


def _show(axes: Axes, image: Tensor) -> None:
    """Draw pixels ``(height, width)`` in [-1, 1]; NaN leaves the page blank."""
    pixels = np.ma.masked_invalid(image.numpy())
    axes.imshow(pixels, cmap="gray", vmin=-1, vmax=1, interpolation="nearest")
    axes.set(xticks=[], yticks=[])
    axes.grid(False)


def _sheet(images: Tensor, columns: int) -> Tensor:
    """Pixels of images ``(N, 1, side, side)`` side by side, row after row; the thin gap between them is NaN."""
    # Padding of make_grid's own would be around a sheet too, but not around a single image.
    with_gaps = torch.nn.functional.pad(images, (0, 1, 0, 1), value=torch.nan)
    sheet: Tensor = make_grid(with_gaps, columns, padding=0, pad_value=torch.nan)[0, :-1, :-1]
    return sheet


def _show_named(axes: Axes, images: Tensor, rows: Sequence[str], columns: Sequence[str]) -> None:
    """Draw images ``(rows, columns, 1, side, side)`` with the names of rows to the left and of columns below.

    They are one picture, for axes of its own for every image would take seconds.
    """
    num_rows, num_columns, _, _, side = images.shape
    _show(axes, _sheet(images.flatten(0, 1), num_columns))
    middle = (side - 1) / 2
    axes.set_xticks(middle + (side + 1) * np.arange(num_columns), columns, fontsize=8)
    axes.set_yticks(middle + (side + 1) * np.arange(num_rows), rows, fontsize=8)
    axes.tick_params(length=0)
    axes.set_frame_on(False)


def grid_figure(images: Tensor, images_per_row: int = 10) -> Figure:
    """Images ``(N, 1, side, side)`` side by side, row after row, with a thin gap."""
    figure = new_figure(7.2 * -(-len(images) // images_per_row) / 10)
    axes = figure.subplots()
    _show(axes, _sheet(images, images_per_row))
    axes.set_axis_off()
    return figure


def formation_figure(images: Tensor, times: Sequence[float], sampling_time: float) -> Figure:
    """Images ``(chains, times, 1, side, side)``: a row for each chain, a column for each time; T is framed."""
    num_chains, side = len(images), images.shape[-1]
    figure = new_figure(0.56 * num_chains + 0.45)
    axes = figure.subplots()
    names = [f"t = {time:g}\n" + ("T" if time == sampling_time else f"{time / sampling_time:.3g} T") for time in times]
    _show_named(axes, images, [f"chain {chain}" for chain in range(num_chains)], names)
    axes.xaxis.tick_top()
    for place, (time, label) in enumerate(zip(times, axes.get_xticklabels(), strict=True)):
        if time == sampling_time:
            label.set_color(SAMPLES)
            corner = place * (side + 1) - 1, -1
            height = num_chains * (side + 1)
            axes.add_patch(Rectangle(corner, side + 1, height, fill=False, color=SAMPLES, linewidth=2.5, clip_on=False))
    return figure


def nearest_figure(
    samples: Tensor,
    neighbours: Tensor,
    sample_distances: Tensor,
    held_out_distances: Tensor,
) -> Figure:
    """The first samples above their nearest training images, and how far all samples and held-out images are.

    Args:
        samples: images to show, ``(shown, 1, side, side)``.
        neighbours: their nearest training images, likewise.
        sample_distances: distance to the nearest training image of all samples, those shown first.
        held_out_distances: of all held-out images.
    """
    figure = new_figure(4.2)
    both: Any = figure.subplots(2, 1, height_ratios=[1, 1.35])
    upper, axes = both
    distances_shown = [f"{distance:.1f}" for distance in sample_distances[: len(samples)]]
    names = ["sample", "nearest\ntraining,\ndistance"]
    _show_named(upper, torch.stack([samples, neighbours]), names, distances_shown)
    longest = max(float(sample_distances.max()), float(held_out_distances.max()))
    bins = np.linspace(0, longest * 1.02, 41)
    for distances, name, color, dashes in (
        (held_out_distances, "held-out images", DATA, "--"),
        (sample_distances, "samples", SAMPLES, "-"),
    ):
        axes.hist(distances.numpy(), bins, histtype="step", color=color, linestyle=dashes, linewidth=1.6, label=name)
    axes.set(
        xlabel="Euclidean distance to the nearest training image (pixels from -1 to 1)", ylabel="images", xlim=(0, None)
    )
    axes.legend(loc="upper right")
    return figure
