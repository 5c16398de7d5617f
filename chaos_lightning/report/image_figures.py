"""Figures made of images."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from chaos_lightning.report.style import DATA, SAMPLES, new_figure


def _show(axes: Axes, image: Tensor) -> None:
    """Draw pixels ``(height, width)`` in [-1, 1]; NaN leaves the page blank."""
    pixels = np.ma.masked_invalid(image.numpy())
    axes.imshow(pixels, cmap="gray", vmin=-1, vmax=1, interpolation="nearest")
    axes.set(xticks=[], yticks=[])
    axes.grid(False)


def grid_figure(images: Tensor, images_per_row: int = 10) -> Figure:
    """Images ``(N, 1, side, side)`` side by side, row after row, with a thin gap."""
    count, side = len(images), images.shape[-1]
    columns = min(images_per_row, count)
    rows = -(-count // columns)
    sheet = torch.full((rows * (side + 1) - 1, columns * (side + 1) - 1), torch.nan)
    for place, image in enumerate(images.squeeze(1)):
        top, left = place // columns * (side + 1), place % columns * (side + 1)
        sheet[top : top + side, left : left + side] = image
    figure = new_figure(7.2 * rows / 10)
    axes = figure.subplots()
    _show(axes, sheet)
    axes.set_axis_off()
    return figure


def formation_figure(images: Tensor, times: Sequence[float], sampling_time: float) -> Figure:
    """Images ``(chains, times, 1, side, side)``: a row for each chain, a column for each time; T is framed."""
    figure = new_figure(0.6 * len(images) + 0.5)
    grid = figure.subplots(*images.shape[:2], squeeze=False)
    for chain, row in enumerate(grid):
        for place, (axes, time) in enumerate(zip(row, times, strict=True)):
            _show(axes, images[chain, place, 0])
            is_sampling_time = time == sampling_time
            for spine in axes.spines.values():
                spine.set(visible=is_sampling_time, color=SAMPLES, linewidth=2.5)
            if chain == 0:
                name = f"t = {time:g}\nT" if is_sampling_time else f"t = {time:g}\n{time / sampling_time:.3g} T"
                axes.set_title(name, fontsize=8, color=SAMPLES if is_sampling_time else DATA)
        row[0].set_ylabel(f"chain {chain}", fontsize=8)
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
    shown = len(samples)
    figure = new_figure(4.2)
    halves: Any = figure.subfigures(2, 1, height_ratios=[1, 1.35])
    upper, lower = halves
    grid = upper.subplots(2, shown, squeeze=False)
    for place in range(shown):
        _show(grid[0, place], samples[place, 0])
        _show(grid[1, place], neighbours[place, 0])
        grid[1, place].set_xlabel(f"{sample_distances[place]:.1f}", fontsize=8)
    grid[0, 0].set_ylabel("sample", fontsize=8)
    grid[1, 0].set_ylabel("nearest\ntraining,\ndistance", fontsize=8)
    axes = lower.subplots()
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
