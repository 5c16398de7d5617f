"""Plot of a sweep: chaos over training, where its runs have measured it (:class:`ChaosFile`)."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from chaos_lightning.callbacks.chaos import read_chaos
from chaos_lightning.experiments.plan import labels
from chaos_lightning.experiments.spread import Result, is_number, sum_up
from chaos_lightning.files import written_at_once
from chaos_lightning.pictures.style import STYLE, new_figure

TRAINING_CHAOS = "training_chaos.png"
QUANTITIES = {"exponent": "largest exponent λ₁ (per unit of time)", "dimension": "Kaplan-Yorke dimension"}
"""Column of the file to its label."""


def write_training_chaos(folder: Path, runs: Sequence[tuple[Mapping[str, Any], Path]]) -> list[Path]:
    """Draw exponent and dimension over training; return the path of the picture, or none if no run measured them.

    Args:
        folder: folder of the sweep.
        runs: settings and folder of each finished run.
    """
    measured = [(settings, read_chaos(run)) for settings, run in runs]
    results = sum_up(
        (settings, {f"{name} {row['step']:.0f}": row[name] for row in rows for name in QUANTITIES})
        for settings, rows in measured
        if rows
    )
    if not results:
        return []
    with matplotlib.rc_context(STYLE), written_at_once(folder / TRAINING_CHAOS) as temporary:
        training_chaos_figure(results).savefig(temporary, format="png", dpi=130)
    return [folder / TRAINING_CHAOS]


def training_chaos_figure(results: Sequence[Result]) -> Figure:
    """Draw a colour for each value of the first setting that is a number, and panels for each combination of others.

    Args:
        results: of the runs; quantities are a column of the file and a step, such as ``exponent 100``.
    """
    split = [_split(result) for result in results]
    columns = list(dict.fromkeys(others for _, others in split))
    values = list(dict.fromkeys(first for first, _ in split))
    colors = dict(zip(values, colormaps["viridis"](np.linspace(0, 0.92, len(values))), strict=True))
    figure = new_figure(5.0, width=max(4.2, 3.6 * len(columns)))
    panels = figure.subplots(2, len(columns), sharex=True, sharey="row", squeeze=False)
    for (first, others), result in zip(split, results, strict=True):
        for axes, quantity in zip(panels[:, columns.index(others)], QUANTITIES, strict=True):
            _draw(axes, result, quantity, colors[first], first)
    for place, title in enumerate(columns):
        panels[0, place].axhline(0, color="0.6", linewidth=0.8)
        panels[0, place].set_title(title)
        panels[1, place].set(xlabel="training step", ylim=(0, None), xscale="symlog", xlim=(0, None))
    for axes, label in zip(panels[:, 0], QUANTITIES.values(), strict=True):
        axes.set_ylabel(label)
    entries = {
        label: handle for axes in panels.flat for handle, label in zip(*axes.get_legend_handles_labels(), strict=True)
    }
    figure.legend(entries.values(), entries.keys(), loc="outside right center")
    return figure


def _split(result: Result) -> tuple[str, str]:
    """Write the first setting that is a number, or the first one, and all others."""
    texts = [f"{name} = {value}" for name, value in labels(result.settings).items()]
    if not texts:
        return "base", ""
    numbers = [place for place, value in enumerate(result.settings.values()) if is_number(value)]
    first = texts.pop(numbers[0] if numbers else 0)
    return first, ", ".join(texts)


def _draw(axes: Axes, result: Result, quantity: str, color: Any, label: str) -> None:
    """Draw the mean over seeds at every step, with the standard deviation as a band."""
    spreads = {int(name.split()[1]): spread for name, spread in result.spreads.items() if name.split()[0] == quantity}
    steps = np.array(sorted(spreads))
    mean = np.array([spreads[step].mean for step in steps])
    deviation = np.array([spreads[step].deviation or 0 for step in steps])
    axes.fill_between(steps, mean - deviation, mean + deviation, color=color, alpha=0.2, linewidth=0)
    axes.plot(steps, mean, "o-", color=color, markersize=3, label=label)
