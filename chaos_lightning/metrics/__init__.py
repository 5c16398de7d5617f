"""The measures as torchmetrics metrics, over :mod:`chaos_lightning.functional`."""

from chaos_lightning.metrics.chaos_metrics import LyapunovExponent, ParticipationRatio, RestingFraction
from chaos_lightning.metrics.class_measures import ClassMeasures
from chaos_lightning.metrics.diversity_metrics import (
    ClassBalanceError,
    ClassCoverage,
    InvertedShare,
    ManifoldPrecision,
    ManifoldRecall,
    NearCopyShare,
)
from chaos_lightning.metrics.image_metrics import AdversarialAccuracyIndicator, RelativeEntropyError
from chaos_lightning.metrics.moment_metrics import SecondMomentError, SpectrumError
from chaos_lightning.metrics.warning_signs import WarningSigns

__all__ = [
    "AdversarialAccuracyIndicator",
    "ClassBalanceError",
    "ClassCoverage",
    "ClassMeasures",
    "InvertedShare",
    "LyapunovExponent",
    "ManifoldPrecision",
    "ManifoldRecall",
    "NearCopyShare",
    "ParticipationRatio",
    "RelativeEntropyError",
    "RestingFraction",
    "SecondMomentError",
    "SpectrumError",
    "WarningSigns",
]
