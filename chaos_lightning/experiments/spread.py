"""Mean and spread over seeds of the quantities that runs reach."""

import statistics
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple


class Spread(NamedTuple):
    """Mean and spread of one quantity over the seeds.

    Attributes:
        mean: mean over the runs that have the quantity.
        deviation: standard deviation over these runs (with n - 1); None for a single one.
        num_runs: number of these runs. It is smaller than the number of all runs where, for example, some never reached
            a threshold.
    """

    mean: float
    deviation: float | None
    num_runs: int


@dataclass(frozen=True)
class Result:
    """The finished runs of the same settings, summed up over seeds.

    Attributes:
        settings: dotted name to value.
        spreads: quantity to its spread; lacks quantities that no run has.
        num_runs: number of finished runs.
    """

    settings: Mapping[str, Any]
    spreads: Mapping[str, Spread]
    num_runs: int


def sum_up(runs: Iterable[tuple[Mapping[str, Any], Mapping[str, float]]]) -> list[Result]:
    """Sum up the runs of the same settings.

    Args:
        runs: settings of each run, and its quantities, name to value.

    Returns:
        A result for each combination of settings: sorted by each setting that is always a number, otherwise in order of
        appearance.
    """
    groups: list[tuple[Mapping[str, Any], list[Mapping[str, float]]]] = []
    for settings, quantities in runs:
        for known, members in groups:
            if known == settings:
                members.append(quantities)
                break
        else:
            groups.append((settings, [quantities]))
    names = dict.fromkeys(name for settings, _ in groups for name in settings)
    for name in reversed(names):
        if all(is_number(settings.get(name)) for settings, _ in groups):
            groups.sort(key=lambda group: group[0][name])
    return [Result(settings, _spreads(members), len(members)) for settings, members in groups]


def is_number(value: Any) -> bool:
    """Whether a value is a number, which has an order and a place on an axis."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def _spreads(runs: list[Mapping[str, float]]) -> dict[str, Spread]:
    values: dict[str, list[float]] = {}
    for run in runs:
        for quantity, value in run.items():
            values.setdefault(quantity, []).append(value)
    return {
        quantity: Spread(
            statistics.fmean(reached), statistics.stdev(reached) if len(reached) > 1 else None, len(reached)
        )
        for quantity, reached in values.items()
    }
