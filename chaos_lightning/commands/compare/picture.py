"""A row of samples from each contestant."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure


def samples_figure(images: Mapping[str, np.ndarray]) -> Figure:
    """One row a contestant, not selected.

    Args:
        images: name to 8-bit images, ``(images, height, width)``.
    """
    figure = Figure(figsize=(12, 0.62 * len(images) + 0.1), layout="constrained")
    for axes, (name, rows) in zip(figure.subplots(len(images), 1, squeeze=False).flat, images.items(), strict=True):
        axes.imshow(np.concatenate(list(rows), axis=1), cmap="gray", vmin=0, vmax=255)
        axes.set_xticks([])
        axes.set_yticks([])
        axes.set_ylabel(name, rotation=0, ha="right", va="center")
    return figure


def write_picture(path: Path, images: Mapping[str, np.ndarray]) -> None:
    """Write the figure as a PNG file."""
    samples_figure(images).savefig(path, dpi=150, bbox_inches="tight")
