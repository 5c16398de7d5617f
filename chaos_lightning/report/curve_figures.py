"""Figures made of curves."""

from collections.abc import Mapping, Sequence

import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from chaos_lightning.dynamics import LyapunovExponents
from chaos_lightning.metrics.catalogue import ERRORS, MEASURES
from chaos_lightning.report.chaos import Chaos
from chaos_lightning.report.curves import Curves
from chaos_lightning.report.projection import Plane
from chaos_lightning.report.source import TrainingHistory
from chaos_lightning.report.style import BEFORE, DATA, FLOOR, SAMPLES, new_figure

LEAST_EIGENVALUE = 1e-3
"""Smaller eigenvalues of the data are left out: few images decide them, so that real images do not agree on them."""


def _four_panels(xlabel: str) -> tuple[Figure, dict[str, Axes]]:
    figure = new_figure(5.0)
    grid = figure.subplots(2, 2, sharex=True)
    panels = dict(zip(ERRORS, grid.flat, strict=True))
    for name, axes in panels.items():
        axes.set(yscale="log", ylabel=MEASURES[name].symbol, title=MEASURES[name].title)
    for axes in grid[1]:
        axes.set_xlabel(xlabel)
    return figure, panels


def training_figure(history: TrainingHistory, checkpoint_step: int) -> Figure:
    """The four measures over training, with their floors and the step of the checkpoint."""
    figure, panels = _four_panels("training step")
    for name, axes in panels.items():
        axes.plot(history.steps, history.values[name], "o-", color=SAMPLES, markersize=3, label="samples at T")
        axes.plot(history.steps, history.floors[name], "--", color=FLOOR, label="real against real")
        axes.axvline(checkpoint_step, color=DATA, linewidth=0.9, linestyle=":", label="this checkpoint")
    figure.legend(*panels[ERRORS[0]].get_legend_handles_labels(), loc="outside lower center", ncols=3)
    return figure


def sampling_time_figure(curves: Curves, sampling_time: float, tau: float) -> Figure:
    """The four measures over sampling time, with their floors and T."""
    figure, panels = _four_panels("sampling time t / τ")
    times = [time / tau for time in curves.times]
    for name, axes in panels.items():
        axes.plot(times, curves.values[name], "o-", color=SAMPLES, markersize=3, label="samples")
        axes.axhline(curves.floors[name], linestyle="--", color=FLOOR, label="real against real")
        _mark_sampling_time(axes, sampling_time / tau)
    handles, labels = panels[ERRORS[0]].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=3)
    return figure


def spectra_figure(spectra: Mapping[str, Tensor], num_images: int) -> Figure:
    """Eigenvalues of the covariances over their rank, and their ratio to those of the held-out images.

    Args:
        spectra: eigenvalues, descending, of ``held_out``, ``training`` and ``samples``.
        num_images: images a side; a covariance of N images has N - 1 eigenvalues at most.
    """
    looks = {
        "held_out": ("held-out images", DATA, "-"),
        "training": ("training images", FLOOR, "--"),
        "samples": ("samples at T", SAMPLES, "-"),
    }
    count = min(len(spectra["held_out"]), num_images - 1)
    count = max(1, min(count, int((spectra["held_out"] > LEAST_EIGENVALUE).sum())))
    ranks = torch.arange(1, count + 1).numpy()
    figure = new_figure(3.4)
    left, right = figure.subplots(1, 2)
    highest = 1.0
    for name, (label, color, dashes) in looks.items():
        left.loglog(ranks, spectra[name][:count].numpy(), dashes, color=color, label=label)
        if name != "held_out":
            ratios = spectra[name][:count] / spectra["held_out"][:count]
            highest = max(highest, float(ratios.max()))
            right.semilogx(ranks, ratios.numpy(), dashes, color=color, label=label)
    right.axhline(1, color=DATA, linewidth=0.9)
    left.set(xlabel="rank", ylabel="eigenvalue of the covariance", ylim=(spectra["held_out"][count - 1] / 3, None))
    right.set(xlabel="rank", ylabel="ratio to held-out images")
    if highest > 3:  # noise has far more variance than images in most directions
        right.set_yscale("log")
    else:
        right.set_ylim(bottom=0)
    left.legend(loc="lower left")
    return figure


def divergence_figure(before: Chaos, after: Chaos, sampling_time: float, tau: float) -> Figure:
    """Distance of nearby trajectories over time, before and after training, with the largest Lyapunov exponents."""
    figure = new_figure(3.9)
    axes = figure.subplots()
    for name, chaos, color, dashes in (("before training", before, BEFORE, "--"), ("after", after, SAMPLES, "-")):
        times = (chaos.divergence.times / tau).numpy()
        distances = chaos.divergence.distances
        label = (
            f"{name}: λτ = {exponent_text(chaos.until_sampling, tau)} until T, {exponent_text(chaos.long_run, tau)} "
            "in the long run"
        )
        low, high = distances.quantile(torch.tensor([0.1, 0.9], dtype=distances.dtype), dim=1)
        axes.fill_between(times, low.numpy(), high.numpy(), color=color, alpha=0.18, linewidth=0)
        axes.plot(times, chaos.divergence.typical_distance.numpy(), dashes, color=color, label=label)
    axes.set(yscale="log", xlabel="time since the start t / τ", ylabel="distance of two trajectories (rms potential)")
    _mark_sampling_time(axes, sampling_time / tau)
    figure.legend(*axes.get_legend_handles_labels(), loc="outside upper left")
    return figure


def exponent_text(exponents: LyapunovExponents, tau: float) -> str:
    """The exponents' mean and standard error in units of 1 / tau, as text."""
    mean, error = float(exponents.mean) * tau, float(exponents.standard_error) * tau
    if mean == float("-inf"):
        return "−∞ (deviations die out)"
    return f"{mean:.3f} ± {error:.3f}".replace("-", "−")


def trajectories_figure(plane: Plane, data: Tensor, trajectories: Tensor, sampling_step: int) -> Figure:
    """Trajectories in the plane of the data's first principal components, over the cloud of the data.

    Args:
        plane: the plane.
        data: coordinates of real images, ``(N, 2)``.
        trajectories: coordinates of chains at every time step from 0 to beyond T, ``(times, chains, 2)``.
        sampling_step: time step of T.
    """
    figure = new_figure(5.4)
    axes = figure.subplots()
    axes.scatter(
        data[:, 0].numpy(),
        data[:, 1].numpy(),
        s=7,
        color="#AAAAAA",
        linewidths=0,
        label="held-out images",
        rasterized=True,
    )
    for chain in range(trajectories.shape[1]):
        path = trajectories[:, chain].numpy()
        first = chain == 0
        axes.plot(*path[: sampling_step + 1].T, color=SAMPLES, linewidth=1.2, label="from 0 to T" if first else None)
        axes.plot(
            *path[sampling_step:].T,
            color=BEFORE,
            linewidth=0.7,
            linestyle="--",
            label="from T to 3T" if first else None,
            zorder=1.5,
        )
        axes.plot(*path[0], "s", color=DATA, markersize=4, label="start" if first else None)
        axes.plot(
            *path[sampling_step],
            "o",
            color=SAMPLES,
            markeredgecolor="white",
            markersize=7,
            label="at T" if first else None,
            zorder=3,
        )
    names = (f"principal component {number} ({share:.1%} of variance)" for number, share in _shares(plane))
    axes.set(xlabel=next(names), ylabel=next(names), aspect="equal")
    figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=5)
    return figure


def _shares(plane: Plane) -> Sequence[tuple[int, float]]:
    return [(number, float(share)) for number, share in enumerate(plane.variance_shares, start=1)]


def _mark_sampling_time(axes: Axes, place: float) -> None:
    axes.axvline(place, color=DATA, linewidth=0.9, linestyle=":", label="T of training")
