"""The architectures as LightningModules."""

from chaos_lightning.models.architectures import OneLayer, ThreeLayer, TwoLayer
from chaos_lightning.models.base import ChaoticGenerator
from chaos_lightning.models.checkpoint import WholeFileIO
from chaos_lightning.models.divergence import TrainingDivergedError
from chaos_lightning.models.generator import ImageGenerator
from chaos_lightning.models.prediction import ChainLoader, ChainRange

__all__ = [
    "ChainLoader",
    "ChainRange",
    "ChaoticGenerator",
    "ImageGenerator",
    "OneLayer",
    "ThreeLayer",
    "TrainingDivergedError",
    "TwoLayer",
    "WholeFileIO",
]
