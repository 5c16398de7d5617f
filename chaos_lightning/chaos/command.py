"""The command ``chaos-lightning chaos``."""

from html import escape
from pathlib import Path

import matplotlib
import torch
from rich.console import Console
from rich.table import Table

from chaos_lightning.chaos.comparison import comparison, disagreement, write_numbers
from chaos_lightning.chaos.long_run_section import long_run_section
from chaos_lightning.chaos.measured import measure_long_run
from chaos_lightning.chaos.sampling import measure_sampling
from chaos_lightning.chaos.sampling_sections import pairs_section, sampling_section
from chaos_lightning.chaos.subject import read_subject
from chaos_lightning.data import ImageDataModule
from chaos_lightning.dynamics import RateName
from chaos_lightning.files import output_folder
from chaos_lightning.pictures.style import STYLE
from chaos_lightning.report.page import table, write_page, write_section


def chaos(
    ckpt_path: str | None = None,
    gain: float | None = None,
    layers: int | None = None,
    sizes: list[int] | None = None,
    rate: RateName | None = None,
    tau: float | None = None,
    dt: float | None = None,
    sampling_time: float | None = None,
    data: ImageDataModule | None = None,
    output: str = "chaos",
    num_chains: int = 20,
    seed: int = 0,
) -> Path:
    """Look at the chaos of a network: mean-field theory and measurement in the same axes, on one page.

    Autocorrelations, Lyapunov spectrum, eigenvalues of the Jacobian and the layers where chaos lives; then exponent,
    dimension, overlaps and classes on the way from the random start to 3T, and how sensitive the image is to the start.
    With a checkpoint before and after training; without one of an untrained network, which the options describe.
    ``index.html`` in the folder holds all figures and needs no other file; ``chaos.json`` has the numbers.

    Args:
        ckpt_path: checkpoint of a trained network.
        gain: g of an untrained network; 1.5 by default.
        layers: number of its layers, 1 to 3 without sizes; 2 by default.
        sizes: units of each of its layers, visible first; those of the paper by default (784, 500, 100).
        rate: its rate function; tanh by default.
        tau: its time constant; 10 by default.
        dt: length of its Euler step; 1 by default.
        sampling_time: T; 100 by default.
        data: data set with labels, by which the classes of samples are told; that of the training by default.
        output: folder to write.
        num_chains: random starts of which means and standard errors are taken.
        seed: of the random starts, and of the couplings of an untrained network.

    Returns:
        The page.

    Raises:
        DataError: if the data cannot be read.
        FileNotFoundError: if there is no such checkpoint.
        OSError: if the folder cannot be written.
        ValueError: if the numbers make no network, both a checkpoint and a network are given, or the output is a file.
    """
    network = {"layers": layers, "sizes": sizes, "gain": gain, "rate": rate}
    clock = {"tau": tau, "dt": dt, "sampling_time": sampling_time}
    subject = read_subject(ckpt_path, data, network, clock, num_chains, seed)
    folder = output_folder(output)
    with matplotlib.rc_context(STYLE), torch.no_grad():
        long_run = {name: measure_long_run(subject, name) for name in subject.networks}
        sampling = {name: measure_sampling(subject, name) for name in subject.networks}
        sections = [
            long_run_section(subject, long_run),
            sampling_section(subject, sampling),
            pairs_section(subject, sampling),
        ]
        parts = [write_section(folder, section) for section in sections]
    rows = comparison(subject, long_run)
    sentence = disagreement(rows) or subject.why_no_theory
    write_numbers(folder / "chaos.json", subject, rows, long_run, sampling)

    header = ("quantity", "theory", *long_run)
    cells = [
        (row.quantity, "" if row.theory is None else f"{row.theory:.3g}", *map(str, row.measured.values()))
        for row in rows
    ]
    head = (
        f"{table(cells, header=header, numbers=True)}\n<p>{escape(sentence)} All numbers with their standard errors: "
        '<a href="chaos.json">chaos.json</a>.</p>'
    )
    page = write_page(folder, f"Chaos: {subject.title}", [head, *parts])
    printed = Table(title=subject.title, title_justify="left")
    for place, name in enumerate(header):
        printed.add_column(name, justify="right" if place else "left")
    for line in cells:
        printed.add_row(*line)
    Console(width=max(Console().width, 90)).print(printed)
    print(f"{sentence}\nWrote 3 figures and their numbers to {page}.")
    return page
