"""The record of a run's measures, ``measures.csv`` in its folder."""

import csv
from pathlib import Path
from typing import NamedTuple

RECORD = "measures.csv"
COLUMNS = ["stage", "step", "sampling_time", "num_samples", "measure", "value", "floor", "ratio"]


class Entry(NamedTuple):
    """A measure at a sampling time of a validation.

    Attributes:
        value: Value of the samples.
        floor: Value that real images reach.
        num_samples: Generated images, and as many real ones.
    """

    value: float
    floor: float
    num_samples: int


def read_record(path: Path) -> dict[int, dict[float, dict[str, Entry]]]:
    """Read the validations of a run. Where a step was measured again, the newer line counts.

    Returns:
        Training step to sampling time to measure name to entry.

    Raises:
        ValueError: If the file is there but holds something else.
    """
    record: dict[int, dict[float, dict[str, Entry]]] = {}
    try:
        with path.open(newline="", encoding="utf-8") as file:
            for row in csv.DictReader(file):
                if row["stage"] == "val":
                    at_times = record.setdefault(int(row["step"]), {})
                    entry = Entry(float(row["value"]), float(row["floor"]), int(row["num_samples"]))
                    at_times.setdefault(float(row["sampling_time"]), {})[row["measure"]] = entry
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{path} does not hold the measures of a run: {error!r}; move it away or mend it") from error
    return record
