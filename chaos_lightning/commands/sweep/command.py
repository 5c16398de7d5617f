"""The command ``chaos-lightning sweep``."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jsonargparse.typing import Path_fr

from chaos_lightning.commands.sweep.grid import Sweep
from chaos_lightning.commands.sweep.plot import write_plots
from chaos_lightning.commands.sweep.quantities import run_quantities
from chaos_lightning.commands.sweep.run import check_runs, do_run
from chaos_lightning.commands.sweep.table import print_table, write_table
from chaos_lightning.commands.sweep.training_chaos import write_training_chaos
from chaos_lightning.experiments.command import check_resources, open_queue, run_command, tell_unfinished
from chaos_lightning.experiments.plan import read_config
from chaos_lightning.experiments.queue import SETTINGS, RunQueue
from chaos_lightning.experiments.spread import sum_up
from chaos_lightning.experiments.workers import default_workers, work


def sweep(
    base: Path_fr,
    grid: dict[str, list[Any]] | list[dict[str, list[Any]]],
    seeds: list[int],
    settings: dict[str, Any] | None = None,
    folder: str = "logs/sweep",
    threshold: float = 3e-4,
    workers: int | None = None,
    threads: int | None = None,
    retry_failed: bool = False,
    arguments: Sequence[str] = (),
) -> None:
    """Train networks with every combination of settings over several seeds, and compare them in one table and plot.

    Any other option is one of fit's and holds for all runs, for example --data.data_dir DIR --trainer.max_steps 1000.

    Runs that are done are never repeated: the same command again goes on where it was stopped. Started several times,
    also on other machines that see the folder (if file locks on it reach across them), it shares the runs out.

    Args:
        base: config of fit, the same for all runs; a path relative to the config that names it.
        grid: settings of fit by their dotted names, each with the values to try; every combination is run. In a list of
            grids each is done by itself, for example to change one thing at a time; {} changes nothing.
        seeds: seeds with which each combination is run; the table tells mean and spread.
        settings: settings of fit that all runs share, by their dotted names; they override the base.
        folder: folder for table.csv, plot.png, exponents.png, the runs and the study that says which are done; and for
            training_chaos.png, if the runs have the callback ChaosFile.
        threshold: E(2) up to which training steps are counted.
        workers: number of runs side by side on this machine. By default one for each GPU, or for each core if there is
            no GPU. 0 runs nothing: it draws table and plots anew from the finished runs.
        threads: threads of each worker. By default the cores are shared out.
        retry_failed: whether to do failed runs again, from their last checkpoints.
        arguments: further arguments of fit.

    Raises:
        ValueError: for settings that make no network, or if the folder holds a sweep that cannot be compared with this
            one; before any run starts.
        FileNotFoundError: if there is nothing to draw.
    """
    grids = grid if isinstance(grid, list) else [grid]
    if not seeds or not grids or not all(values for each in grids for values in each.values()):
        raise ValueError("a sweep needs at least one seed, and at least one value for every setting of the grid")
    check_resources(workers, threads)
    plan = Sweep(read_config(base), settings or {}, arguments, grids, seeds, Path(folder).absolute())
    if workers != 0:
        check_runs(plan, [run for run in plan.runs() if run.seed == seeds[0]])
    elif not plan.folder.is_dir():
        raise FileNotFoundError(f"there is no sweep at {folder}")
    queue = open_queue(plan, retry_failed=retry_failed and workers != 0)
    if workers != 0:
        work(plan, workers or default_workers(len(plan.runs())), threads, do_run)
    _report(plan, queue, threshold)


def _report(plan: Sweep, queue: RunQueue, threshold: float) -> None:
    done = queue.done()
    if done:
        results = sum_up(
            (noted[SETTINGS], run_quantities(plan.folder / "runs" / name, noted, threshold))
            for name, noted in done.items()
        )
        table = plan.folder / "table.csv"
        print_table(results, threshold)
        with queue.drawing:  # other commands may work on the same folder
            write_table(table, results)
            plots = write_plots(plan.folder, results, threshold)
            runs = [(noted[SETTINGS], plan.folder / "runs" / name) for name, noted in done.items()]
            plots += write_training_chaos(plan.folder, runs)
        print("\n".join([f"table {table}", *(f"plot  {plot}" for plot in plots)]))
    tell_unfinished(plan, queue)


def main(arguments: Sequence[str]) -> None:
    """Run the command; it hands all options of ``fit`` on."""
    run_command(sweep, arguments)
