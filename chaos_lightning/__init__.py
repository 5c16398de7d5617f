"""Chaotic recurrent neural networks as generative models (arXiv:2405.10822)."""

import chaos_lightning.pictures.backend  # noqa: F401 - before all others
from chaos_lightning.data import (
    CIFAR10DataModule,
    ColouredMNISTDataModule,
    EMNISTDataModule,
    FashionMNISTDataModule,
    ImageFilesDataModule,
    IsingDataModule,
    KMNISTDataModule,
    MNISTDataModule,
    SVHNDataModule,
    USPSDataModule,
)
from chaos_lightning.dynamics import Connection, RateFunction
from chaos_lightning.learning import CentredHebbian, ContrastiveHebbian, LearningRule
from chaos_lightning.models import ChaoticGenerator, OneLayer, ThreeLayer, TwoLayer
from chaos_lightning.sampling import Task
from chaos_lightning.version import __version__

__all__ = [
    "CIFAR10DataModule",
    "CentredHebbian",
    "ChaoticGenerator",
    "ColouredMNISTDataModule",
    "Connection",
    "ContrastiveHebbian",
    "EMNISTDataModule",
    "FashionMNISTDataModule",
    "ImageFilesDataModule",
    "IsingDataModule",
    "KMNISTDataModule",
    "LearningRule",
    "MNISTDataModule",
    "OneLayer",
    "RateFunction",
    "SVHNDataModule",
    "Task",
    "ThreeLayer",
    "TwoLayer",
    "USPSDataModule",
    "__version__",
]
