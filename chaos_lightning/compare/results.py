"""What contestants reached, and who is ahead."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from chaos_lightning.compare.plan import NAME
from chaos_lightning.metrics.catalogue import ERRORS, SYMBOLS
from chaos_lightning.sweep.queue import SETTINGS
from chaos_lightning.sweep.results import Spread, sum_up

PARAMETERS = "parameters"
FROZEN_PARAMETERS = "frozen_parameters"
STEPS = "training_steps"
TRAINING_SECONDS = "training_seconds"
SAMPLING_SECONDS = "seconds_per_1000_samples"
MEMORY = "peak_memory_mib"

DIVERSITY = (
    "generated_accuracy",
    "manifold_precision",
    "manifold_recall",
    "class_coverage",
    "class_balance_error",
    "near_copy_share",
    "inverted_share",
)
COSTS = (PARAMETERS, FROZEN_PARAMETERS, STEPS, TRAINING_SECONDS, SAMPLING_SECONDS, MEMORY)

QUANTITIES = (*ERRORS, "entropy_ratio", "real_accuracy", *DIVERSITY, *COSTS)
"""What is told of every contestant, in the order of the table."""


@dataclass(frozen=True)
class Standing:
    """A contestant and what it reached.

    Attributes:
        name: of the contestant.
        model: name of its class.
        is_real: whether its images are real ones, so that it shows the floor.
        spreads: quantity to its spread over seeds; lacks those that no run has.
        num_runs: finished runs.
    """

    name: str
    model: str
    is_real: bool
    spreads: Mapping[str, Spread]
    num_runs: int


def standings(runs: Iterable[Mapping[str, Any]]) -> list[Standing]:
    """Mean and spread of every contestant over its finished runs, in order of appearance.

    Args:
        runs: what was noted of each run.
    """
    runs = list(runs)
    noted = {run[SETTINGS][NAME]: run for run in runs}
    results = sum_up((({NAME: run[SETTINGS][NAME]}, run["quantities"]) for run in runs), QUANTITIES)
    standing = []
    for result in results:
        name = result.settings[NAME]
        run = noted[name]
        standing.append(Standing(name, run["model"], run["is_real"], result.spreads, result.num_runs))
    return standing


class Criterion(NamedTuple):
    """How contestants are compared by a quantity.

    Attributes:
        label: how people call it.
        loss: from its value to what the best has least of.
    """

    label: str
    loss: Callable[[float], float] = float


CRITERIA: Mapping[str, Criterion] = {
    **{error: Criterion(symbol) for error, symbol in SYMBOLS.items()},
    "manifold_precision": Criterion("precision", lambda value: -value),
    "manifold_recall": Criterion("recall", lambda value: -value),
    "class_balance_error": Criterion("class balance error"),
    SAMPLING_SECONDS: Criterion("seconds per 1,000 samples"),
    MEMORY: Criterion("peak memory in MiB"),
}
"""Quantity to how contestants are compared by it."""


def verdicts(contestants: Sequence[Standing], reference: str) -> list[str]:
    """One sentence a criterion: who is best, and how far behind or ahead the reference is.

    Real images do not compete: they are the floor.
    """
    sentences = []
    for quantity, (label, loss) in CRITERIA.items():
        spreads = {c.name: c.spreads[quantity] for c in contestants if quantity in c.spreads and not c.is_real}
        if reference not in spreads or len(spreads) < 2:
            continue
        ranking = sorted(spreads, key=lambda name: loss(spreads[name].mean))
        own = spreads[reference]
        leads = ranking[0] == reference
        other_name = ranking[1] if leads else ranking[0]
        other = spreads[other_name]
        difference = abs(own.mean - other.mean)
        if own.deviation is None or other.deviation is None:
            doubt = ", with one seed only"
        else:
            noise = math.hypot(own.deviation, other.deviation)
            doubt = ", within the spread over seeds" if noise >= difference else ""
        factor = f" (by a factor of {_factor(own.mean, other.mean):.3g})" if min(own.mean, other.mean) > 0 else ""
        place = ranking.index(reference) + 1
        sentences.append(
            f"{label}: {reference} is best with {own.mean:.3g}, {difference:.2g} ahead of {other_name} with "
            f"{other.mean:.3g}{factor}{doubt}."
            if leads
            else f"{label}: {other_name} is best with {other.mean:.3g}; {reference} is {difference:.2g} behind with "
            f"{own.mean:.3g}{factor}, in place {place} of {len(ranking)}{doubt}."
        )
    return sentences


def _factor(first: float, second: float) -> float:
    return max(first, second) / min(first, second)
