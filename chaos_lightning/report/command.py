"""The command that makes the report."""

import platform
from pathlib import Path
from typing import Any, Literal, NamedTuple

import matplotlib
import torch
from rich.progress import Progress
from torch import Tensor

from chaos_lightning.data import ImageDataModule
from chaos_lightning.data.images import ImageSet
from chaos_lightning.data.of_training import check_unseen, make_training_data
from chaos_lightning.dynamics.lyapunov import LONG_RUN_DURATION, LONG_RUN_TRANSIENT
from chaos_lightning.functional import near_copy_share, nearest_neighbours
from chaos_lightning.functional.checks import check_seed
from chaos_lightning.metrics.catalogue import ERRORS, MEASURES, SYMBOLS, ratio_to_floor
from chaos_lightning.metrics.record import RECORD
from chaos_lightning.models import ChaoticGenerator
from chaos_lightning.models.checkpoint import read_checkpoint
from chaos_lightning.pixels import to_pixels
from chaos_lightning.report.chaos import RELATIVE_SIZE, Chaos, measure_chaos
from chaos_lightning.report.curve_figures import (
    LEAST_EIGENVALUE,
    divergence_figure,
    exponent_text,
    sampling_time_figure,
    spectra_figure,
    training_figure,
    trajectories_figure,
)
from chaos_lightning.report.curves import Curves, measure_over_time, times_to_measure
from chaos_lightning.report.image_figures import formation_figure, grid_figure, nearest_figure
from chaos_lightning.report.page import Section, table, write_page, write_section
from chaos_lightning.report.projection import principal_plane
from chaos_lightning.report.source import TrainingHistory, read_history
from chaos_lightning.report.style import STYLE
from chaos_lightning.version import __version__

IN_GRID, IN_FORMATION, IN_NEAREST, IN_PLANE = 100, 8, 10, 6
"""Images or chains that a figure shows, at most."""

FORMATION = (0.0, 0.05, 0.1, 0.2, 0.3, 0.4, 0.6, 0.8, 1.0, 1.5, 2.0, 3.0)
"""Times at which an image is shown as it forms, in units of T."""


class Subject(NamedTuple):
    """What the report is about.

    Attributes:
        model: the trained network.
        step: training steps it has taken.
        settings: of the network and its training, as the checkpoint holds them.
        held_out: real images that it has not seen.
        floor: as many of its training images.
        training: all of them.
        seed: of the samples.
        num_chains: starts of which the chaos is measured.
    """

    model: ChaoticGenerator
    step: int
    settings: dict[str, Any]
    held_out: Tensor
    floor: Tensor
    training: ImageSet
    seed: int
    num_chains: int


def report(
    ckpt_path: str,
    data: ImageDataModule | None = None,
    split: Literal["validation", "test"] = "validation",
    output: str = "report",
    num_samples: int = 1_000,
    num_chains: int = 20,
    seed: int = 0,
) -> Path:
    """Draw what a trained network does into one folder: figures, the numbers behind them, and a page to read.

    Samples, the image as it forms, the measures over training and over sampling time, spectra, nearest training
    images, chaos before and after training, and trajectories. ``index.html`` in the folder holds all figures and
    needs no other file.

    Args:
        ckpt_path: checkpoint of the trained network; measures.csv in its run's folder gives the measures over training.
        data: data set to compare with; that of the training by default.
        split: held-out images to compare with.
        output: folder to write.
        num_samples: samples to measure, and as many held-out and training images.
        num_chains: random starts of which the chaos is measured.
        seed: of the samples' random initial states; the first samples are those of predict with the same seed.

    Returns:
        The page.

    Raises:
        DataError: if the data cannot be read.
        FileNotFoundError: if there is no such checkpoint.
        OSError: if the folder cannot be written.
        ValueError: if the checkpoint, the data and the numbers do not fit one another.
    """
    checkpoint = read_checkpoint(ckpt_path)
    model = ChaoticGenerator.load_from_checkpoint(ckpt_path, map_location="cpu").eval()
    data = data or make_training_data(checkpoint)
    if model.noise > 0:
        raise ValueError(
            f"the report follows networks that run on their own, but noise={model.noise:g} is injected into this one; "
            "test and predict work with it"
        )
    check_seed(seed)
    if num_samples < 2 or num_chains < 2:
        raise ValueError(f"num_samples and num_chains must be at least 2, but are {num_samples} and {num_chains}")
    if tuple(data.image_shape) != model.image_shape:
        raise ValueError(
            f"the network makes images of {model.image_shape}, but those of the data are {data.image_shape}"
        )
    if split == "validation":
        check_unseen(checkpoint, data)
    data.prepare_data()
    split_images = {"validation": data.validation, "test": data.test}[split]
    available = min(len(split_images), len(data.train))
    if num_samples > available:
        raise ValueError(
            f"num_samples={num_samples} needs as many {split} and training images, but there are only {available}"
        )
    history = read_history(Path(ckpt_path), model.sampling_time)
    folder = Path(output)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "index.html").open("a").close()  # an earlier page stays until the new one is there
    except OSError as error:
        raise OSError(f"cannot write a report to {folder}: {error.strerror}") from error

    held_out, floor = data.draw_evaluation(split_images, num_samples)
    subject = Subject(
        model,
        int(checkpoint["global_step"]),
        checkpoint["hyper_parameters"],
        held_out.images,
        floor.images,
        data.train,
        seed,
        num_chains,
    )
    times = times_to_measure(model)
    with matplotlib.rc_context(STYLE), Progress() as progress, torch.no_grad():
        task = progress.add_task("measures over sampling time", total=len(times) + 6)
        curves = measure_over_time(
            model, subject.held_out, subject.floor, times, seed, advance=lambda: progress.advance(task)
        )
        sections = [_samples(subject, curves)]
        for description, make in (
            ("image as it forms", lambda: [_formation(subject)]),
            ("measures", lambda: [_training(subject, history), _sampling_time(subject, curves)]),
            ("nearest training images", lambda: [_spectra(subject, curves), _nearest(subject, curves)]),
            ("chaos", lambda: [_divergence(subject)]),
            ("trajectories", lambda: [_trajectories(subject)]),
        ):
            progress.update(task, description=description)
            sections += make()
            progress.advance(task)
        progress.update(task, description="writing")
        parts = [write_section(folder, section) for section in sections]
        progress.advance(task)
    name = type(model).__name__
    page = write_page(
        folder,
        f"{name} network against {data.name}",
        [_settings(subject, ckpt_path, data, split), _measures_table(curves, model.sampling_time), *parts],
    )
    num_figures = sum(section.figure is not None for section in sections)
    print(f"Wrote a report of {num_figures} figures to {page}.")
    return page


# The figures, in their order


def _samples(subject: Subject, curves: Curves) -> Section:
    images = curves.samples[:IN_GRID]
    return Section(
        "samples",
        "Samples",
        f"The first {len(images)} samples of seed {subject.seed}, not selected: visible rates at the sampling time "
        f"T = {subject.model.sampling_time:g}, black for -1 and white for 1.",
        grid_figure(images),
        arrays={"images": _levels(images)},
    )


def _formation(subject: Subject) -> Section:
    model = subject.model
    times = sorted({model.time_after(round(part * model.sampling_time / model.dt)) for part in FORMATION})
    formed = model.sample(IN_FORMATION, times=times, seed=subject.seed)
    images = torch.stack([formed[time] for time in times], dim=1)
    return Section(
        "formation",
        "The image as it forms",
        f"The first {IN_FORMATION} chains of seed {subject.seed}, one a row, from their random start on to three times "
        f"the sampling time T = {model.sampling_time:g} (framed) of training. Times are in the same unit as tau = "
        f"{model.tau:g}; the columns are not evenly spaced.",
        formation_figure(images, times, model.sampling_time),
        arrays={"images": _levels(images), "times": torch.tensor(times).numpy()},
    )


def _training(subject: Subject, history: TrainingHistory | None) -> Section:
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


def _sampling_time(subject: Subject, curves: Curves) -> Section:
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


def _spectra(subject: Subject, curves: Curves) -> Section:
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
        spectra_figure(spectra, count),
        {"rank": range(1, len(spectra["samples"]) + 1), **{name: values.tolist() for name, values in spectra.items()}},
    )


def _nearest(subject: Subject, curves: Curves) -> Section:
    training = subject.training.images
    nearest = nearest_neighbours(curves.samples, training)
    held_out = nearest_neighbours(subject.held_out, training).distances.squeeze(1)
    distances, rows = nearest.distances.squeeze(1), nearest.indices.squeeze(1)
    copies = float(near_copy_share(held_out, distances))
    shown = min(IN_NEAREST, len(distances))
    columns: dict[str, Any] = {"sample": range(len(distances)), "training_image": rows.tolist()}
    if subject.training.num_classes > 1:
        columns["label"] = subject.training.labels[rows].tolist()
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


def _divergence(subject: Subject) -> Section:
    model = subject.model
    before = measure_chaos(model.network.untrained(), model, subject.num_chains, subject.seed)
    after = measure_chaos(model.network, model, subject.num_chains, subject.seed)
    columns: dict[str, Any] = {"time": after.divergence.times.tolist()}
    for name, chaos in (("before", before), ("after", after)):
        columns[f"typical_distance_{name}"] = chaos.divergence.typical_distance.tolist()
        for pair, distances in enumerate(chaos.divergence.distances.T.tolist()):
            columns[f"distance_{name}_{pair}"] = distances
    texts = [
        f"{name} training {exponent_text(chaos.until_sampling, model.tau)} from the start to T and "
        f"{exponent_text(chaos.long_run, model.tau)} in the long run"
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


def _exponent_columns(chaos: dict[str, Chaos], length: int) -> dict[str, list[float]]:
    """The exponents per unit of time and their standard errors, the same in every line of the file."""
    columns = {}
    for name, measured in chaos.items():
        for kind, exponents in (("until_T", measured.until_sampling), ("long_run", measured.long_run)):
            columns[f"exponent_{kind}_{name}"] = [float(exponents.mean)] * length
            columns[f"exponent_{kind}_{name}_standard_error"] = [float(exponents.standard_error)] * length
    return columns


def _trajectories(subject: Subject) -> Section:
    model = subject.model
    plane = principal_plane(subject.held_out)
    sampling_step = round(model.sampling_time / model.dt)
    times = [model.time_after(step) for step in range(3 * sampling_step + 1)]
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


def _levels(images: Tensor) -> Any:
    """Images in [-1, 1] as 8-bit pixels, without the channel."""
    return to_pixels(images.float()).squeeze(-3).numpy()


# The tables at the head of the page


def _settings(subject: Subject, ckpt_path: str, data: ImageDataModule, split: str) -> str:
    model = subject.model
    settings = subject.settings
    optimizer = settings.get("optimizer", "not noted in the checkpoint")  # a function, given in Python, is not
    rows = [
        ("checkpoint", f"{ckpt_path}, after {subject.step:,} training steps"),
        ("network", f"{type(model).__name__}, layers of {', '.join(map(str, model.network.layer_sizes))} units"),
        ("gain g, rate", f"{settings.get('gain', 1.5):g}, {settings.get('rate', 'tanh')}"),
        ("tau, dt, T", f"{model.tau:g}, {model.dt:g}, {model.sampling_time:g}"),
        ("seed of the training", str(model.seed)),
        ("optimiser", _optimizer_text(optimizer)),
        ("data", f"{data.name}, {data.origin}, {len(data.train):,} training images"),
        ("compared with", f"{len(subject.held_out):,} {split} images, drawn at random (seed {data.hparams['seed']})"),
        ("samples", f"{len(subject.held_out):,}, seed {subject.seed}"),
        ("made by", f"chaos_lightning {__version__}, torch {torch.__version__}, Python {platform.python_version()}"),
    ]
    return table(rows)


def _optimizer_text(optimizer: Any) -> str:
    """Class and settings, without those that are off."""
    if not isinstance(optimizer, dict):
        return str(optimizer)
    settings = [f"{name} = {value}" for name, value in optimizer.get("init_args", {}).items() if value]
    return ", ".join([optimizer["class_path"], *settings])


def _measures_table(curves: Curves, sampling_time: float) -> str:
    place = curves.times.index(sampling_time)
    rows = []
    for name in (name for name in MEASURES if name in curves.values):
        value, floor = curves.values[name][place], curves.floors[name]
        ratio = ratio_to_floor(name, value, floor)
        label = " ".join(MEASURES[name].label.split())
        rows.append((label, f"{value:.3g}", f"{floor:.3g}", "" if ratio is None else f"{ratio:.1f}"))
    heading = "<h2>Measures at T</h2>"
    explanation = (
        "<p>0 is perfect unless said otherwise; the floor is what real training images reach against the same "
        "held-out images.</p>"
    )
    return "\n".join([heading, explanation, table(rows, header=("measure", "value", "floor", "ratio"), numbers=True)])
