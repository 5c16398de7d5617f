"""The quantities that a run of a sweep reaches."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from chaos_lightning.metrics.catalogue import ERRORS, FEATURE_MEASURES
from chaos_lightning.metrics.record import RECORD, read_record

STEPS_TO_THRESHOLD = "steps_to_threshold"
LYAPUNOV = ("lyapunov_before", "lyapunov_after")
CANCELLED = "cancelled_share"
DIVERSITY = ("generated_accuracy", "manifold_precision", "manifold_recall")
ROUGHNESS = "roughness"
RATIOS = tuple(f"{measure}_at_2T_over_T" for measure in ERRORS)
BEST_TIMES = tuple(f"{measure}_best_time" for measure in ERRORS)
SECONDS = "seconds"

QUANTITIES = (
    STEPS_TO_THRESHOLD,
    *ERRORS,
    *RATIOS,
    *BEST_TIMES,
    *LYAPUNOV,
    CANCELLED,
    *DIVERSITY,
    ROUGHNESS,
    *FEATURE_MEASURES,
    SECONDS,
)
"""All quantities, in the order of the table."""


def run_quantities(folder: Path, attributes: Mapping[str, Any], threshold: float) -> dict[str, float]:
    """Collect the quantities of a run.

    The threshold counts as reached at the first validation with E(2) at T at or below it, so the steps to it are known
    only up to the interval between validations. Best times are the best ones among the measured sampling times.

    Args:
        folder: folder of the run, with its measures.csv.
        attributes: attributes noted at the end of the run.
        threshold: E(2) up to which training steps are counted.

    Returns:
        Quantity to value; lacks quantities that were not reached or not measured.
    """
    time, record = attributes["sampling_time"], read_record(folder / RECORD)
    second_moment = ERRORS[0]
    noted = (*LYAPUNOV, CANCELLED, *DIVERSITY[1:], ROUGHNESS, SECONDS)
    quantities = {name: float(attributes[name]) for name in noted if name in attributes}
    for step in sorted(record):
        if record[step][time][second_moment].value <= threshold:
            quantities[STEPS_TO_THRESHOLD] = float(step)
            break
    at_times = record[max(record)]
    quantities[DIVERSITY[0]] = at_times[time][DIVERSITY[0]].value
    quantities |= {name: at_times[time][name].value for name in FEATURE_MEASURES if name in at_times[time]}
    for measure, ratio, best_time in zip(ERRORS, RATIOS, BEST_TIMES, strict=True):
        value = quantities[measure] = at_times[time][measure].value
        if time > 0 and 2 * time in at_times and value > 0:
            quantities[ratio] = at_times[2 * time][measure].value / value
        if len(at_times) > 1:
            quantities[best_time] = min(at_times, key=lambda t: at_times[t][measure].value)
    return quantities
