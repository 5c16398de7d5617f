"""The command ``chaos-lightning measure``: measure the images of any generator."""

import json
from pathlib import Path

import torch
from matplotlib.figure import Figure
from rich.progress import Progress

from chaos_lightning.data import read_images
from chaos_lightning.features import find_features
from chaos_lightning.files import output_folder, written_at_once
from chaos_lightning.functional.class_balance import nearest_labels
from chaos_lightning.metrics.catalogue import MEASURES, TRAINING_MEASURES, ratio_to_floor
from chaos_lightning.metrics.evaluation import all_measures, computed_spectra, evaluate
from chaos_lightning.metrics.tables import print_measures
from chaos_lightning.pictures.spectra import spectra_figure
from chaos_lightning.shapes import described


def measure(
    real: str,
    generated: str,
    training: str | None = None,
    num_samples: int | None = None,
    seed: int = 0,
    colour: bool = False,
    output: str = "measures",
    features: str | None = None,
) -> dict[str, float]:
    """Measure accuracy and diversity of generated images against real ones, beside the floor.

    The floor measures other real images in place of the generated ones: training images if given, else images that are
    left over in ``real``. With too few of them there is no floor. Images are files (.npz or .pt, 8-bit or in [-1, 1])
    or folders of PNG images. Vectors that are no images, in [-1, 1], are named ``vectors`` in their files. Of a file
    with training and test images each option takes its own.

    Args:
        real: real images that the generator has not seen.
        generated: generated images.
        training: the generator's training images, for the share of near-copies. With labels they also serve the
            measures of classes and, where generated images have labels, the share whose nearest training image has the
            same label.
        num_samples: number of images of each side, drawn at random; by default as many as both sides have.
        seed: seed of the draw.
        colour: whether colours are measured. Otherwise they count by their brightness, as grey.
        output: folder for measures.json and the plots.
        features: network for the measures in its feature space: the file that ``chaos-lightning classifier`` wrote, or
            the class path of a torch module from images (N, channels, height, width) in [-1, 1] to features (N, D).

    Returns:
        Measure name to value.

    Raises:
        DataError: if images cannot be read.
        FileNotFoundError: if there is no file of features.
        OSError: if the output cannot be written.
        ValueError: if the images do not fit one another or are too few, or the output is a file.
    """
    real_images, real_labels = read_images(real, "test", colour=colour)
    generated_images, generated_labels = read_images(generated, may_be_dark=True, colour=colour)
    training_images, training_labels = (
        (None, None) if training is None else read_images(training, "train", colour=colour)
    )
    shape = tuple(real_images.shape[1:])
    for name, images in (("generated", generated_images), ("training", training_images)):
        if images is not None and images.shape[1:] != shape:
            found = described(tuple(images.shape[1:]))
            raise ValueError(f"the {name} images are of {found}, but the real ones of {described(shape)}")
    available = min(len(real_images), len(generated_images))
    count = available if num_samples is None else num_samples
    if not 2 <= count <= available:
        raise ValueError(f"num_samples must be from 2 to {available}, the images that both sides have, but is {count}")
    network = None if features is None else find_features(features, shape)
    folder = output_folder(output)

    generator = torch.Generator().manual_seed(seed)
    drawn_rows, left_rows = torch.randperm(len(real_images), generator=generator).tensor_split([count])
    generated_rows = torch.randperm(len(generated_images), generator=generator)[:count]
    drawn_real, drawn_generated = real_images[drawn_rows], generated_images[generated_rows]
    others = real_images[left_rows] if training_images is None else training_images
    floor_rows = torch.randperm(len(others), generator=generator)[:count]
    floor_images = others[floor_rows] if len(others) >= count else None

    with Progress(transient=True) as progress:
        task = progress.add_task("measuring", total=2)
        measures = all_measures(shape, training_images, training_labels, count, network)
        values = evaluate(measures, drawn_real, drawn_generated)
        progress.advance(task)
        figure = spectra_figure(*computed_spectra(measures))
        floors: dict[str, float] = {}
        if floor_images is not None:
            measures.reset()
            floors = evaluate(measures, drawn_real, floor_images)
            # Floor images that are training images are copies, and of their own class, by construction.
            for name in TRAINING_MEASURES if training_images is not None else ():
                floors.pop(name, None)
        if training_images is not None and training_labels is not None and generated_labels is not None:
            sides = (
                (values, drawn_generated, generated_labels, generated_rows),
                (floors, drawn_real, real_labels, drawn_rows),
            )
            for entries, images, labels, rows in sides:
                if labels is not None:
                    agrees = nearest_labels(images, training_images, training_labels) == labels[rows]
                    entries["class_agreement"] = float(agrees.double().mean())
        progress.advance(task)
    print_measures(f"{count:,} generated images against as many real ones", values, floors)
    if floor_images is None:
        print(_why_no_floor(count, len(real_images), None if training_images is None else len(training_images)))
    _write(folder, values, floors, count, figure)
    print(f"Wrote measures.json and plots to {folder}.")
    return values


def _why_no_floor(count: int, num_real: int, num_training: int | None) -> str:
    """Say why there is no floor of ``count`` other real images, and how to get one."""
    if num_training is not None:
        available, place, most, advice = num_training, "in the training images", num_training, "give more of these"
    else:
        available, place, most, advice = num_real - count, "left of the real ones", num_real // 2, "give --training"
    if most >= 2:
        advice += f" or lower --num_samples to {most}"
    return f"There is no floor, for it takes {count:,} other real images and only {available:,} are {place}: {advice}."


def _write(folder: Path, values: dict[str, float], floors: dict[str, float], num_samples: int, spectra: Figure) -> None:
    entries = {
        name: {"value": value, "floor": floors.get(name), "ratio": ratio_to_floor(name, value, floors.get(name))}
        for name, value in values.items()
    }
    text = json.dumps({"num_samples": num_samples, "measures": entries}, indent=2)
    with written_at_once(folder / "measures.json") as path:
        path.write_text(text + "\n", encoding="utf-8")
    for name, plot in (("spectra.png", spectra), ("measures.png", _ratios_figure(values, floors))):
        with written_at_once(folder / name) as path:
            plot.savefig(path, format="png", dpi=150)


def _ratios_figure(values: dict[str, float], floors: dict[str, float]) -> Figure:
    """Values and floors of the measures, side by side on a logarithmic axis."""
    names = [name for name in MEASURES if name in values and values[name] > 0]
    figure = Figure(figsize=(7, 0.35 * len(names) + 1.2), layout="constrained")
    axes = figure.subplots()
    axes.plot([values[name] for name in names], names, "o", color="C1", label="generated")
    with_floor = [name for name in names if floors.get(name, 0) > 0]
    axes.plot([floors[name] for name in with_floor], with_floor, "k|", markersize=12, label="real (floor)")
    axes.set(xscale="log", xlabel="value")
    axes.invert_yaxis()
    axes.grid(axis="x", alpha=0.3)
    axes.legend()
    return figure
