"""Measures as a table: measure, value, floor, ratio."""

from collections.abc import Mapping

from rich.console import Console
from rich.table import Table

from chaos_lightning.metrics.class_measures import ClassEvaluation

LABELS = {
    "second_moment_error": "E(2)   second-moment error",
    "spectrum_error": "E(s)   spectrum error",
    "relative_entropy_error": "E(R)   relative-entropy error",
    "entropy_ratio": "       S_G / S_X - 1",
    "adversarial_accuracy_indicator": "E(AAI) adversarial accuracy indicator",
    "generated_accuracy": "       A_G, 1/2 is best",
    "real_accuracy": "       A_X, 1/2 is best",
    "manifold_precision": "manifold precision, 1 is best",
    "manifold_recall": "manifold recall, 1 is best",
    "inverted_share": "share of inverted images",
    "near_copy_share": "share of near-copies of training images",
    "class_balance_error": "class balance error",
    "class_coverage": "classes covered",
    "class_agreement": "share that is of the class asked for",
}
"""Measure name to how tables call it, in the order of the tables."""

SYMBOLS = {
    "second_moment_error": "E(2)",
    "spectrum_error": "E(s)",
    "relative_entropy_error": "E(R)",
    "adversarial_accuracy_indicator": "E(AAI)",
}
"""Accuracy measure to its symbol in the paper."""

ERRORS = tuple(SYMBOLS)
"""The measures whose best value is 0, so that a ratio of value and floor says how far off it is."""


def ratio_to_floor(measure: str, value: float, floor: float | None) -> float | None:
    """Value over floor, where that says something; None elsewhere."""
    return value / floor if measure in ERRORS and floor is not None and floor > 0 else None


def print_measures(title: str, values: Mapping[str, float], floors: Mapping[str, float]) -> None:
    """Print measures beside their floors.

    Args:
        title: over the table.
        values: measure name to value.
        floors: measure name to what real images reach; may lack measures.
    """
    table = Table(title=title, title_justify="left")
    table.add_column("measure", no_wrap=True)
    for column in ("value", "floor", "ratio"):
        table.add_column(column, justify="right")
    for measure in [name for name in LABELS if name in values] + [name for name in values if name not in LABELS]:
        floor = floors.get(measure)
        ratio = ratio_to_floor(measure, values[measure], floor)
        table.add_row(
            LABELS.get(measure, measure),
            f"{values[measure]:.3g}",
            "" if floor is None else f"{floor:.3g}",
            "" if ratio is None else f"{ratio:.1f}",
        )
    Console(width=max(Console().width, 80)).print(table)


CLASS_LABELS = {
    "class_agreement": "class found",
    "second_moment_error": "E(2)",
    "spectrum_error": "E(s)",
    "adversarial_accuracy_indicator": "E(AAI)",
    "accuracy": "class read",
}
"""Measure name to the heading of its column in the table of classes."""


def print_classes(title: str, evaluation: ClassEvaluation) -> None:
    """Print the measures of each class and of all together, with floors in brackets.

    Args:
        title: over the table.
        evaluation: the measures.
    """
    table = Table(title=title, title_justify="left")
    for column in ("class", "images", *CLASS_LABELS.values()):
        table.add_column(column, justify="right")
    for figures in (*evaluation.classes, evaluation.overall):
        if figures is evaluation.overall:
            table.add_section()
        cells = [f"{figures.values[measure]:.2g}" for measure in CLASS_LABELS]
        floors = [f" ({figures.floors[measure]:.2g})" if measure in figures.floors else "" for measure in CLASS_LABELS]
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
