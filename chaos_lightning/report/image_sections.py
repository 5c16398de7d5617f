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
from chaos_lightning.pixels import to_stored
from chaos_lightning.report.curves import Curves
from chaos_lightning.report.page import Section
from chaos_lightning.report.subject import Subject
from chaos_lightning.shapes import described, is_image

IN_GRID, IN_FORMATION, IN_NEAREST = 100, 8, 10
"""Images or chains that a figure shows, at most."""

_NO_PICTURES = "there are no pictures of them. Everything else is measured as for images."

FORMATION = (0.0, 0.05, 0.1, 0.2, 0.3, 0.4, 0.6, 0.8, 1.0, 1.5, 2.0, 3.0)
"""Times at which an image is shown as it forms, in units of T."""


def samples_section(subject: Subject, curves: Curves) -> Section:
    """Show the first samples."""
    if not is_image(subject.model.image_shape):
        return Section("samples", "Samples", f"Samples are {described(subject.model.image_shape)}: {_NO_PICTURES}")
    images = curves.samples[:IN_GRID]
    return Section(
        "samples",
        "Samples",
        f"The first {len(images)} samples of seed {subject.seed}, not selected: visible rates at the sampling time "
        f"T = {subject.model.sampling_time:g}, black for -1 and white for 1"
        + (", in three channels." if images.shape[1] == 3 else "."),
        grid_figure(images),
        arrays={"images": to_stored(images).numpy()},
    )


def formation_section(subject: Subject) -> Section:
    """Show a few samples at several times from the random start on."""
    model = subject.model
    if not is_image(model.image_shape):
        return Section("formation", "The image as it forms", f"Samples are {described(model.image_shape)}.")
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
        arrays={"images": to_stored(images).numpy(), "times": torch.tensor(times).numpy()},
    )


def nearest_section(subject: Subject, curves: Curves) -> Section:
    """Show samples beside their nearest training images, and the distances between them."""
    training = subject.data.train.images
    nearest = nearest_neighbours(curves.samples, training)
    held_out = nearest_neighbours(subject.held_out, training).distances.squeeze(1)
    distances, rows = nearest.distances.squeeze(1), nearest.indices.squeeze(1)
    copies = float(near_copy_share(held_out, distances))
    shown = min(IN_NEAREST, len(distances)) if is_image(subject.model.image_shape) else 0
    above = (
        f"Above: the first {shown} samples of seed {subject.seed}, and under each the nearest of the {len(training):,} "
        "training images and its distance. Below: this"
        if shown
        else f"Distance to the nearest of the {len(training):,} training samples: this"
    )
    columns: dict[str, Any] = {"sample": range(len(distances)), "training_image": rows.tolist()}
    if subject.data.train.num_classes > 1:
        columns["label"] = subject.data.train.labels[rows].tolist()
    return Section(
        "nearest",
        "Samples and their nearest training images",
        f"{above} distance for all {len(distances):,} samples and for as many held-out images. {copies:.1%} of the "
        "samples are near-copies: nearer to a training image than all but 1 % of the held-out images are. (1 % is what "
        "new images give; more points to memorisation.)",
        nearest_figure(curves.samples[:shown], training[rows[:shown]], distances, held_out),
        {**columns, "distance": distances.tolist(), "held_out_distance": held_out.tolist()},
    )


def formation_figure(images: Tensor, times: Sequence[float], sampling_time: float) -> Figure:
    """Draw a row for each chain and a column for each time, with T in a frame.

    Args:
        images: ``(chains, times, channels, height, width)`` in [-1, 1].
        times: Times of the columns.
        sampling_time: T.
    """
    num_chains = len(images)
    figure = new_figure(0.56 * num_chains * images.shape[-2] / images.shape[-1] + 0.45)
    axes = figure.subplots()
    names = [f"t = {time:g}\n" + ("T" if time == sampling_time else f"{time / sampling_time:.3g} T") for time in times]
    height, width = show_named(axes, images, [f"chain {chain}" for chain in range(num_chains)], names)
    axes.xaxis.tick_top()
    for place, (time, label) in enumerate(zip(times, axes.get_xticklabels(), strict=True)):
        if time == sampling_time:
            label.set_color(SAMPLES)
            frame = Rectangle((place * width - 1, -1), width, num_chains * height, fill=False, color=SAMPLES)
            frame.set(linewidth=2.5, clip_on=False)
            axes.add_patch(frame)
    return figure


def nearest_figure(
    samples: Tensor,
    neighbours: Tensor,
    sample_distances: Tensor,
    held_out_distances: Tensor,
) -> Figure:
    """Draw the first samples above their nearest training images, and histograms of the distances.

    Args:
        samples: Samples to show, ``(shown, channels, height, width)`` in [-1, 1]; without any there are only
            histograms.
        neighbours: The nearest training image of each, ``(shown, channels, height, width)``.
        sample_distances: Distance of every sample to its nearest training image; first the samples to show.
        held_out_distances: Distance of every held-out image to its nearest training image.
    """
    if len(samples):
        figure = new_figure(4.2)
        both: Any = figure.subplots(2, 1, height_ratios=[1, 1.35])
        upper, axes = both
        distances_shown = [f"{distance:.1f}" for distance in sample_distances[: len(samples)]]
        names = ["sample", "nearest\ntraining,\ndistance"]
        show_named(upper, torch.stack([samples, neighbours]), names, distances_shown)
    else:
        figure = new_figure(2.6)
        axes = figure.subplots()
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
