"""The command ``chaos-lightning scaling``: cost and quality against the number of values of a sample."""

import csv
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from rich.console import Console
from rich.table import Table
from scipy.stats import linregress

from chaos_lightning.files import output_folder, written_at_once
from chaos_lightning.metrics.catalogue import SYMBOLS
from chaos_lightning.pictures.style import new_figure

VALUES = "values_per_sample"

PANELS = {
    **{name: f"{symbol} within the budget" for name, symbol in SYMBOLS.items()},
    "seconds_per_step": "seconds per training step",
    "seconds_per_1000_samples": "seconds per 1,000 samples",
    "peak_memory_mib": "peak memory in MiB",
}
"""Quantity to the title of its panel."""

FLOOR = {"linestyle": "--", "color": "k"}
"""Look of real images in place of samples."""


@dataclass(frozen=True)
class Point:
    """A contestant of one comparison.

    Attributes:
        contestant: Its name.
        is_floor: Whether it shows real images.
        values: Values of a sample, over all channels.
        quantities: Mean over seeds of each quantity that it has.
        is_fitted: Whether its comparison counts for the exponents.
    """

    contestant: str
    is_floor: bool
    values: float
    quantities: Mapping[str, float]
    is_fitted: bool


@dataclass(frozen=True)
class PowerLaw:
    """A power law ``quantity = factor * values ** exponent``.

    Attributes:
        exponent: Slope of the logarithms.
        error: Its standard error over the sizes; NaN for two sizes.
        factor: Value that the line has for samples of a single value.
    """

    exponent: float
    error: float
    factor: float

    def at(self, values: Any) -> Any:
        """Return what the law predicts for samples of a number of values, or an array of them."""
        return self.factor * values**self.exponent


def scaling(
    folders: list[str],
    others: list[str] | None = None,
    predict_for: list[int] = [3072, 12288],  # noqa: B006
    output: str = "logs/scaling",
) -> dict[str, float]:
    """Fit how cost and quality grow with the number of values of a sample, over comparisons of several sizes.

    Each folder holds the comparison of one size (``chaos-lightning compare``), with the same contestants and budget in
    all. For each contestant, power laws are fitted to the means over seeds: a table (also scaling.csv) tells the
    exponents with standard errors and what the laws predict for other sizes, and scaling.png shows points and lines.

    Args:
        folders: folders of comparisons of at least two sizes.
        others: folders of further comparisons, of other data, whose points are drawn hollow and not fitted.
        predict_for: numbers of values for which to read the laws off; by default those of CIFAR-10 (3 x 32 x 32) and of
            colour images of 64 x 64 pixels.
        output: folder for the table and the plot.

    Returns:
        "contestant, quantity" to exponent.

    Raises:
        FileNotFoundError: if a folder holds no comparison.
        ValueError: if there are fewer than two sizes, or the output is a file.
    """
    if any(size < 1 for size in predict_for):
        raise ValueError(f"predict_for holds numbers of values, 1 or more, but is {predict_for}")
    points = [
        point
        for names, is_fitted in ((folders, True), (others or [], False))
        for name in names
        for point in _read(Path(name), is_fitted)
    ]
    sizes = sorted({point.values for point in points if point.is_fitted})
    if len(sizes) < 2:
        raise ValueError(f"a power law needs two sizes of samples or more, but folders holds {len(sizes)}: name more")
    folder = output_folder(output)
    laws = {
        (contestant, quantity): law
        for contestant in dict.fromkeys(point.contestant for point in points)
        for quantity in PANELS
        if (law := power_law([point for point in points if point.contestant == contestant], quantity)) is not None
    }
    _print(laws, f"exponents over samples of {_listed(sizes)} values", _exponent)
    for size in predict_for:
        _print(laws, f"predicted for samples of {size:,} values", partial(_prediction, size=size))
    with written_at_once(folder / "scaling.csv") as path, path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["contestant", "quantity", "exponent", "standard_error", "factor", *predict_for])
        writer.writerows(
            [*names, law.exponent, law.error, law.factor, *map(law.at, predict_for)] for names, law in laws.items()
        )
    with written_at_once(folder / "scaling.png") as path:
        scaling_figure(points, laws).savefig(path, format="png", dpi=130)
    print(f"wrote {folder / 'scaling.csv'}\nwrote {folder / 'scaling.png'}")
    return {", ".join(names): law.exponent for names, law in laws.items()}


def power_law(points: Sequence[Point], quantity: str) -> PowerLaw | None:
    """Fit a power law to the points of one contestant that count; None for fewer than two sizes with values above 0."""
    known = [
        (point.values, point.quantities[quantity])
        for point in points
        if point.is_fitted and point.quantities.get(quantity, 0) > 0
    ]
    if len({size for size, _ in known}) < 2:
        return None
    fit = linregress(*np.log(np.array(known).T))
    error = float(fit.stderr) if len(known) > 2 else float("nan")
    return PowerLaw(float(fit.slope), error, float(np.exp(fit.intercept)))


def scaling_figure(points: Sequence[Point], laws: Mapping[tuple[str, str], PowerLaw]) -> Figure:
    """Draw each quantity over the number of values, with the fitted power laws and their exponents."""
    figure = new_figure(7.5, width=14)
    contestants = list(dict.fromkeys(point.contestant for point in points))
    ticks = sorted({point.values for point in points})
    for axes, (quantity, title) in zip(figure.subplots(2, 4).flat, PANELS.items(), strict=False):
        axes.set(title=title, xscale="log", yscale="log", xlabel="values of a sample")
        axes.set_xticks(ticks, [f"{size:,.0f}" for size in ticks])
        axes.set_xticks([], minor=True)
        for number, contestant in enumerate(contestants):
            own = [point for point in points if point.contestant == contestant and quantity in point.quantities]
            if not own:
                continue
            look = FLOOR if own[0].is_floor else {"color": f"C{number}"}
            for is_fitted, fill in ((True, "full"), (False, "none")):
                some = sorted(
                    (point.values, point.quantities[quantity]) for point in own if point.is_fitted == is_fitted
                )
                axes.plot(*zip(*some, strict=True) if some else ([], []), "o", fillstyle=fill, color=look["color"])
            law = laws.get((contestant, quantity))
            if law is not None:
                sizes = np.array(sorted({point.values for point in own if point.is_fitted}))
                label = f"{contestant}: {law.exponent:.2f}" + ("" if np.isnan(law.error) else f" ± {law.error:.2f}")
                axes.plot(sizes, law.at(sizes), label=label, **look)
        axes.grid(alpha=0.3)
        if axes.get_legend_handles_labels()[0]:
            axes.legend(fontsize="x-small", title="exponent", title_fontsize="x-small")
    figure.axes[-1].set_visible(len(PANELS) == len(figure.axes))
    return figure


def _read(folder: Path, is_fitted: bool) -> list[Point]:
    path = folder.expanduser() / "compare.csv"
    if not path.is_file():
        raise FileNotFoundError(f"there is no comparison in {folder}: make it with compare --folder {folder}")
    points = []
    with path.open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            if not row.get(VALUES):
                raise ValueError(f"{path} does not tell the size of samples: make the comparison anew")
            known = {name: float(value) for name, value in row.items() if name in PANELS and value}
            if row["training_seconds"] and float(row["training_steps"]) > 1:
                known["seconds_per_step"] = float(row["training_seconds"]) / float(row["training_steps"])
            points.append(Point(row["contestant"], row["is_floor"] == "1", float(row[VALUES]), known, is_fitted))
    return points


def _print(laws: Mapping[tuple[str, str], PowerLaw], title: str, tell: Callable[[PowerLaw], str]) -> None:
    """Print a table of what a function tells of each law."""
    table = Table(title=title, title_justify="left")
    table.add_column("quantity", no_wrap=True)
    contestants = dict.fromkeys(contestant for contestant, _ in laws)
    for contestant in contestants:
        table.add_column(contestant, justify="right")
    for quantity, label in PANELS.items():
        cells = [laws.get((contestant, quantity)) for contestant in contestants]
        table.add_row(label, *("" if law is None else tell(law) for law in cells))
    Console(width=max(Console().width, 110)).print(table)


def _exponent(law: PowerLaw) -> str:
    return f"{law.exponent:.2f} ± {law.error:.2f}".removesuffix(" ± nan")


def _prediction(law: PowerLaw, size: int) -> str:
    return f"{law.at(size):.3g}"


def _listed(sizes: Sequence[float]) -> str:
    return ", ".join(f"{size:,.0f}" for size in sizes)
