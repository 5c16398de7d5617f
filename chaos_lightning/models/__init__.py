"""The architectures as LightningModules."""

from chaos_lightning.models.architectures import OneLayer, ThreeLayer, TwoLayer
from chaos_lightning.models.base import ChaoticGenerator
from chaos_lightning.models.divergence import TrainingDivergedError
from chaos_lightning.models.generator import ImageGenerator

__all__ = [
    "ChaoticGenerator",
    "ImageGenerator",
    "OneLayer",
    "ThreeLayer",
    "TrainingDivergedError",
    "TwoLayer",
]
