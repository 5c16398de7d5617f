"""Plots of a sweep: over the first setting, and over the Lyapunov exponent."""

import itertools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from chaos_lightning.commands.sweep.quantities import (
    BEST_TIMES,
    DIVERSITY,
    LYAPUNOV,
    RATIOS,
    ROUGHNESS,
    STEPS_TO_THRESHOLD,
)
from chaos_lightning.experiments.plan import labels
from chaos_lightning.experiments.spread import Result, is_number
from chaos_lightning.files import written_at_once
from chaos_lightning.metrics.catalogue import FEATURE_MEASURES, MEASURES, SYMBOLS
from chaos_lightning.pictures.style import new_figure

LETTER = 0.08
"""Inches of a small letter of an axis."""

MARKERS = ("o-", "s--", "^:", "d-.")

DIVERSITY_LABELS = {name: MEASURES[name].symbol for name in DIVERSITY} | {DIVERSITY[0]: "A_G (1/2 is best)"}
"""Diversity measure to its label."""


def sweep_figure(results: Sequence[Result], threshold: float) -> Figure:
    """Draw every group of quantities over the first setting, with a colour for each combination of the others.

    If not all runs have the same settings, as with several grids, the axis has a place for each combination.
    Bars are standard deviations over seeds; a point without a bar comes from a single run.
    """
    panels: list[tuple[str, dict[str, str], str, float | None]] = [
        (f"steps to E(2) ≤ {threshold:g}", {STEPS_TO_THRESHOLD: ""}, "linear", None),
        *((f"{symbol} at T", {measure: ""}, "log", None) for measure, symbol in SYMBOLS.items()),
        ("measures at 2T : at T", dict(zip(RATIOS, SYMBOLS.values(), strict=True)), "log", 1),
        ("best sampling time", dict(zip(BEST_TIMES, SYMBOLS.values(), strict=True)), "linear", None),
        ("Lyapunov exponent", dict(zip(LYAPUNOV, ("before training", "after"), strict=True)), "linear", 0),
        ("diversity", DIVERSITY_LABELS, "linear", None),
        ("roughness (1 is right)", {ROUGHNESS: ""}, "log", 1),
    ]
    if any(FEATURE_MEASURES[0] in result.spreads for result in results):
        distance, *shares = FEATURE_MEASURES
        panels.append((MEASURES[distance].title, {distance: ""}, "log", None))
        panels.append(("features", {name: MEASURES[name].symbol for name in shares}, "linear", None))
    rows, texts = -(-len(panels) // 3), _axis(results).texts
    is_long = len(texts) > 3
    room = LETTER * max(map(len, texts)) if is_long else 0
    figure = new_figure(11 / 3 * rows + room, width=14)
    places = figure.subplots(rows, 3, sharex=is_long)  # then the lowest panels alone have the texts
    for row, column in itertools.product(range(rows), range(3)):
        if 3 * row + column >= len(panels):
            places[row, column].axis("off")
            places[row - 1, column].tick_params(labelbottom=True)
    for axes, (title, quantities, scale, reference) in zip(places.flat, panels, strict=False):
        axes.set_title(title)
        _draw(axes, results, quantities)
        means = [result.spreads[name].mean for result in results for name in quantities if name in result.spreads]
        if not means:
            axes.text(0.5, 0.5, "none", ha="center", transform=axes.transAxes)
        elif min(means) > 0:
            axes.set_yscale(scale)
        if reference is not None:
            axes.axhline(reference, color="gray", linewidth=0.8)
        axes.grid(alpha=0.3)
    return figure


class _Axis(NamedTuple):
    """The axis over which a sweep is drawn.

    Attributes:
        first: setting on the axis; "" where the runs have different settings, each combination of which has a place.
        texts: texts of its places; none on an axis of numbers.
    """

    first: str
    texts: list[str]


def _axis(results: Sequence[Result]) -> _Axis:
    alike = all(result.settings.keys() == results[0].settings.keys() for result in results)
    first = next(iter(results[0].settings), "") if alike else ""
    if all(is_number(result.settings.get(first)) for result in results):
        return _Axis(first, [])
    return _Axis(first, list(dict.fromkeys(_text(result, first) for result in results)))


def _draw(axes: Axes, results: Sequence[Result], quantities: dict[str, str]) -> None:
    first, texts = _axis(results)
    numbers = not texts
    alike = all(result.settings.keys() == results[0].settings.keys() for result in results)
    lines: dict[str, list[Result]] = {}
    for result in results:
        others = {name: value for name, value in result.settings.items() if name != first} if alike else {}
        lines.setdefault(_joined(others), []).append(result)
    for colour, (other, members) in enumerate(lines.items()):
        for marker, (quantity, label) in zip(MARKERS, quantities.items(), strict=False):
            points = [
                (
                    float(result.settings[first]) if numbers else float(texts.index(_text(result, first))),
                    result.spreads[quantity],
                )
                for result in members
                if quantity in result.spreads
            ]
            axes.errorbar(
                [x for x, _ in points],
                [spread.mean for _, spread in points],
                [spread.deviation or 0 for _, spread in points],
                fmt=marker if numbers else marker[0],
                color=f"C{colour if len(lines) > 1 else MARKERS.index(marker)}",
                capsize=3,
                markersize=5,
                label=", ".join(part for part in (label, other) if part),
            )
    if not numbers:
        axes.set_xticks(range(len(texts)), texts)
        if len(texts) > 3:
            axes.tick_params(axis="x", labelrotation=90, labelsize="small")
        axes.set_xlim(-0.5, len(texts) - 0.5)
    if first:
        axes.set_xlabel(next(iter(labels({first: None}))))
    if len(lines) > 1 or len(quantities) > 1:
        axes.legend(fontsize="small")


def _text(result: Result, name: str) -> str:
    """Write the value of a setting; of all settings if ``name`` is empty."""
    if not name:
        return _joined(result.settings) or "base"
    return dict(zip(result.settings, labels(result.settings).values(), strict=True))[name]


def _joined(settings: Mapping[str, Any]) -> str:
    return ", ".join(f"{name}={value}" for name, value in labels(settings).items())


def exponent_figure(results: Sequence[Result]) -> Figure:
    """Draw quality and diversity over the largest Lyapunov exponent, before and after training.

    Each combination of settings is a point. Settings that act only through the chaos they leave lie on one curve.
    Bars are standard deviations over seeds.
    """
    panels = {**SYMBOLS, RATIOS[0]: "E(2) at 2T : at T", DIVERSITY[0]: DIVERSITY_LABELS[DIVERSITY[0]]}
    colours = colormaps["viridis"](np.linspace(0, 0.95, len(results)))
    figure = new_figure(8, width=14)
    for axes, (quantity, title) in zip(figure.subplots(2, 3).flat, panels.items(), strict=True):
        axes.set_title(title)
        axes.set_xlabel("Lyapunov exponent, hollow before and filled after training")
        for result, colour in zip(results, colours, strict=True):
            for exponent, fill in zip(LYAPUNOV, ("none", "full"), strict=True):
                spreads = result.spreads
                if quantity in spreads and exponent in spreads:
                    axes.errorbar(
                        spreads[exponent].mean,
                        spreads[quantity].mean,
                        xerr=spreads[exponent].deviation or 0,
                        yerr=spreads[quantity].deviation or 0,
                        fmt="o",
                        fillstyle=fill,
                        color=colour,
                        label=_text(result, ""),
                    )
        if axes.has_data():
            axes.set_yscale("log")
        axes.axvline(0, color="gray", linewidth=0.8)
        axes.grid(alpha=0.3)
    entries = {
        label: handle for axes in figure.axes for handle, label in zip(*axes.get_legend_handles_labels(), strict=True)
    }
    figure.legend(entries.values(), entries.keys(), loc="outside right upper", fontsize="small")
    return figure


def write_plots(folder: Path, results: Sequence[Result], threshold: float) -> list[Path]:
    """Write both figures as PNG files, and return their paths."""
    figures = {"plot.png": sweep_figure(results, threshold), "exponents.png": exponent_figure(results)}
    for name, figure in figures.items():
        with written_at_once(folder / name) as temporary:
            figure.savefig(temporary, format="png", dpi=130)
    return [folder / name for name in figures]
