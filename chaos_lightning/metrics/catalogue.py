"""All measures of generated images, each once: its name, how tables call it, how it is computed, its best value.

A new measure is a function in :mod:`chaos_lightning.functional`, a metric over it, and an entry in this table.
"""

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

from torch import Tensor
from torchmetrics import Metric

from chaos_lightning.functional import (
    adversarial_accuracy_indicator,
    relative_entropy_error,
    second_moment_error,
    spectrum_error,
)
from chaos_lightning.metrics.adversarial_accuracy import AdversarialAccuracyIndicator
from chaos_lightning.metrics.class_balance import ClassBalanceError, ClassCoverage
from chaos_lightning.metrics.feature_space import (
    CONFIDENT,
    ConfidentShare,
    FeatureFrechetDistance,
    FeaturePrecision,
    FeatureRecall,
)
from chaos_lightning.metrics.inversion import InvertedShare
from chaos_lightning.metrics.manifold import ManifoldPrecision, ManifoldRecall
from chaos_lightning.metrics.memorisation import NearCopyShare
from chaos_lightning.metrics.relative_entropy import RelativeEntropyError
from chaos_lightning.metrics.roughness import Roughness
from chaos_lightning.metrics.second_moment import SecondMomentError
from chaos_lightning.metrics.spectrum import SpectrumError


@dataclass(frozen=True)
class Measure:
    """A measure of generated images.

    Attributes:
        name: Name in files and logs.
        symbol: Short name, for the columns of tables; the symbol in the paper if there is one.
        title: Long name, for the rows of tables.
        best: Best value; None if it depends on the data.
        metric: Class of the metric; None for parts of other measures, and for measures by class.
        needs: Arguments of the metric.
        least_images: Fewest real and fewest generated images that the metric takes.
        error: Function of real and generated images; the four accuracy measures alone have one.
        part_of: Name of the measure that it is a part of, whose metric has it as an attribute after ``compute``.
    """

    name: str
    symbol: str
    title: str
    best: float | None = 0
    metric: Callable[..., Metric] | None = None
    needs: tuple[str, ...] = ("num_pixels",)
    least_images: int = 2
    error: Callable[[Tensor, Tensor], Tensor] | None = None
    part_of: str = ""

    @property
    def label(self) -> str:
        """Heading of the row: errors begin with their symbols, and their parts are indented below them."""
        symbol = "" if self.part_of else self.symbol
        label = f"{symbol:<7}{self.title}" if self.error or self.part_of else self.title
        return f"{label}, {Fraction(self.best)} is best" if self.best else label


_TRAINING, _LABELLED = ("training_images",), ("training_images", "training_labels")
_FEATURES = ("features", "image_shape")

_TABLE = (
    Measure("second_moment_error", "E(2)", "second-moment error", metric=SecondMomentError, error=second_moment_error),
    Measure("spectrum_error", "E(s)", "spectrum error", metric=SpectrumError, error=spectrum_error),
    Measure(
        "relative_entropy_error",
        "E(R)",
        "relative-entropy error",
        metric=RelativeEntropyError,
        error=relative_entropy_error,
    ),
    Measure("entropy_ratio", "S_G / S_X - 1", "S_G / S_X - 1", part_of="relative_entropy_error"),
    Measure(
        "adversarial_accuracy_indicator",
        "E(AAI)",
        "adversarial accuracy indicator",
        metric=AdversarialAccuracyIndicator,
        error=adversarial_accuracy_indicator,
    ),
    Measure("generated_accuracy", "A_G", "A_G", best=0.5, part_of="adversarial_accuracy_indicator"),
    Measure("real_accuracy", "A_X", "A_X", best=0.5, part_of="adversarial_accuracy_indicator"),
    Measure("manifold_precision", "precision", "manifold precision", best=1, metric=ManifoldPrecision, least_images=4),
    Measure("manifold_recall", "recall", "manifold recall", best=1, metric=ManifoldRecall, least_images=4),
    Measure("roughness", "roughness", "roughness", best=1, metric=Roughness, needs=("image_shape",)),
    Measure(
        "feature_frechet_distance",
        "feature FD",
        "Fréchet distance of features",
        metric=FeatureFrechetDistance,
        needs=_FEATURES,
    ),
    Measure(
        "feature_precision",
        "feature precision",
        "manifold precision of features",
        best=1,
        metric=FeaturePrecision,
        needs=_FEATURES,
        least_images=4,
    ),
    Measure(
        "feature_recall",
        "feature recall",
        "manifold recall of features",
        best=1,
        metric=FeatureRecall,
        needs=_FEATURES,
        least_images=4,
    ),
    Measure(
        "confident_share",
        "confident",
        f"share that the classifier is sure of (above {CONFIDENT:g})",
        best=None,  # real images have a share below 1
        metric=ConfidentShare,
        needs=("classifier", "image_shape"),
    ),
    Measure("inverted_share", "inverted", "share of inverted images", metric=InvertedShare),
    Measure(
        "near_copy_share",
        "near-copies",
        "share of near-copies of training images",
        best=None,  # new images have a share too
        metric=NearCopyShare,
        needs=_TRAINING,
    ),
    Measure(
        "class_balance_error", "class balance error", "class balance error", metric=ClassBalanceError, needs=_LABELLED
    ),
    Measure("class_coverage", "classes", "classes covered", best=None, metric=ClassCoverage, needs=_LABELLED),
    # Of images asked for by class, and of classes read off images: see ClassMeasures.
    Measure("class_agreement", "class found", "share that is of the class asked for", best=None),
    Measure("accuracy", "class read", "share whose class is read right", best=1),
    Measure("calibration_error", "calibration error", "expected calibration error"),
)

MEASURES = {measure.name: measure for measure in _TABLE}
"""Name to measure, in the order of tables."""

ERROR_FUNCTIONS = {measure.name: measure.error for measure in _TABLE if measure.error is not None}
"""Names of the four accuracy measures, E(2), E(s), E(R) and E(AAI), to functions of real and generated images."""

ERRORS = tuple(ERROR_FUNCTIONS)
"""Names of the four accuracy measures: 0 is best, so the ratio of value and floor says how far off a value is."""

SYMBOLS = {name: MEASURES[name].symbol for name in ERRORS}
"""Names of the four accuracy measures to their symbols in the paper."""

FEATURE_MEASURES = tuple(measure.name for measure in _TABLE if {"features", "classifier"} & {*measure.needs})
"""Names of the measures in the feature space of a network."""

TRAINING_MEASURES = tuple(measure.name for measure in _TABLE if "training_images" in measure.needs)
"""Names of the measures that look for the nearest training image."""


LARGEST_RATIO = 1_000
"""Ratios of value and floor beyond this say how close to 0 the floor has come by chance, not how far off a value is."""


def ratio_to_floor(name: str, value: float, floor: float | None) -> float | None:
    """Divide value by floor; None for measures other than the four errors, and without a positive floor."""
    return value / floor if name in ERRORS and floor is not None and floor > 0 else None


def printed_ratio(name: str, value: float, floor: float | None) -> str:
    """Write the ratio of value and floor for a table; empty where there is none, or none that says something."""
    ratio = ratio_to_floor(name, value, floor)
    return "" if ratio is None or ratio > LARGEST_RATIO else f"{ratio:.1f}"
