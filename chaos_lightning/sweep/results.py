"""What the runs of a sweep reached, summed up over seeds."""

import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from chaos_lightning.metrics.catalogue import ERRORS
from chaos_lightning.metrics.record import RECORD, read_record

STEPS_TO_THRESHOLD = "steps_to_threshold"
LYAPUNOV = ("lyapunov_before", "lyapunov_after")
CANCELLED = "cancelled_share"
DIVERSITY = ("generated_accuracy", "manifold_precision", "manifold_recall")
RATIOS = tuple(f"{measure}_at_2T_over_T" for measure in ERRORS)
BEST_TIMES = tuple(f"{measure}_best_time" for measure in ERRORS)
SECONDS = "seconds"

QUANTITIES = (STEPS_TO_THRESHOLD, *ERRORS, *RATIOS, *BEST_TIMES, *LYAPUNOV, CANCELLED, *DIVERSITY, SECONDS)
"""What is told of every setting, in the order of the table."""


class Spread(NamedTuple):
    """A quantity over the seeds of a setting.

    Attributes:
        mean: over the seeds that have it.
        deviation: standard deviation over these seeds (with n - 1); None for a single one.
        num_runs: how many these are. Fewer than the runs, for example, where some never reached the threshold.
    """

    mean: float
    deviation: float | None
    num_runs: int


@dataclass(frozen=True)
class Result:
    """A setting of a sweep and what it reached.

    Attributes:
        settings: dotted name to value.
        spreads: quantity to its spread over seeds; lacks those that no run has.
        num_runs: finished runs.
    """

    settings: Mapping[str, Any]
    spreads: Mapping[str, Spread]
    num_runs: int


def run_quantities(folder: Path, attributes: Mapping[str, Any], threshold: float) -> dict[str, float]:
    """What one run reached, from its measures.csv and from what was noted at its end.

    The threshold counts as reached at the first validation whose E(2) at T is at or below it, so the steps to it are
    known up to the interval between validations. Best times are the best ones among the sampling times measured.
    """
    time, record = attributes["sampling_time"], read_record(folder / RECORD)
    second_moment = ERRORS[0]
    noted = (*LYAPUNOV, CANCELLED, *DIVERSITY[1:], SECONDS)
    quantities = {name: float(attributes[name]) for name in noted if name in attributes}
    for step in sorted(record):
        if record[step][time][second_moment].value <= threshold:
            quantities[STEPS_TO_THRESHOLD] = float(step)
            break
    at_times = record[max(record)]
    quantities[DIVERSITY[0]] = at_times[time][DIVERSITY[0]].value
    for measure, ratio, best_time in zip(ERRORS, RATIOS, BEST_TIMES, strict=True):
        value = quantities[measure] = at_times[time][measure].value
        if time > 0 and 2 * time in at_times and value > 0:
            quantities[ratio] = at_times[2 * time][measure].value / value
        if len(at_times) > 1:
            quantities[best_time] = min(at_times, key=lambda t: at_times[t][measure].value)
    return quantities


def sum_up(
    runs: Iterable[tuple[Mapping[str, Any], Mapping[str, float]]], quantities: Sequence[str] = QUANTITIES
) -> list[Result]:
    """Mean and spread of quantities over the runs of the same settings: pairs of settings and what was reached.

    Results are in ascending order of each setting where its values are numbers, in order of appearance elsewhere.
    """
    groups: list[tuple[Mapping[str, Any], list[Mapping[str, float]]]] = []
    for settings, reached in runs:
        for known, members in groups:
            if known == settings:
                members.append(reached)
                break
        else:
            groups.append((settings, [reached]))
    names = dict.fromkeys(name for settings, _ in groups for name in settings)
    for name in reversed(names):
        if all(is_number(settings.get(name)) for settings, _ in groups):
            groups.sort(key=lambda group: group[0][name])
    return [Result(settings, _spreads(members, quantities), len(members)) for settings, members in groups]


def is_number(value: Any) -> bool:
    """Whether values of this kind have an order and a place on an axis."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def _spreads(runs: list[Mapping[str, float]], quantities: Sequence[str]) -> dict[str, Spread]:
    spreads = {}
    for quantity in quantities:
        values = [run[quantity] for run in runs if quantity in run]
        if values:
            deviation = statistics.stdev(values) if len(values) > 1 else None
            spreads[quantity] = Spread(statistics.fmean(values), deviation, len(values))
    return spreads
