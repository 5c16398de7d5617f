"""The standings as a table, in Markdown and in CSV."""

import csv
import math
from collections.abc import Sequence
from pathlib import Path

from chaos_lightning.commands.compare.standings import (
    FROZEN_PARAMETERS,
    MEMORY,
    PARAMETERS,
    QUANTITIES,
    SAMPLING_SECONDS,
    STEPS,
    TRAINING_SECONDS,
    Standing,
)
from chaos_lightning.experiments.spread import Spread
from chaos_lightning.files import written_at_once
from chaos_lightning.metrics.catalogue import ERRORS, FEATURE_MEASURES, MEASURES

SHOWN = (
    *ERRORS,
    "entropy_ratio",
    "generated_accuracy",
    "manifold_precision",
    "manifold_recall",
    "roughness",
    *FEATURE_MEASURES,
    "class_balance_error",
    "near_copy_share",
)
"""Measures in Markdown."""

COLUMNS = {
    **{name: MEASURES[name].symbol for name in SHOWN},
    PARAMETERS: "parameters",
    FROZEN_PARAMETERS: "frozen",
    STEPS: "steps",
    TRAINING_SECONDS: "training s",
    SAMPLING_SECONDS: "s per 1,000 samples",
    MEMORY: "peak MiB",
}
"""Quantity to its column in Markdown. The CSV file has all quantities."""

WHOLE_NUMBERS = (PARAMETERS, FROZEN_PARAMETERS, STEPS, MEMORY)


def markdown(contestants: Sequence[Standing], about: str, verdicts: Sequence[str]) -> str:
    """Write the table in Markdown, below a description and above the verdicts."""
    measured = {quantity for contestant in contestants for quantity in contestant.spreads}
    columns = [quantity for quantity in COLUMNS if quantity in measured or quantity not in FEATURE_MEASURES]
    lines = [
        about,
        "",
        f"| contestant | model | runs | {' | '.join(COLUMNS[quantity] for quantity in columns)} |",
        "|---|---|" + "---|" * (len(columns) + 1),
    ]
    for contestant in contestants:
        cells = [_cell(quantity, contestant.spreads.get(quantity)) for quantity in columns]
        name = f"{contestant.name} (floor)" if contestant.is_real else contestant.name
        lines.append(f"| {name} | {contestant.model} | {contestant.num_runs} | {' | '.join(cells)} |")
    lines += ["", *(f"- {verdict}" for verdict in verdicts)]
    return "\n".join(lines).rstrip() + "\n"


def write_csv(path: Path, contestants: Sequence[Standing]) -> None:
    """Write a line for each contestant: its number of runs, and mean and deviation of each quantity."""
    parts = [f"{quantity}{suffix}" for quantity in QUANTITIES for suffix in ("", "_deviation")]
    with written_at_once(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["contestant", "model", "is_floor", "runs", *parts])
        for contestant in contestants:
            spreads = [contestant.spreads.get(quantity, (None, None)) for quantity in QUANTITIES]
            values = [value for spread in spreads for value in spread[:2]]
            floor = int(contestant.is_real)
            writer.writerow([contestant.name, contestant.model, floor, contestant.num_runs, *values])


def _cell(quantity: str, spread: Spread | None) -> str:
    if spread is None:
        return ""
    if spread.deviation:  # both to the deviation's first digit
        digits = max(0, -math.floor(math.log10(spread.deviation)))
        return f"{spread.mean:,.{digits}f} ± {spread.deviation:,.{digits}f}"
    return f"{spread.mean:,.0f}" if quantity in WHOLE_NUMBERS else f"{spread.mean:.3g}"
