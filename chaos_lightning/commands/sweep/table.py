"""The results of a sweep as a table, on the screen and in CSV."""

import csv
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from chaos_lightning.commands.sweep.quantities import (
    CANCELLED,
    DIVERSITY,
    LYAPUNOV,
    QUANTITIES,
    RATIOS,
    ROUGHNESS,
    STEPS_TO_THRESHOLD,
)
from chaos_lightning.experiments.plan import labels
from chaos_lightning.experiments.spread import Result, Spread
from chaos_lightning.files import written_at_once
from chaos_lightning.metrics.catalogue import FEATURE_MEASURES, MEASURES, SYMBOLS

PRINTED = {
    STEPS_TO_THRESHOLD: "steps to threshold",
    **SYMBOLS,
    RATIOS[0]: "E(2) 2T : T",
    LYAPUNOV[0]: "Lyapunov before",
    LYAPUNOV[1]: "Lyapunov after",
    CANCELLED: "cancelled",
    DIVERSITY[0]: MEASURES[DIVERSITY[0]].symbol,
    DIVERSITY[2]: MEASURES[DIVERSITY[2]].symbol,
    **{name: MEASURES[name].symbol for name in (ROUGHNESS, *FEATURE_MEASURES)},
}
"""Quantity to its column on the screen, where a run has it. The CSV file has all quantities."""


def write_table(path: Path, results: Sequence[Result]) -> None:
    """Write a line for each result: settings, number of runs, and mean, deviation and runs of each quantity."""
    names = list(dict.fromkeys(name for result in results for name in result.settings))
    parts = [f"{quantity}{suffix}" for quantity in QUANTITIES for suffix in ("", "_deviation", "_runs")]
    with written_at_once(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow([*names, "runs", *parts])
        for result in results:
            spreads = [result.spreads.get(quantity, (None, None, 0)) for quantity in QUANTITIES]
            values = [value for spread in spreads for value in spread]
            writer.writerow([*(result.settings.get(name) for name in names), result.num_runs, *values])


def print_table(results: Sequence[Result], threshold: float) -> None:
    """Print the main quantities, mean ± standard deviation over seeds."""
    title = (
        f"Mean ± standard deviation over seeds, at T unless said; threshold: E(2) <= {threshold:g} "
        "(in brackets: how many runs reached it); Lyapunov exponents per unit of time"
    )
    table = Table(title=title, title_justify="left")
    names = list(dict.fromkeys(name for result in results for name in labels(result.settings)))
    for name in names:
        table.add_column(name)
    measured = {quantity for result in results for quantity in result.spreads}
    printed = [name for name in PRINTED if name in measured or name not in FEATURE_MEASURES]
    for column in ("runs", *(PRINTED[name] for name in printed)):
        table.add_column(column, justify="right")
    for result in results:
        settings = labels(result.settings)
        cells = [_cell(result.spreads.get(quantity), result.num_runs) for quantity in printed]
        table.add_row(*(settings.get(name, "") for name in names), str(result.num_runs), *cells)
    needed = Console(width=1_000).measure(table).maximum
    Console(width=max(Console().width, needed)).print(table)


def _cell(spread: Spread | None, num_runs: int) -> str:
    if spread is None:
        return "-"
    text = _rounded(spread.mean, 3)
    if spread.deviation is not None:
        text += f" ± {_rounded(spread.deviation, 1)}"
    return text if spread.num_runs == num_runs else f"{text} ({spread.num_runs})"


def _rounded(value: float, digits: int) -> str:
    """Round to so many significant digits; large numbers are written without an exponent."""
    text = f"{value:.{digits}g}"
    return f"{float(text):.0f}" if "e+" in text else text
