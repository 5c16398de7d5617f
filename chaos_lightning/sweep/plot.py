"""The results of a sweep as one plot."""

from collections.abc import Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from chaos_lightning.metrics.report import SYMBOLS
from chaos_lightning.sweep.plan import labels
from chaos_lightning.sweep.results import (
    BEST_TIMES,
    DIVERSITY,
    LYAPUNOV,
    RATIOS,
    STEPS_TO_THRESHOLD,
    Result,
    is_number,
)

MARKERS = ("o-", "s--", "^:", "d-.")


def sweep_figure(results: Sequence[Result], threshold: float) -> Figure:
    """Every group of quantities over the first setting, with one colour for each combination of the others.

    Bars are standard deviations over seeds. A point without a bar is of a single run.
    """
    panels: list[tuple[str, dict[str, str], str, float | None]] = [
        (f"steps to E(2) ≤ {threshold:g}", {STEPS_TO_THRESHOLD: ""}, "linear", None),
        *((f"{symbol} at T", {measure: ""}, "log", None) for measure, symbol in SYMBOLS.items()),
        ("measures at 2T : at T", dict(zip(RATIOS, SYMBOLS.values(), strict=True)), "log", 1),
        ("best sampling time", dict(zip(BEST_TIMES, SYMBOLS.values(), strict=True)), "linear", None),
        ("Lyapunov exponent", dict(zip(LYAPUNOV, ("before training", "after"), strict=True)), "linear", 0),
        ("diversity", dict(zip(DIVERSITY, ("A_G (1/2 is best)", "precision", "recall"), strict=True)), "linear", None),
    ]
    figure = Figure(figsize=(14, 11), layout="constrained")
    for axes, (title, quantities, scale, reference) in zip(figure.subplots(3, 3).flat, panels, strict=True):
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


def _draw(axes: Axes, results: Sequence[Result], quantities: dict[str, str]) -> None:
    first = next(iter(results[0].settings), "")
    numbers = all(is_number(result.settings.get(first)) for result in results)
    texts = list(dict.fromkeys(_text(result, first) for result in results))
    lines: dict[str, list[Result]] = {}
    for result in results:
        others = {name: value for name, value in result.settings.items() if name != first}
        lines.setdefault(", ".join(f"{name}={value}" for name, value in labels(others).items()), []).append(result)
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
                fmt=marker,
                color=f"C{colour if len(lines) > 1 else MARKERS.index(marker)}",
                capsize=3,
                markersize=5,
                label=", ".join(part for part in (label, other) if part),
            )
    if not numbers:
        axes.set_xticks(range(len(texts)), texts)
        axes.margins(x=0.3)
    if first:
        axes.set_xlabel(next(iter(labels({first: None}))))
    if len(lines) > 1 or len(quantities) > 1:
        axes.legend(fontsize="small")


def _text(result: Result, name: str) -> str:
    return "" if not name else dict(zip(result.settings, labels(result.settings).values(), strict=True))[name]


def write_plot(path: Path, results: Sequence[Result], threshold: float) -> None:
    """Draw the results into a PNG file."""
    sweep_figure(results, threshold).savefig(path, dpi=130)
