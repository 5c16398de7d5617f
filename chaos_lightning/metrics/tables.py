"""Measures as printed tables."""

from collections.abc import Mapping

from rich.console import Console
from rich.table import Table

from chaos_lightning.metrics.catalogue import MEASURES, printed_ratio
from chaos_lightning.metrics.class_measures import ClassEvaluation

CLASS_COLUMNS = (
    "class_agreement",
    "second_moment_error",
    "spectrum_error",
    "adversarial_accuracy_indicator",
    "accuracy",
)
"""Measures in the table of classes."""


def print_measures(title: str, values: Mapping[str, float], floors: Mapping[str, float]) -> None:
    """Print measures beside their floors; measures that the catalogue lacks come last, by their names.

    Args:
        title: Heading of the table.
        values: Measure name to value.
        floors: Measure name to the value that real images reach; may lack measures.
    """
    table = Table(title=title, title_justify="left")
    table.add_column("measure", no_wrap=True)
    for column in ("value", "floor", "ratio"):
        table.add_column(column, justify="right")
    for name in [*(name for name in MEASURES if name in values), *(name for name in values if name not in MEASURES)]:
        floor = floors.get(name)
        table.add_row(
            MEASURES[name].label if name in MEASURES else name,
            f"{values[name]:.3g}",
            "" if floor is None else f"{floor:.3g}",
            printed_ratio(name, values[name], floor),
        )
    Console(width=max(Console().width, 100)).print(table)


def print_classes(title: str, evaluation: ClassEvaluation) -> None:
    """Print the measures of each class and of all together, with floors in brackets.

    Args:
        title: Heading of the table.
        evaluation: The measures.
    """
    table = Table(title=title, title_justify="left")
    for column in ("class", "images", *(MEASURES[name].symbol for name in CLASS_COLUMNS)):
        table.add_column(column, justify="right")
    for figures in (*evaluation.classes, evaluation.overall):
        if figures is evaluation.overall:
            table.add_section()
        cells = [f"{figures.values[name]:.2g}" for name in CLASS_COLUMNS]
        floors = [f" ({figures.floors[name]:.2g})" if name in figures.floors else "" for name in CLASS_COLUMNS]
        table.add_row(
            figures.name,
            f"{figures.num_images:,}",
            *(cell + floor for cell, floor in zip(cells, floors, strict=True)),
        )
    Console(width=max(Console().width, 110)).print(table)
    print(
        "class found: share of the images asked for whose nearest training image is of that class\n"
        "class read:  share of held-out images whose class is read right, with an expected calibration error of "
        f"{evaluation.overall.values['calibration_error']:.2g}"
    )
