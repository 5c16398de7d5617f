"""How a training step grows with what it is made of."""

import statistics
import tempfile
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from time import perf_counter

import torch
import torch.multiprocessing
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullLocator, ScalarFormatter

from chaos_lightning import TwoLayer
from chaos_lightning.dynamics import Held, run_chains
from chaos_lightning.learning import hebbian_difference


def growth(
    rounds: int = 5,
    processes: list[int] = [1, 2],  # noqa: B006
    output: str = "logs/growth.png",
    device: str = "cuda" if torch.cuda.is_available() else "cpu",
) -> None:
    """Plot the time of a training step against M, T, layer size and number of processes, with the expected lines.

    Args:
        rounds: how often each is timed; the median counts.
        processes: numbers of processes, each with one thread and all sharing M = 200 chains.
        output: picture to write.
        device: where to run, the processes excepted, which run on the CPU.
    """
    where = torch.device(device)
    sweeps: dict[str, tuple[list[int], Callable[[int], Callable[[], None]], float]] = {
        "chains M": ([50, 100, 200, 400, 800], lambda chains: make_step(where, chains=chains), 1),
        "time steps T / dt": ([10, 20, 40, 80, 160], lambda steps: make_step(where, num_steps=steps), 1),
        "hidden units": ([125, 250, 500, 1000, 2000], lambda units: make_step(where, hidden_units=units), 1),
    }
    panels = {}
    for name, (sizes, make, slope) in sweeps.items():
        todo = {size: make(size) for size in sizes}
        times: dict[int, list[float]] = {size: [] for size in sizes}
        for _ in range(rounds):
            for size, step in todo.items():
                times[size].append(step_seconds(step))
        panels[name] = (times, slope)
    panels["processes"] = ({count: processes_seconds(count, rounds) for count in processes}, -1)
    draw(panels, output)
    for name, (times, slope) in panels.items():
        for (small, before), (large, after) in pairwise(times.items()):
            factor = statistics.median(after) / statistics.median(before)
            print(f"{name}: {small} to {large}, time times {factor:.2f} (proportional: {(large / small) ** slope:.2f})")
    print(f"Wrote {output}.")


def make_step(
    device: torch.device, chains: int = 100, num_steps: int = 40, hidden_units: int = 500
) -> Callable[[], None]:
    """A training step of the two-layer network without an optimiser, ready to be called."""
    network = TwoLayer(hidden_units=hidden_units).network.to(device)
    images = torch.rand(chains, 784, device=device) * 2 - 1

    def step() -> None:
        (clamped,) = run_chains(network, 0.1, chains, [num_steps], seed=[0], held=Held(images))
        (free,) = run_chains(network, 0.1, chains, [num_steps], seed=[1])
        hebbian_difference([(0, 1)], clamped.rates, free.rates)
        if device.type == "cuda":
            torch.cuda.synchronize(device)

    for _ in range(2):  # what is met for the first time, or captured the second, does not count
        step()
    return step


def step_seconds(step: Callable[[], None]) -> float:
    """Seconds that a step takes."""
    start = perf_counter()
    step()
    return perf_counter() - start


def processes_seconds(num_processes: int, rounds: int, chains: int = 200) -> list[float]:
    """Seconds of a step whose chains are shared out over processes of one thread each; the slowest process counts."""
    with tempfile.TemporaryDirectory() as folder:
        torch.multiprocessing.spawn(_process, (num_processes, rounds, chains, folder), num_processes)
        of_each = [torch.load(Path(folder) / f"{rank}.pt", weights_only=True) for rank in range(num_processes)]
    return [max(times) for times in zip(*of_each, strict=True)]


def _process(rank: int, num_processes: int, rounds: int, chains: int, folder: str) -> None:
    torch.set_num_threads(1)
    torch.distributed.init_process_group(
        "gloo", init_method=f"file://{folder}/rendezvous", rank=rank, world_size=num_processes
    )
    step = make_step(torch.device("cpu"), chains=chains // num_processes)
    gradient = torch.zeros(784, 500)  # what the processes exchange

    def shared_step() -> None:
        step()
        torch.distributed.all_reduce(gradient)

    times = []
    for _ in range(rounds):
        torch.distributed.barrier()
        times.append(step_seconds(shared_step))
    torch.save(times, Path(folder) / f"{rank}.pt")
    torch.distributed.destroy_process_group()


def draw(panels: dict[str, tuple[dict[int, list[float]], float]], output: str) -> None:
    """One panel a quantity, on logarithmic axes, with the line of proportional growth through the last point."""
    figure = Figure(figsize=(4 * len(panels), 3.5), layout="constrained")
    for axes, (name, (times, slope)) in zip(figure.subplots(1, len(panels)), panels.items(), strict=True):
        sizes = list(times)
        medians = [1e3 * statistics.median(taken) for taken in times.values()]
        last = sizes[-1] if slope > 0 else sizes[0]
        line = [1e3 * statistics.median(times[last]) * (size / last) ** slope for size in sizes]
        axes.plot(sizes, line, color="0.6", label="proportional" if slope > 0 else "inversely proportional")
        spread = [[m - 1e3 * min(t), 1e3 * max(t) - m] for m, t in zip(medians, times.values(), strict=True)]
        axes.errorbar(sizes, medians, yerr=list(zip(*spread, strict=True)), fmt="o", capsize=3, label="measured")
        axes.set(xlabel=name, ylabel="time of a training step (ms)", xscale="log", yscale="log")
        axes.set_xticks(sizes, labels=[str(size) for size in sizes])
        axes.xaxis.set_minor_locator(NullLocator())
        axes.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
        axes.yaxis.set_minor_locator(NullLocator())
        axes.yaxis.set_major_formatter(ScalarFormatter())
        axes.legend()
    Path(output).parent.mkdir(parents=True, exist_ok=True)
    FigureCanvasAgg(figure).print_png(output)
