"""Section of the long run: theory and measurement in the same axes."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from chaos_lightning.chaos.measured import DURATION, LONGEST_LAG, SPECTRUM_DURATION, LongRun
from chaos_lightning.chaos.subject import Subject
from chaos_lightning.pictures.style import BEFORE, DATA, SAMPLES, new_figure
from chaos_lightning.report.page import Section

COLORS = {"untrained": BEFORE, "trained": SAMPLES}
MARKERS = {"untrained": "o", "trained": "s"}
DASHES = ("-", "--", ":", "-.")


def layer_names(num_layers: int) -> list[str]:
    """Name layers from the visible one up."""
    if num_layers < 3:
        return ["visible", "hidden"][:num_layers]
    return ["visible", *(f"hidden {layer}" for layer in range(1, num_layers))]


def long_run_section(subject: Subject, measured: Mapping[str, LongRun]) -> Section:
    """Show autocorrelations, Lyapunov spectra, eigenvalues of Jacobians and the layers' shares of chaos."""
    clock = subject.clock
    times = " and ".join(f"t = {time:g}" for time in measured["untrained"].eigenvalues)
    theory = "Black: mean-field theory of infinitely large untrained networks. " if subject.theory else ""
    trained = (
        "Before training learned couplings and biases are 0. Of the trained network each unit's mean is subtracted; an "
        "autocorrelation that does not decay says that chains stay where they came to. "
        if "trained" in measured
        else ""
    )
    return Section(
        "long_run",
        "Theory and measurement in the long run",
        f"{theory}{subject.why_no_theory} {trained}"
        f"(a) Autocorrelation of the potentials over {DURATION} τ, mean of {subject.num_chains} chains; the band is "
        f"its standard error. (b) The largest Lyapunov exponents over {SPECTRUM_DURATION} τ; the vertical lines are at "
        "the Kaplan-Yorke dimension. Theory knows the largest exponent alone. (c) Eigenvalues of the Jacobian at "
        f"{times} of one chain. In theory they fill the disc; beyond the grey line, |1 + αz| = 1 with "
        f"α = dt/τ = {clock.alpha:g}, a step makes deviations grow. (d) Where chaos lives: share of each layer in the "
        "squared length of the fastest growing deviation, beside its share of the units.",
        long_run_figure(subject, measured),
    )


def long_run_figure(subject: Subject, measured: Mapping[str, LongRun]) -> Figure:
    """Draw four panels: autocorrelation, spectrum, eigenvalues and layers."""
    figure = new_figure(5.9)
    panels = {
        "(a) autocorrelation": _autocorrelation,
        "(b) Lyapunov spectrum": _spectrum,
        "(c) eigenvalues of the Jacobian": _eigenvalues,
        "(d) where chaos lives": _layers,
    }
    for axes, (title, draw) in zip(figure.subplots(2, 2).flat, panels.items(), strict=True):
        draw(axes, subject, measured)
        axes.set_title(title, loc="left")
    handles: list[Any] = [Line2D([], [], color=DATA, linewidth=1.2, label="theory")] if subject.theory else []
    handles += [Line2D([], [], color=COLORS[name], marker=MARKERS[name], markersize=4, label=name) for name in measured]
    figure.legend(handles=handles, loc="outside upper right", ncols=3)
    return figure


def _autocorrelation(axes: Axes, subject: Subject, measured: Mapping[str, LongRun]) -> None:
    tau, names = subject.clock.tau, layer_names(len(subject.layer_sizes))
    for network, run in measured.items():
        curves, lags = run.autocorrelations, (run.autocorrelations.times / tau).numpy()
        for layer, dashes in zip(range(len(names)), DASHES, strict=False):
            mean = curves.mean[layer].numpy()
            if mean[0] <= 1e-12:
                continue
            error = curves.standard_error[layer].numpy() / mean[0]
            mean = mean / mean[0]
            axes.fill_between(lags, mean - error, mean + error, color=COLORS[network], alpha=0.2, linewidth=0)
            axes.plot(lags, mean, dashes, color=COLORS[network], linewidth=1.3)
    if subject.theory is not None:
        lags = (subject.theory.times / tau).numpy()
        for curve, dashes in zip(subject.theory.potentials.numpy(), DASHES, strict=False):
            if curve[0] > 0:
                axes.plot(lags, curve / curve[0], dashes, color=DATA, linewidth=1)
    if len(names) > 1:
        axes.legend(
            handles=[
                axes.plot([], [], dashes, color="0.4", label=name)[0]
                for name, dashes in zip(names, DASHES, strict=False)
            ]
        )
    axes.set(xlabel="lag s / τ", ylabel="C(s) / C(0)", xlim=(0, LONGEST_LAG))


def _spectrum(axes: Axes, subject: Subject, measured: Mapping[str, LongRun]) -> None:
    tau = subject.clock.tau
    axes.axhline(0, color="0.6", linewidth=0.8)
    for name, run in measured.items():
        mean, error = (run.spectrum.mean * tau).numpy(), (run.spectrum.standard_error * tau).numpy()
        indices = np.arange(1, len(mean) + 1)
        axes.fill_between(indices, mean - error, mean + error, color=COLORS[name], alpha=0.25, linewidth=0)
        axes.plot(indices, mean, MARKERS[name], color=COLORS[name], markersize=2.2)
        dimension = float(run.spectrum.dimension.mean())
        if dimension > 0:
            axes.axvline(dimension, color=COLORS[name], linewidth=0.9, linestyle=":")
            axes.annotate(
                f"D = {dimension:.0f}",
                (dimension, 0.97),
                xycoords=("data", "axes fraction"),
                ha="right",
                va="top",
                color=COLORS[name],
                fontsize=8,
                rotation=90,
                xytext=(-2, 0),
                textcoords="offset points",
            )
    if subject.theory is not None:
        exponent = subject.theory.lyapunov_exponent * tau
        axes.plot([1], [exponent], "_", color=DATA, markersize=14, markeredgewidth=1.8, zorder=5)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set(xlabel="index i", ylabel="exponent λᵢ τ")


def _eigenvalues(axes: Axes, subject: Subject, measured: Mapping[str, LongRun]) -> None:
    angles = np.linspace(0, 2 * np.pi, 400)
    for name, run in measured.items():
        for values, alpha in zip(run.eigenvalues.values(), (0.35, 0.8), strict=False):
            axes.plot(
                values.real.numpy(),
                values.imag.numpy(),
                MARKERS[name],
                color=COLORS[name],
                markersize=1.6,
                alpha=alpha,
                markeredgewidth=0,
                rasterized=True,
            )
    widest = max(run.jacobian_radius for run in measured.values())
    if subject.theory is not None:
        radius = subject.theory.jacobian_radius
        axes.plot(-1 + radius * np.cos(angles), radius * np.sin(angles), color=DATA, linewidth=1)
        widest = max(widest, radius)
    alpha = subject.clock.alpha
    axes.plot((np.cos(angles) - 1) / alpha, np.sin(angles) / alpha, color="0.6", linewidth=0.9)
    widest *= 1.08
    axes.set(xlabel="real part (1/τ)", ylabel="imaginary part (1/τ)")
    axes.set(xlim=(-1 - widest, -1 + widest), ylim=(-widest, widest), aspect="equal")


def _layers(axes: Axes, subject: Subject, measured: Mapping[str, LongRun]) -> None:
    sizes = np.array(subject.layer_sizes)
    places, width = np.arange(len(sizes)), 0.8 / len(measured)
    for index, (name, run) in enumerate(measured.items()):
        mean, error = (part.numpy() for part in run.layer_shares)
        at = places + (index - (len(measured) - 1) / 2) * width
        axes.bar(at, mean, 0.9 * width, yerr=error, color=COLORS[name], alpha=0.75, error_kw={"linewidth": 1})
    if subject.theory is not None:
        shares = subject.theory.deviation_shares.numpy()
        axes.hlines(shares, places - 0.42, places + 0.42, color=DATA, linewidth=1.3)
    axes.plot(
        places, sizes / sizes.sum(), "D", color="white", markeredgecolor="0.3", markersize=5, label="of the units"
    )
    axes.set_xticks(places, layer_names(len(sizes)))
    axes.grid(False, axis="x")
    axes.legend(loc="upper right")
    axes.set(ylabel="share of the layer", ylim=(0, 1))
