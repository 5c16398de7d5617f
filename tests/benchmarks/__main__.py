"""Benchmarks: ``python -m tests.benchmarks steps | recipes | sampling | growth``. Nothing else should run meanwhile.

Every ratio is of times taken in turn within one run, so that a machine that slows down slows all of them. Each command
prints a table and appends its rows, with machine and versions, to a file.
"""

import csv
import ctypes
import gc
import logging
import os
import platform
import statistics
import tempfile
import warnings
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import lightning
import torch
from jsonargparse import auto_cli
from rich.console import Console
from rich.table import Table

import chaos_lightning
from chaos_lightning import OneLayer, ThreeLayer, TwoLayer
from chaos_lightning.models.speed import faster_precision
from tests.benchmarks.contestants import Contest
from tests.benchmarks.growth import growth
from tests.benchmarks.recipes import KINDS, model_of, parts_of_command, time_by_kind
from tests.benchmarks.sampling import predict_against_bare_products

RESULTS = "logs/benchmarks.csv"


def steps(
    architectures: list[str] = ["one", "two", "three"],  # noqa: B006
    batch_sizes: list[int] = [100, 500],  # noqa: B006
    precisions: list[str] = ["32-true", "bf16-mixed"],  # noqa: B006
    dt: float = 1.0,
    rounds: int = 9,
    seconds: float = 1.0,
    device: str = "cuda" if torch.cuda.is_available() else "cpu",
    results: str = RESULTS,
) -> None:
    """Time a training step: in the Trainer (a), alone (b), its bare products (c), and as a plain loop (d).

    Args:
        architectures: one, two, three: numbers of layers.
        batch_sizes: M, numbers of images and of chains.
        precisions: 32-true, bf16-mixed.
        dt: time step; with tau = 10 and T = 100 the published 1.0 makes 100 time steps.
        rounds: how often each contestant has its turn.
        seconds: how long a turn of the bare products takes, about.
        device: where to run.
        results: CSV file to append to.
    """
    table = Table("layers", "M", "precision", "a ms", "b ms", "c ms", "d ms", "a/c", "b/c", "a/b", "d/b", "peak MB")
    with tempfile.TemporaryDirectory() as folder:
        for architecture in architectures:
            for batch_size in batch_sizes:
                for precision in precisions:
                    model = ARCHITECTURES[architecture](dt=dt, optimizer=_sgd)
                    contest = Contest(model, batch_size, precision, torch.device(device), folder)
                    row: dict[str, object] = {"layers": architecture, "M": batch_size, "precision": precision, "dt": dt}
                    row |= compared(contest, rounds, max(1, round(seconds / contest.bare_products(1))))
                    row["peak_MB"] = peak_megabytes(device, partial(contest.in_trainer, 2))
                    append(results, "steps", device, row)
                    named = (str(row[name]) for name in ("layers", "M", "precision"))
                    table.add_row(*named, *printed(row), f"{row['peak_MB']:.0f}")
                    print(".", end="", flush=True)
    print()
    Console(width=170).print(table)
    print(f"Median of {rounds} turns, ratios with quartiles. Appended to {results}.")


def recipes(
    recipes: list[str] = ["quickstart", "fast/mnist_two_layer", "fast/mnist_three_layer", "fast/mnist_one_layer"],  # noqa: B006
    precision: str = "auto",
    rounds: int = 7,
    num_steps: int = 20,
    whole: bool = False,
    device: str = "cuda" if torch.cuda.is_available() else "cpu",
    results: str = RESULTS,
) -> None:
    """Time a training step of recipes as ``steps`` does, and say what takes the time; or time whole commands.

    Args:
        recipes: names of configs.
        precision: of the products: auto takes the faster one.
        rounds: how often each contestant has its turn.
        num_steps: training steps of a turn.
        whole: time whole commands from start to end instead, which takes as long as they do.
        device: where to run.
        results: CSV file to append to.
    """
    if whole:
        for recipe in recipes:
            seconds = parts_of_command(recipe)
            print(recipe, ", ".join(f"{part} {taken:.1f} s" for part, taken in seconds.items()))
            append(results, "commands", device, {"recipe": recipe} | seconds)
        return
    if precision == "auto":
        precision = faster_precision("gpu" if device.startswith("cuda") else "cpu")
    table = Table("recipe", "precision", "a ms", "b ms", "c ms", "d ms", "a/c", "b/c", "a/b", "d/b")
    shares = Table("recipe", *(f"{kind} ms" for kind in KINDS))
    with tempfile.TemporaryDirectory() as folder:
        for recipe in recipes:
            model, batch_size = model_of(recipe)
            contest = Contest(model, batch_size, precision, torch.device(device), folder)
            row: dict[str, object] = {"recipe": recipe, "precision": precision} | compared(contest, rounds, num_steps)
            breakdown = time_by_kind(contest, num_steps)
            append(results, "recipes", device, row | {f"{kind}_ms": taken for kind, taken in breakdown.items()})
            table.add_row(recipe, precision, *printed(row))
            shares.add_row(recipe, *(f"{taken:.2f}" for taken in breakdown.values()))
            print(".", end="", flush=True)
    print()
    for each in (table, shares):
        Console(width=170).print(each)
    print(f"Median of {rounds} turns, ratios with quartiles; below, the time of (a) by kind. Appended to {results}.")


ARCHITECTURES = {"one": OneLayer, "two": TwoLayer, "three": ThreeLayer}

RATIOS = ("a/c", "b/c", "a/b", "d/b")


def _sgd(parameters: Any) -> torch.optim.Optimizer:
    return torch.optim.SGD(parameters, lr=1e-4)


def compared(contest: Contest, rounds: int, num_steps: int) -> dict[str, object]:
    """Milliseconds a step of the four contestants, and their ratios with quartiles."""
    contestants = {
        "a": contest.in_trainer,
        "b": contest.without_lightning,
        "c": contest.bare_products,
        "d": contest.plain_loop,
    }
    times = take_turns(contestants, rounds, num_steps)
    row: dict[str, object] = {f"{name}_ms": 1e3 * statistics.median(taken) for name, taken in times.items()}
    for ratio in RATIOS:
        ratios = [x / y for x, y in zip(times[ratio[0]], times[ratio[2]], strict=True)]
        low, middle, high = statistics.quantiles(ratios, n=4)
        row |= {ratio: middle, f"{ratio}_low": low, f"{ratio}_high": high}
    return row


def printed(row: dict[str, object]) -> list[str]:
    """Write the times and ratios of a row."""
    times = (f"{row[f'{name}_ms']:.2f}" for name in "abcd")
    return [*times, *(f"{row[r]:.2f} ({row[f'{r}_low']:.2f}-{row[f'{r}_high']:.2f})" for r in RATIOS)]


def take_turns(contestants: dict[str, Callable[[int], float]], rounds: int, num_steps: int) -> dict[str, list[float]]:
    """Seconds a step of each contestant, one figure a round, in rounds that let each have its turn."""
    times: dict[str, list[float]] = {name: [] for name in contestants}
    for _ in range(rounds):
        for name, run in contestants.items():
            times[name].append(run(num_steps))
    return times


def peak_megabytes(device: str, run: Callable[[], object]) -> float:
    """Most memory in use during a run: of the whole process on a CPU (Linux only), of torch on a GPU."""
    gc.collect()  # networks and trainers of earlier contests refer to one another
    if device.startswith("cuda"):
        torch.cuda.reset_peak_memory_stats()
        run()
        return torch.cuda.max_memory_allocated() / 1e6
    with suppress(OSError, AttributeError, TypeError):
        ctypes.CDLL(None).malloc_trim(0)  # glibc keeps what earlier contests have freed
    try:
        Path("/proc/self/clear_refs").write_text("5")  # starts the peak anew
        run()
        (line,) = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM")]
    except OSError:
        return float("nan")
    return int(line.split()[1]) / 1e3


def sampling(
    num_samples: int = 10_000,
    rounds: int = 5,
    device: str = "cuda" if torch.cuda.is_available() else "cpu",
    results: str = RESULTS,
) -> None:
    """Time ``predict``, files and all, against the bare products of its time steps.

    Args:
        num_samples: number of images.
        rounds: how often.
        device: where to run.
        results: CSV file to append to.
    """
    shares = predict_against_bare_products(num_samples, rounds, torch.device(device))
    low, middle, high = statistics.quantiles(shares, n=4)
    print(f"predict of {num_samples:,} images runs at {middle:.2f} ({low:.2f}-{high:.2f}) of the bare products' rate.")
    append(results, "sampling", device, {"num_samples": num_samples, "share": middle, "low": low, "high": high})


def append(path: str, benchmark: str, device: str, row: dict[str, object]) -> None:
    """Append a row to the results file of a benchmark, with when, where and by what it was measured."""
    name = torch.cuda.get_device_name() if device.startswith("cuda") else cpu_name()
    where = {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "device": name,
        "threads": torch.get_num_threads(),
        "cores": os.cpu_count(),
        "torch": torch.__version__,
        "lightning": lightning.__version__,
        "chaos_lightning": chaos_lightning.__version__,
        "python": platform.python_version(),
    }
    file = Path(path).with_stem(f"{Path(path).stem}_{benchmark}")
    file.parent.mkdir(parents=True, exist_ok=True)
    is_new = not file.exists()
    with file.open("a", newline="") as stream:
        writer = csv.DictWriter(stream, [*where, *row])
        if is_new:
            writer.writeheader()
        writer.writerow(where | row)


def cpu_name() -> str:
    """The processor's name, where the system tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((line.split(": ")[1] for line in lines if line.startswith("model name")), platform.machine())


if __name__ == "__main__":
    warnings.filterwarnings("ignore")
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    auto_cli([steps, recipes, sampling, growth], as_positional=False)
