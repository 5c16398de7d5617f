"""How all figures look: sizes, fonts, and colours that colour-blind readers can tell apart."""

from typing import Any

from matplotlib.figure import Figure

# Okabe and Ito's palette; lines differ in their dashes too.
DATA = "#000000"
SAMPLES = "#0072B2"
BEFORE = "#D55E00"
FLOOR = "#7F7F7F"

WIDTH = 7.2
"""Inches: two columns of a journal page."""

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


def new_figure(height: float) -> Figure:
    """A figure of the common width, which matplotlib's ``pyplot`` knows nothing of."""
    return Figure(figsize=(WIDTH, height), layout="constrained")
