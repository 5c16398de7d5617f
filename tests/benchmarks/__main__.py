"""Benchmarks: ``python -m tests.benchmarks steps | sampling | growth``. Nothing else should run meanwhile.

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

import lightning
import torch
from jsonargparse import auto_cli
from rich.console import Console
from rich.table import Table

import chaos_lightning
from tests.benchmarks.contestants import Contest
from tests.benchmarks.growth import growth
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
                    contest = Contest(architecture, batch_size, precision, dt, torch.device(device), folder)
                    times = take_turns(
                        {
                            "a": contest.in_trainer,
                            "b": contest.without_lightning,
                            "c": contest.bare_products,
                            "d": contest.plain_loop,
                        },
                        rounds,
                        max(1, round(seconds / contest.bare_products(1))),
                    )
                    row: dict[str, object] = {"layers": architecture, "M": batch_size, "precision": precision, "dt": dt}
                    row |= {f"{name}_ms": 1e3 * statistics.median(taken) for name, taken in times.items()}
                    for above, below in ("ac", "bc", "ab", "db"):
                        ratios = [x / y for x, y in zip(times[above], times[below], strict=True)]
                        low, middle, high = statistics.quantiles(ratios, n=4)
                        row |= {f"{above}/{below}": middle, f"{above}/{below}_low": low, f"{above}/{below}_high": high}
                    row["peak_MB"] = peak_megabytes(device, partial(contest.in_trainer, 2))
                    append(results, "steps", device, row)
                    table.add_row(
                        *(str(row[name]) for name in ("layers", "M", "precision")),
                        *(f"{row[f'{name}_ms']:.2f}" for name in "abcd"),
                        *(f"{row[r]:.2f} ({row[f'{r}_low']:.2f}-{row[f'{r}_high']:.2f})" for r in RATIOS),
                        f"{row['peak_MB']:.0f}",
                    )
                    print(".", end="", flush=True)
    print()
    Console(width=170).print(table)
    print(f"Median of {rounds} turns, ratios with quartiles. Appended to {results}.")


RATIOS = ("a/c", "b/c", "a/b", "d/b")


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
    auto_cli([steps, sampling, growth], as_positional=False)
