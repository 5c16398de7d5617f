"""The standings of the contestants: the quantities that each reached, and who is ahead."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from chaos_lightning.commands.compare.contestants import NAME
from chaos_lightning.experiments.queue import SETTINGS
from chaos_lightning.experiments.spread import Spread, sum_up
from chaos_lightning.metrics.catalogue import ERRORS, FEATURE_MEASURES, MEASURES, SYMBOLS

VALUES = "values_per_sample"
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
    "roughness",
    *FEATURE_MEASURES,
    "class_coverage",
    "class_balance_error",
    "near_copy_share",
    "inverted_share",
)
COSTS = (VALUES, PARAMETERS, FROZEN_PARAMETERS, STEPS, TRAINING_SECONDS, SAMPLING_SECONDS, MEMORY)

QUANTITIES = (*ERRORS, "entropy_ratio", "real_accuracy", *DIVERSITY, *COSTS)
"""All quantities, in the order of the table."""


@dataclass(frozen=True)
class Standing:
    """A contestant and the quantities that it reached.

    Attributes:
        name: name of the contestant.
        model: name of its class.
        is_real: whether its images are real ones, so that it shows the floor.
        spreads: quantity to its spread over seeds; lacks quantities that no run has.
        num_runs: number of finished runs.
    """

    name: str
    model: str
    is_real: bool
    spreads: Mapping[str, Spread]
    num_runs: int


def standings(runs: Iterable[Mapping[str, Any]]) -> list[Standing]:
    """Sum up the finished runs of each contestant, in order of appearance.

    Args:
        runs: attributes of each run.
    """
    runs = list(runs)
    noted = {run[SETTINGS][NAME]: run for run in runs}
    results = sum_up(({NAME: run[SETTINGS][NAME]}, run["quantities"]) for run in runs)
    standing = []
    for result in results:
        name = result.settings[NAME]
        run = noted[name]
        standing.append(Standing(name, run["model"], run["is_real"], result.spreads, result.num_runs))
    return standing


class Criterion(NamedTuple):
    """A quantity by which contestants are compared.

    Attributes:
        label: name of the quantity for people.
        loss: function of its value that is least for the best contestant.
    """

    label: str
    loss: Callable[[float], float] = float


CRITERIA: Mapping[str, Criterion] = {
    **{error: Criterion(symbol) for error, symbol in SYMBOLS.items()},
    "manifold_precision": Criterion("precision", lambda value: -value),
    "manifold_recall": Criterion("recall", lambda value: -value),
    "roughness": Criterion("roughness", lambda value: abs(math.log(value)) if value > 0 else math.inf),
    "feature_frechet_distance": Criterion(MEASURES["feature_frechet_distance"].title),
    "feature_precision": Criterion("feature precision", lambda value: -value),
    "feature_recall": Criterion("feature recall", lambda value: -value),
    "class_balance_error": Criterion("class balance error"),
    SAMPLING_SECONDS: Criterion("seconds per 1,000 samples"),
    MEMORY: Criterion("peak memory in MiB"),
}
"""Criteria by their quantities."""


def verdicts(contestants: Sequence[Standing], reference: str) -> list[str]:
    """Say in one sentence for each criterion who is best, and how far the reference is ahead or behind.

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
