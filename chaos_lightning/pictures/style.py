"""The look of the figures: sizes, fonts, and colours that colour-blind readers can tell apart."""

from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

# Okabe and Ito's palette; lines differ in their dashes too.
DATA = "#000000"
SAMPLES = "#0072B2"
BEFORE = "#D55E00"
FLOOR = "#7F7F7F"

WIDTH = 7.2
"""Width of a figure in inches: two columns of a journal page."""

STYLE: dict[Any, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "axes.titlesize": 9.5,
    "axes.labelsize": 9,
    "legend.fontsize": 8.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.alpha": 0.25,
    "grid.linewidth": 0.6,
    "lines.linewidth": 1.6,
    "legend.frameon": False,
    "savefig.dpi": 200,
    "savefig.facecolor": "white",
}


def new_figure(height: float, width: float = WIDTH) -> Figure:
    """Make a figure, in inches, which ``pyplot`` does not keep alive."""
    return Figure(figsize=(width, height), layout="constrained")


def mark_sampling_time(axes: Axes, place: float) -> None:
    """Mark the sampling time T on the axis of times."""
    axes.axvline(place, color=DATA, linewidth=0.9, linestyle=":", label="T of training")
