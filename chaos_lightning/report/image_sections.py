"""Sections of images: samples, how they form, and their nearest training images."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from torch import Tensor

from chaos_lightning.functional import near_copy_share, nearest_neighbours
from chaos_lightning.pictures.grids import grid_figure, show_named
from chaos_lightning.pictures.style import DATA, SAMPLES, new_figure
from chaos_lightning.pixels import to_pixels
from chaos_lightning.report.curves import Curves
from chaos_lightning.report.page import Section
from chaos_lightning.report.subject import Subject

IN_GRID, IN_FORMATION, IN_NEAREST = 100, 8, 10
"""Images or chains that a figure shows, at most."""

FORMATION = (0.0, 0.05, 0.1, 0.2, 0.3, 0.4, 0.6, 0.8, 1.0, 1.5, 2.0, 3.0)
"""Times at which an image is shown as it forms, in units of T."""


def samples_section(subject: Subject, curves: Curves) -> Section:
    """Show the first samples."""
    images = curves.samples[:IN_GRID]
    return Section(
        "samples",
        "Samples",
        f"The first {len(images)} samples of seed {subject.seed}, not selected: visible rates at the sampling time "
        f"T = {subject.model.sampling_time:g}, black for -1 and white for 1.",
        grid_figure(images),
        arrays={"images": _as_pixels(images)},
    )


def formation_section(subject: Subject) -> Section:
    """Show a few samples at several times from the random start on."""
    model = subject.model
    times = sorted({model.clock.time_after(round(part * model.sampling_time / model.dt)) for part in FORMATION})
    formed = model.sample(IN_FORMATION, times=times, seed=subject.seed)
    images = torch.stack([formed[time] for time in times], dim=1)
    return Section(
        "formation",
        "The image as it forms",
        f"The first {IN_FORMATION} chains of seed {subject.seed}, one a row, from their random start on to three times "
        f"the sampling time T = {model.sampling_time:g} (framed) of training. Times are in the same unit as tau = "
        f"{model.tau:g}; the columns are not evenly spaced.",
        formation_figure(images, times, model.sampling_time),
        arrays={"images": _as_pixels(images), "times": torch.tensor(times).numpy()},
    )


def nearest_section(subject: Subject, curves: Curves) -> Section:
    """Show samples beside their nearest training images, and the distances between them."""
    training = subject.data.train.images
    nearest = nearest_neighbours(curves.samples, training)
    held_out = nearest_neighbours(subject.held_out, training).distances.squeeze(1)
    distances, rows = nearest.distances.squeeze(1), nearest.indices.squeeze(1)
    copies = float(near_copy_share(held_out, distances))
    shown = min(IN_NEAREST, len(distances))
    columns: dict[str, Any] = {"sample": range(len(distances)), "training_image": rows.tolist()}
    if subject.data.train.num_classes > 1:
        columns["label"] = subject.data.train.labels[rows].tolist()
    return Section(
        "nearest",
        "Samples and their nearest training images",
        f"Above: the first {shown} samples of seed {subject.seed}, and under each the nearest of the "
        f"{len(training):,} training images and its distance. Below: this distance for all {len(distances):,} samples "
        f"and for as many held-out images. {copies:.1%} of the samples are near-copies: nearer to a training image "
        "than all but 1 % of the held-out images are. (1 % is what new images give; more points to memorisation.)",
        nearest_figure(curves.samples[:shown], training[rows[:shown]], distances, held_out),
        {**columns, "distance": distances.tolist(), "held_out_distance": held_out.tolist()},
    )


def formation_figure(images: Tensor, times: Sequence[float], sampling_time: float) -> Figure:
    """Draw a row for each chain and a column for each time, with T in a frame.

    Args:
        images: ``(chains, times, 1, side, side)`` in [-1, 1].
        times: Times of the columns.
        sampling_time: T.
    """
    num_chains, side = len(images), images.shape[-1]
    figure = new_figure(0.56 * num_chains + 0.45)
    axes = figure.subplots()
    names = [f"t = {time:g}\n" + ("T" if time == sampling_time else f"{time / sampling_time:.3g} T") for time in times]
    show_named(axes, images, [f"chain {chain}" for chain in range(num_chains)], names)
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
    """Draw the first samples above their nearest training images, and histograms of the distances.

    Args:
        samples: Samples to show, ``(shown, 1, side, side)`` in [-1, 1].
        neighbours: The nearest training image of each, ``(shown, 1, side, side)``.
        sample_distances: Distance of every sample to its nearest training image; first the samples to show.
        held_out_distances: Distance of every held-out image to its nearest training image.
    """
    figure = new_figure(4.2)
    both: Any = figure.subplots(2, 1, height_ratios=[1, 1.35])
    upper, axes = both
    distances_shown = [f"{distance:.1f}" for distance in sample_distances[: len(samples)]]
    names = ["sample", "nearest\ntraining,\ndistance"]
    show_named(upper, torch.stack([samples, neighbours]), names, distances_shown)
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


def _as_pixels(images: Tensor) -> np.ndarray:
    """Round images ``(..., 1, side, side)`` to 8-bit pixels ``(..., side, side)``."""
    pixels: np.ndarray = to_pixels(images.float()).squeeze(-3).numpy()
    return pixels
