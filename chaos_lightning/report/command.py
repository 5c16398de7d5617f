"""The command ``chaos-lightning report``."""

from pathlib import Path
from typing import Literal

import matplotlib
import torch
from rich.progress import Progress

from chaos_lightning.data import ImageDataModule
from chaos_lightning.files import output_folder
from chaos_lightning.pictures.style import STYLE
from chaos_lightning.report.chaos_sections import divergence_section, trajectories_section
from chaos_lightning.report.curves import measure_over_time, times_to_measure
from chaos_lightning.report.image_sections import formation_section, nearest_section, samples_section
from chaos_lightning.report.measure_sections import sampling_time_section, spectra_section, training_section
from chaos_lightning.report.page import write_page, write_section
from chaos_lightning.report.source import read_history
from chaos_lightning.report.subject import read_subject
from chaos_lightning.report.tables import measures_table, settings_table


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
        ValueError: if the checkpoint, the data and the numbers do not fit one another, or the output is a file.
    """
    subject = read_subject(ckpt_path, data, split, num_samples, num_chains, seed)
    model = subject.model
    history = read_history(Path(ckpt_path), model.sampling_time)
    folder = output_folder(output)

    times = times_to_measure(model)
    with matplotlib.rc_context(STYLE), Progress() as progress, torch.no_grad():
        task = progress.add_task("measures over sampling time", total=len(times) + 6)
        curves = measure_over_time(
            model, subject.held_out, subject.floor, times, seed, advance=lambda: progress.advance(task)
        )
        sections = [samples_section(subject, curves)]
        for description, make in (
            ("image as it forms", lambda: [formation_section(subject)]),
            ("measures", lambda: [training_section(subject, history), sampling_time_section(subject, curves)]),
            ("nearest training images", lambda: [spectra_section(subject, curves), nearest_section(subject, curves)]),
            ("chaos", lambda: [divergence_section(subject)]),
            ("trajectories", lambda: [trajectories_section(subject)]),
        ):
            progress.update(task, description=description)
            sections += make()
            progress.advance(task)
        progress.update(task, description="writing")
        parts = [write_section(folder, section) for section in sections]
        progress.advance(task)
    title = f"{type(model).__name__} network against {subject.data.name}"
    page = write_page(folder, title, [settings_table(subject), measures_table(curves, model.sampling_time), *parts])
    num_figures = sum(section.figure is not None for section in sections)
    print(f"Wrote a report of {num_figures} figures to {page}.")
    return page
