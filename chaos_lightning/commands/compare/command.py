"""The command ``chaos-lightning compare``."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from chaos_lightning.commands.compare.check import check
from chaos_lightning.commands.compare.contestants import NAME, Comparison, Contestant, Entrant
from chaos_lightning.commands.compare.run import IMAGES_FILE, do_run
from chaos_lightning.commands.compare.standings import standings, verdicts
from chaos_lightning.commands.compare.table import markdown, write_csv
from chaos_lightning.experiments.command import check_resources, open_queue, run_command, tell_unfinished
from chaos_lightning.experiments.queue import SETTINGS, RunQueue
from chaos_lightning.experiments.workers import work
from chaos_lightning.files import written_at_once
from chaos_lightning.pictures.grids import rows_figure


def compare(
    contestants: dict[str, Contestant],
    seeds: list[int],
    budget: float = 600.0,
    settings: dict[str, Any] | None = None,
    folder: str = "logs/compare",
    num_samples: int = 2_000,
    reference: str | None = None,
    workers: int = 1,
    threads: int | None = None,
    retry_failed: bool = False,
    arguments: Sequence[str] = (),
) -> None:
    """Train or load generators of any kind with the same data, time, measures and machine, and compare them.

    Any other option is one of fit's and holds for all contestants, for example --data.data_dir DIR.

    Each run has a process of its own. A pilot finds out how long a training step takes, and from that how many fit
    into the budget. Samples are measured against as many test images, diversity also against the training images. The
    folder gets a table (compare.md, compare.csv), which ends with the best contestant by each measure, and a picture
    with a row of samples from each (compare.png).

    Runs that are done are never repeated: the same command again goes on where it was stopped, and does anew the runs
    of a contestant that has been changed.

    Args:
        contestants: name to base (config of fit, relative to the config that names it) and settings (of fit, by their
            dotted names), or to a checkpoint.
        seeds: seeds with which each contestant is run; the table tells mean and standard deviation.
        budget: seconds of training, without measuring.
        settings: settings of fit that all contestants share, above all the data set; they override settings of single
            contestants.
        folder: folder for tables, picture, the runs and the study that says which are done.
        num_samples: number of samples to measure.
        reference: contestant that is compared with the others; the first one by default.
        workers: number of runs side by side. A single one has the whole machine to itself; several share its cores, so
            their times tell less. 0 runs nothing: it writes tables and picture anew from the finished runs.
        threads: threads of each worker. By default the cores are shared out.
        retry_failed: whether to do failed runs again, from their last checkpoints.
        arguments: further arguments of fit.

    Raises:
        ValueError: for contestants that cannot be made or measured, or if the folder holds runs that cannot be
            compared with these; before any run starts.
        FileNotFoundError: if there is nothing to draw, or no such checkpoint.
    """
    if not seeds or not contestants:
        raise ValueError("a comparison needs at least one seed and one contestant")
    check_resources(workers, threads)
    if not 0 < budget < float("inf"):
        raise ValueError(f"budget must be a positive number of seconds, but is {budget}")
    reference = next(iter(contestants)) if reference is None else reference
    if reference not in contestants:
        raise ValueError(f"there is no contestant {reference!r}: reference must be one of {', '.join(contestants)}")
    entrants = {name: Entrant.read(contestant) for name, contestant in contestants.items()}
    plan = Comparison(entrants, settings or {}, arguments, seeds, Path(folder).absolute(), budget, num_samples)
    if workers != 0:
        check(plan)
    elif not plan.folder.is_dir():
        raise FileNotFoundError(f"there is no comparison at {folder}")
    queue = open_queue(plan, retry_failed=retry_failed and workers != 0)
    if workers != 0:
        work(plan, workers, threads, do_run)
    _report(plan, queue, reference)


def _report(plan: Comparison, queue: RunQueue, reference: str) -> None:
    done = queue.done()
    if done:
        contestants = standings(done.values())
        machines = " or ".join(dict.fromkeys(noted["machine"] for noted in done.values()))
        about = (
            f"Mean ± standard deviation over seeds. {plan.budget:g} s of training for each contestant that was trained "
            f"here, by {machines}; {plan.num_samples:,} samples against as many test images. 0 is best for E, 1/2 for "
            "A_G, 1 for precision, recall and roughness, 0 for the Fréchet distance of features (FD). Peak memory is "
            "that of a run's whole process in training and sampling, or what it takes on its GPU."
        )
        text = markdown(contestants, about, verdicts(contestants, reference))
        images: dict[str, np.ndarray] = {}
        for name, noted in done.items():
            with np.load(plan.folder / "runs" / name / IMAGES_FILE, allow_pickle=False) as file:
                if "images" in file:  # vectors cannot be drawn
                    images.setdefault(noted[SETTINGS][NAME], file["images"])
        with queue.drawing:  # other commands may work on the same folder
            with written_at_once(plan.folder / "compare.md") as temporary:
                temporary.write_text(text, encoding="utf-8")
            write_csv(plan.folder / "compare.csv", contestants)
            if images:
                with written_at_once(plan.folder / "compare.png") as temporary:
                    rows_figure(images).savefig(temporary, format="png", dpi=150, bbox_inches="tight")
        print(text)
        written = ("compare.md", "compare.csv", *(["compare.png"] if images else []))
        print("\n".join(f"wrote {plan.folder / name}" for name in written))
    tell_unfinished(plan, queue)


def main(arguments: Sequence[str]) -> None:
    """Run the command; it hands all options of ``fit`` on."""
    run_command(compare, arguments)
