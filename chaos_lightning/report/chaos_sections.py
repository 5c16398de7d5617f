"""Sections of the dynamics: how nearby trajectories separate, and where trajectories go."""

from typing import Any

import torch
from matplotlib.figure import Figure
from torch import Tensor

from chaos_lightning.dynamics import LyapunovExponents
from chaos_lightning.dynamics.lyapunov import LONG_RUN_DURATION, LONG_RUN_TRANSIENT
from chaos_lightning.pictures.style import BEFORE, DATA, SAMPLES, mark_sampling_time, new_figure
from chaos_lightning.report.chaos import RELATIVE_SIZE, Chaos, measure_chaos
from chaos_lightning.report.page import Section
from chaos_lightning.report.projection import Plane, principal_plane
from chaos_lightning.report.subject import Subject

IN_PLANE = 6
"""Chains whose trajectories are drawn."""


def divergence_section(subject: Subject) -> Section:
    """Show how fast nearby trajectories separate, before and after training."""
    model = subject.model
    before = measure_chaos(model.network.untrained(), model, subject.num_chains, subject.seed)
    after = measure_chaos(model.network, model, subject.num_chains, subject.seed)
    columns: dict[str, Any] = {"time": after.divergence.times.tolist()}
    for name, chaos in (("before", before), ("after", after)):
        columns[f"typical_distance_{name}"] = chaos.divergence.typical_distance.tolist()
        for pair, distances in enumerate(chaos.divergence.distances.T.tolist()):
            columns[f"distance_{name}_{pair}"] = distances
    texts = [
        f"{name} training {_exponent_text(chaos.until_sampling, model.tau)} from the start to T and "
        f"{_exponent_text(chaos.long_run, model.tau)} in the long run"
        for name, chaos in (("before", before), ("after", after))
    ]
    return Section(
        "divergence",
        "Divergence of nearby trajectories",
        f"Distance of two trajectories whose random starts differ by {RELATIVE_SIZE:g} of their length: geometric mean "
        f"and 10 % to 90 % range of {subject.num_chains} pairs, the first chains of seed {subject.seed}, in float64. "
        "Before training: the same frozen couplings, with learned couplings and biases 0. The largest Lyapunov "
        f"exponent, in units of 1/τ, with the standard error over {subject.num_chains} starts of this one network, is "
        f"{texts[0]}; {texts[1]} (over {LONG_RUN_DURATION} τ after {LONG_RUN_TRANSIENT} τ, by the tangent dynamics). "
        "Positive means chaos.",
        divergence_figure(before, after, model.sampling_time, model.tau),
        {**columns, **_exponent_columns({"before": before, "after": after}, len(columns["time"]))},
    )


def trajectories_section(subject: Subject) -> Section:
    """Show a few trajectories in the plane of the data's first two principal components."""
    model = subject.model
    plane = principal_plane(subject.held_out)
    sampling_step = round(model.sampling_time / model.dt)
    times = [model.clock.time_after(step) for step in range(3 * sampling_step + 1)]
    images = model.sample(IN_PLANE, times=times, seed=subject.seed)
    trajectories = torch.stack([plane.project(images[time]) for time in times])
    columns: dict[str, Any] = {"time": times}
    for chain in range(IN_PLANE):
        for component in range(2):
            columns[f"chain_{chain}_component_{component + 1}"] = trajectories[:, chain, component].tolist()
    cloud = plane.project(subject.held_out)
    return Section(
        "trajectories",
        "Trajectories in the plane of the data",
        f"Visible rates of the first {IN_PLANE} chains of seed {subject.seed} at every time step (dt = {model.dt:g}) "
        f"from 0 to 3T, in the plane of the first two principal components of {len(cloud):,} held-out images (grey), "
        f"which hold {float(plane.variance_shares.sum()):.1%} of their variance.",
        trajectories_figure(plane, cloud, trajectories, sampling_step),
        columns,
        {"held_out": cloud.numpy()},
    )


def divergence_figure(before: Chaos, after: Chaos, sampling_time: float, tau: float) -> Figure:
    """Draw the distance of nearby trajectories over time, with the largest Lyapunov exponents in the legend."""
    figure = new_figure(3.9)
    axes = figure.subplots()
    for name, chaos, color, dashes in (("before training", before, BEFORE, "--"), ("after", after, SAMPLES, "-")):
        times = (chaos.divergence.times / tau).numpy()
        distances = chaos.divergence.distances
        label = (
            f"{name}: λτ = {_exponent_text(chaos.until_sampling, tau)} until T, {_exponent_text(chaos.long_run, tau)} "
            "in the long run"
        )
        low, high = distances.quantile(torch.tensor([0.1, 0.9], dtype=distances.dtype), dim=1)
        axes.fill_between(times, low.numpy(), high.numpy(), color=color, alpha=0.18, linewidth=0)
        axes.plot(times, chaos.divergence.typical_distance.numpy(), dashes, color=color, label=label)
    axes.set(yscale="log", xlabel="time since the start t / τ", ylabel="distance of two trajectories (rms potential)")
    mark_sampling_time(axes, sampling_time / tau)
    figure.legend(*axes.get_legend_handles_labels(), loc="outside upper left")
    return figure


def trajectories_figure(plane: Plane, data: Tensor, trajectories: Tensor, sampling_step: int) -> Figure:
    """Draw trajectories in the plane of the data's first principal components, over the cloud of the data.

    Args:
        plane: The plane.
        data: Coordinates of real images, ``(N, 2)``.
        trajectories: Coordinates of chains at every time step from 0 to beyond T, ``(times, chains, 2)``.
        sampling_step: Time step of T.
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
    xlabel, ylabel = (
        f"principal component {number} ({share:.1%} of variance)"
        for number, share in enumerate(plane.variance_shares.tolist(), start=1)
    )
    axes.set(xlabel=xlabel, ylabel=ylabel, aspect="equal")
    figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=5)
    return figure


def _exponent_text(exponents: LyapunovExponents, tau: float) -> str:
    """Write mean and standard error of the exponents in units of 1 / tau."""
    mean, error = float(exponents.mean) * tau, float(exponents.standard_error) * tau
    if mean == float("-inf"):
        return "−∞ (deviations die out)"
    return f"{mean:.3f} ± {error:.3f}".replace("-", "−")


def _exponent_columns(chaos: dict[str, Chaos], length: int) -> dict[str, list[float]]:
    """List the exponents per unit of time and their standard errors, the same in every line of the file."""
    columns = {}
    for name, measured in chaos.items():
        for kind, exponents in (("until_T", measured.until_sampling), ("long_run", measured.long_run)):
            columns[f"exponent_{kind}_{name}"] = [float(exponents.mean)] * length
            columns[f"exponent_{kind}_{name}_standard_error"] = [float(exponents.standard_error)] * length
    return columns
