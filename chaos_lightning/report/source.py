"""What the folder of a run says of its training."""

import csv
from dataclasses import dataclass
from pathlib import Path

from chaos_lightning.metrics.report import ERRORS

MEASURES_FILE = "measures.csv"


@dataclass(frozen=True)
class TrainingHistory:
    """The measures at T over a training run, as validation wrote them.

    Attributes:
        path: the file they come from.
        steps: training steps of the validations, ascending.
        values: measure name to its values, one a step.
        floors: measure name to what real images reach, one a step.
        num_samples: samples a side of the newest validation.
    """

    path: Path
    steps: list[int]
    values: dict[str, list[float]]
    floors: dict[str, list[float]]
    num_samples: int


def read_history(ckpt_path: Path, sampling_time: float) -> TrainingHistory | None:
    """The measures of the run that a checkpoint belongs to; None if its folder holds none.

    Looks beside the checkpoint and one folder up, where ``fit`` writes them. Where a run was resumed and a step
    measured again, the newer line counts.

    Raises:
        ValueError: if the file is there but cannot be read.
    """
    folders = [ckpt_path.absolute().parent, ckpt_path.absolute().parent.parent]
    path = next((folder / MEASURES_FILE for folder in folders if (folder / MEASURES_FILE).is_file()), None)
    if path is None:
        return None
    values: dict[int, dict[str, tuple[float, float]]] = {}
    num_samples = 0
    try:
        with path.open(newline="") as file:
            for row in csv.DictReader(file):
                is_at_sampling_time = row["stage"] == "val" and float(row["sampling_time"]) == sampling_time
                if is_at_sampling_time and row["measure"] in ERRORS:
                    values.setdefault(int(row["step"]), {})[row["measure"]] = float(row["value"]), float(row["floor"])
                    num_samples = int(row["num_samples"])
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{path} does not hold the measures of a run: {error!r}; move it away or mend it") from error
    steps = sorted(step for step, measures in values.items() if len(measures) == len(ERRORS))
    if not steps:
        return None
    return TrainingHistory(
        path,
        steps,
        {name: [values[step][name][0] for step in steps] for name in ERRORS},
        {name: [values[step][name][1] for step in steps] for name in ERRORS},
        num_samples,
    )
