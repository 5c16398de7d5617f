"""Chaotic recurrent neural networks as generative models (arXiv:2405.10822)."""

from chaos_lightning.data import FashionMNISTDataModule, ImageFilesDataModule, MNISTDataModule
from chaos_lightning.models import ChaoticGenerator, OneLayer, ThreeLayer, TwoLayer
from chaos_lightning.version import __version__

__all__ = [
    "ChaoticGenerator",
    "FashionMNISTDataModule",
    "ImageFilesDataModule",
    "MNISTDataModule",
    "OneLayer",
    "ThreeLayer",
    "TwoLayer",
    "__version__",
]
