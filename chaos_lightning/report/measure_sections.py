"""Sections of measures: the four errors over training and over sampling time, and the spectra."""

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from chaos_lightning.metrics.catalogue import ERRORS, MEASURES, SYMBOLS
from chaos_lightning.metrics.record import RECORD
from chaos_lightning.pictures.spectra import LEAST_EIGENVALUE, eigenvalues_figure
from chaos_lightning.pictures.style import DATA, FLOOR, SAMPLES, mark_sampling_time, new_figure
from chaos_lightning.report.curves import Curves
from chaos_lightning.report.page import Section
from chaos_lightning.report.source import TrainingHistory
from chaos_lightning.report.subject import Subject


def training_section(subject: Subject, history: TrainingHistory | None) -> Section:
    """Show the four errors over training, or say why the run has no record of them."""
    title = "Measures over training"
    if history is None:
        return Section(
            "training",
            title,
            f"Not shown: there is no {RECORD} with measures of a validation at T beside the checkpoint or one "
            "folder up. Training writes it into the run's folder; put the checkpoint back there, or copy the file.",
        )
    return Section(
        "training",
        title,
        f"The four accuracy measures at T in the {len(history.steps)} validations of the run, each of "
        f"{history.num_samples:,} samples against as many validation images (0 is perfect). Dashed: what real training "
        f"images reach against the same images. Dotted: this checkpoint, at step {subject.step:,}. From "
        f"{history.path.name} of the run's folder.",
        training_figure(history, subject.step),
        {
            "step": history.steps,
            **history.values,
            **{f"{name}_floor": values for name, values in history.floors.items()},
        },
    )


def sampling_time_section(subject: Subject, curves: Curves) -> Section:
    """Show the four errors over sampling time."""
    best = {name: curves.times[curves.values[name].index(min(curves.values[name]))] for name in ERRORS}
    times = ", ".join(f"{SYMBOLS[name]} {time / subject.model.tau:g}" for name, time in best.items())
    return Section(
        "sampling_time",
        "Measures over sampling time",
        f"The four accuracy measures of one and the same run of {len(subject.held_out):,} chains of seed "
        f"{subject.seed}, read out at {len(curves.times)} times from 0 to 3T, against as many held-out images. "
        f"Dashed: what as many real training images reach. Dotted: T. Each is smallest at t / τ = {times}.",
        sampling_time_figure(curves, subject.model.sampling_time, subject.model.tau),
        {
            "time": curves.times,
            **curves.values,
            **{f"{name}_floor": [curves.floors[name]] * len(curves.times) for name in ERRORS},
        },
    )


def spectra_section(subject: Subject, curves: Curves) -> Section:
    """Show the spectra of the covariances of held-out images, training images and samples."""
    spectra = {
        "held_out": curves.real_spectrum.square(),
        "training": curves.floor_spectrum.square(),
        "samples": curves.generated_spectrum.square(),
    }
    count = len(subject.held_out)
    return Section(
        "spectra",
        "Covariance spectra",
        f"Eigenvalues of the pixels' covariance over {count:,} held-out images, as many training images and as many "
        f"samples of seed {subject.seed} at T, and their ratio. The two sets of real images show how much comes from "
        f"sampling alone. Ranks whose eigenvalue in the held-out images is below {LEAST_EIGENVALUE:g} are left "
        "out of the figure.",
        eigenvalues_figure(spectra, count),
        {"rank": range(1, len(spectra["samples"]) + 1), **{name: values.tolist() for name, values in spectra.items()}},
    )


def training_figure(history: TrainingHistory, checkpoint_step: int) -> Figure:
    """Draw the four errors over training, with their floors and the step of the checkpoint."""
    figure, panels = _four_panels("training step")
    for name, axes in panels.items():
        axes.plot(history.steps, history.values[name], "o-", color=SAMPLES, markersize=3, label="samples at T")
        axes.plot(history.steps, history.floors[name], "--", color=FLOOR, label="real against real")
        axes.axvline(checkpoint_step, color=DATA, linewidth=0.9, linestyle=":", label="this checkpoint")
    figure.legend(*panels[ERRORS[0]].get_legend_handles_labels(), loc="outside lower center", ncols=3)
    return figure


def sampling_time_figure(curves: Curves, sampling_time: float, tau: float) -> Figure:
    """Draw the four errors over sampling time, with their floors and T."""
    figure, panels = _four_panels("sampling time t / τ")
    times = [time / tau for time in curves.times]
    for name, axes in panels.items():
        axes.plot(times, curves.values[name], "o-", color=SAMPLES, markersize=3, label="samples")
        axes.axhline(curves.floors[name], linestyle="--", color=FLOOR, label="real against real")
        mark_sampling_time(axes, sampling_time / tau)
    handles, labels = panels[ERRORS[0]].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=3)
    return figure


def _four_panels(xlabel: str) -> tuple[Figure, dict[str, Axes]]:
    """Make a panel for each error: the figure, and the name of an error to its axes."""
    figure = new_figure(5.0)
    grid = figure.subplots(2, 2, sharex=True)
    panels = dict(zip(ERRORS, grid.flat, strict=True))
    for name, axes in panels.items():
        axes.set(yscale="log", ylabel=MEASURES[name].symbol, title=MEASURES[name].title)
    for axes in grid[1]:
        axes.set_xlabel(xlabel)
    return figure, panels
