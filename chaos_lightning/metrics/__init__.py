"""Measures as torchmetrics metrics, over :mod:`chaos_lightning.functional`."""

from chaos_lightning.metrics.activity import ParticipationRatio, RestingFraction
from chaos_lightning.metrics.adversarial_accuracy import AdversarialAccuracyIndicator
from chaos_lightning.metrics.class_balance import ClassBalanceError, ClassCoverage
from chaos_lightning.metrics.class_measures import ClassMeasures
from chaos_lightning.metrics.feature_space import (
    ConfidentShare,
    FeatureFrechetDistance,
    FeaturePrecision,
    FeatureRecall,
)
from chaos_lightning.metrics.inversion import InvertedShare
from chaos_lightning.metrics.lyapunov import LyapunovExponent
from chaos_lightning.metrics.manifold import ManifoldPrecision, ManifoldRecall
from chaos_lightning.metrics.memorisation import NearCopyShare
from chaos_lightning.metrics.relative_entropy import RelativeEntropyError
from chaos_lightning.metrics.roughness import Roughness
from chaos_lightning.metrics.second_moment import SecondMomentError
from chaos_lightning.metrics.spectrum import SpectrumError
from chaos_lightning.metrics.warning_signs import WarningSigns

__all__ = [
    "AdversarialAccuracyIndicator",
    "ClassBalanceError",
    "ClassCoverage",
    "ClassMeasures",
    "ConfidentShare",
    "FeatureFrechetDistance",
    "FeaturePrecision",
    "FeatureRecall",
    "InvertedShare",
    "LyapunovExponent",
    "ManifoldPrecision",
    "ManifoldRecall",
    "NearCopyShare",
    "ParticipationRatio",
    "RelativeEntropyError",
    "RestingFraction",
    "Roughness",
    "SecondMomentError",
    "SpectrumError",
    "WarningSigns",
]
