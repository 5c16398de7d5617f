"""Sections of sampling: exponents, dimension, overlaps and classes on the way, and pairs that start close together."""

from collections.abc import Mapping

import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from chaos_lightning.chaos.long_run_section import COLORS
from chaos_lightning.chaos.sampling import NUM_SAMPLES, RELATIVE_SIZE, SAME_IMAGE, SamplingRun
from chaos_lightning.chaos.subject import LABELLED_IMAGES, Subject
from chaos_lightning.dynamics.standard_errors import mean_and_error
from chaos_lightning.pictures.style import DATA, mark_sampling_time, new_figure
from chaos_lightning.report.page import Section


def sampling_section(subject: Subject, measured: Mapping[str, SamplingRun]) -> Section:
    """Show what happens from the random start to 3T."""
    decided = ""
    if "trained" in measured and measured["trained"].decided is not None:
        run = measured["trained"]
        early = decision_times(run)
        decided = (
            f"(d) Share of {NUM_SAMPLES} samples whose nearest of {LABELLED_IMAGES:,} training images at most has the "
            "class of T from this time on, and after T still has it. Half of the samples have decided for their class "
            f"by t = {float(early.quantile(0.5, interpolation='higher')) / subject.clock.tau:.3g} τ, 90 % by "
            f"{float(early.quantile(0.9, interpolation='higher')) / subject.clock.tau:.3g} τ. "
        )
    return Section(
        "sampling",
        "What happens in time",
        "From the random start to three times the sampling time (dotted), out of equilibrium. (a) The largest "
        f"exponent: solid, by which deviations have grown from the start to t (mean of {subject.num_chains} chains and "
        "its standard error); dashed, since the time before. The directions followed are random at the start and need "
        "some τ to turn into those that grow. (b) Kaplan-Yorke dimension of the exponents since the time before. (c) "
        f"Overlap of visible rates, -1 to 1: solid, between different ones of {NUM_SAMPLES} samples; dashed, of a "
        f"sample with itself at T. {decided}",
        sampling_figure(subject, measured),
    )


def pairs_section(subject: Subject, measured: Mapping[str, SamplingRun]) -> Section:
    """Show how sensitive the image is to the start."""
    sentences = []
    for name, run in measured.items():
        places = [subject.clock.num_steps, 3 * subject.clock.num_steps]
        shares = [run.same_image_share(place) for place in places]
        sentence = (
            f"{name}: {shares[0]:.0%} of the pairs are in the same image at T and {shares[1]:.0%} at 3T (closer than "
            f"{SAME_IMAGE:.0%} of what samples differ by, {run.sample_distance:.2g})"
        )
        if run.pair_labels is not None and name == "trained":
            same = (run.pair_labels[:, 0] == run.pair_labels[:, 1]).double().mean(dim=1)
            sentence += f", and {float(same[0]):.0%} and {float(same[1]):.0%} of them in the same class"
        sentences.append(sentence)
    return Section(
        "pairs",
        "Sensitivity of the image to the start",
        f"Root mean square difference of the images of {subject.num_chains} pairs of chains whose starts differ by "
        f"{RELATIVE_SIZE:g} of their length, in float64: geometric mean, and range from 10 % to 90 % of the pairs. "
        "Horizontal: what different samples differ by at T. "
        + ("Black: growth with the exponent of theory. " if subject.theory else "")
        + f"{'; '.join(sentences)}.",
        pairs_figure(subject, measured),
    )


def decision_times(run: SamplingRun) -> Tensor:
    """Return for each sample the first time from which on it has the class of T until T, ``(samples,)``."""
    assert run.labels is not None
    place = run.place_of_sampling_time
    same = (run.labels[: place + 1] == run.labels[place]).flip(0).cumprod(dim=0).sum(dim=0)
    return run.exponents.times[place + 1 - same]


def sampling_figure(subject: Subject, measured: Mapping[str, SamplingRun]) -> Figure:
    """Draw exponent, dimension, overlaps and decided samples over time."""
    figure = new_figure(5.2)
    panels = figure.subplots(2, 2, sharex=True)
    tau = subject.clock.tau
    exponent, dimension, overlap, decided = panels.flat
    for name, run in measured.items():
        times, color = run.exponents.times / tau, COLORS[name]
        _band(exponent, times, run.exponents.mean * tau, run.exponents.standard_error * tau, color, "-", name)
        local = [mean_and_error(spectrum.of_chains[:, :1]) for spectrum in run.spectra]
        local_mean, local_error = (torch.cat([each[part] for each in local]) * tau for part in (0, 1))
        _band(exponent, times, local_mean, local_error, color, "--")
        dimensions = [mean_and_error(spectrum.dimension) for spectrum in run.spectra]
        mean, error = (torch.stack([each[part] for each in dimensions]) for part in (0, 1))
        _band(dimension, times, mean, error, color, "-")
        _band(overlap, times, *run.overlaps, color, "-")
        _band(overlap, times, *run.overlaps_with_final, color, "--")
        if name == "trained" and run.decided is not None:
            shares = run.decided
            _band(decided, times, shares, (shares * (1 - shares) / NUM_SAMPLES).sqrt(), color, "-")
    exponent.axhline(0, color="0.6", linewidth=0.8)
    exponent.set(title="(a) largest exponent", ylabel="λ τ")
    dimension.set(title="(b) dimension", ylabel="Kaplan-Yorke dimension", ylim=(0, None))
    overlap.set(title="(c) overlap", ylabel="overlap of visible rates", ylim=(None, 1.02))
    decided.set(title="(d) decided for a class", ylabel="share of samples", ylim=(0, 1.02))
    if not decided.lines:
        reason = "classes: of a trained network only" if subject.model is None else "no labelled training images"
        decided.text(0.5, 0.5, reason, ha="center", color="0.4", transform=decided.transAxes)
        decided.set(title="", ylabel="", yticks=[])
        decided.set_axis_off()
    for axes in panels.flat:
        if axes.axison:
            mark_sampling_time(axes, subject.clock.sampling_time / tau)
        title = axes.get_title()
        axes.set_title("")
        axes.set_title(title, loc="left")
    for axes in panels[1] if decided.axison else (dimension, overlap):
        axes.set_xlabel("time since the start t / τ")
        axes.xaxis.set_tick_params(labelbottom=True)
    figure.legend(*exponent.get_legend_handles_labels(), loc="outside upper right", ncols=3)
    return figure


def pairs_figure(subject: Subject, measured: Mapping[str, SamplingRun]) -> Figure:
    """Draw the difference of the images of pairs over time."""
    figure = new_figure(3.6)
    axes = figure.subplots()
    tau = subject.clock.tau
    for name, run in measured.items():
        times, distances = (run.pair_times / tau).numpy(), run.pair_distances.clamp(min=1e-18)
        low, high = distances.quantile(torch.tensor([0.1, 0.9], dtype=distances.dtype), dim=1)
        axes.fill_between(times, low.numpy(), high.numpy(), color=COLORS[name], alpha=0.18, linewidth=0)
        axes.plot(times, distances.log().mean(dim=1).exp().numpy(), color=COLORS[name], label=f"{name}, pairs")
        axes.axhline(run.sample_distance, color=COLORS[name], linewidth=0.9, linestyle="--", label=f"{name}, samples")
    if subject.theory is not None:
        run = measured["untrained"]
        start = len(run.pair_times) // 4
        growth = ((run.pair_times - run.pair_times[start]) * subject.theory.lyapunov_exponent).exp()
        typical = float(run.pair_distances[start].clamp(min=1e-18).log().mean().exp())
        axes.plot((run.pair_times / tau).numpy(), typical * growth.numpy(), color=DATA, linewidth=1, label="theory")
    axes.set(yscale="log", xlabel="time since the start t / τ", ylabel="difference of two images (rms rate)")
    mark_sampling_time(axes, subject.clock.sampling_time / tau)
    figure.legend(*axes.get_legend_handles_labels(), loc="outside upper center", ncols=3)
    return figure


def _band(axes: Axes, times: Tensor, mean: Tensor, error: Tensor, color: str, dashes: str, label: str = "") -> None:
    """Draw a mean with its standard error."""
    x, y, spread = (values.double().numpy() for values in (times, mean, error))
    axes.fill_between(x, y - spread, y + spread, color=color, alpha=0.2, linewidth=0)
    axes.plot(x, y, dashes, color=color, linewidth=1.4, label=label or None)
