"""Chaotic recurrent neural networks as generative models (arXiv:2405.10822)."""

import os
from importlib import import_module
from typing import TYPE_CHECKING, Any

from chaos_lightning.version import __version__

if "MPLBACKEND" in os.environ:
    import chaos_lightning.pictures.backend  # noqa: F401 - before all others

if TYPE_CHECKING:
    from chaos_lightning.data import (
        CIFAR10DataModule,
        ColouredMNISTDataModule,
        EMNISTDataModule,
        FashionMNISTDataModule,
        ImageFilesDataModule,
        IsingDataModule,
        KMNISTDataModule,
        MNISTDataModule,
        ScaledMNISTDataModule,
        SVHNDataModule,
        USPSDataModule,
    )
    from chaos_lightning.dynamics import Connection, RateFunction
    from chaos_lightning.learning import CentredHebbian, ContrastiveHebbian, LearningRule
    from chaos_lightning.models import ChaoticGenerator, OneLayer, ThreeLayer, TwoLayer
    from chaos_lightning.sampling import Task
else:
    # Names are imported when they are first used: torch and Lightning take seconds, and whoever wants the dynamics or
    # the help of the command line needs only part of them or none.
    _NAMES_OF = {
        "data": (
            "CIFAR10DataModule",
            "ColouredMNISTDataModule",
            "EMNISTDataModule",
            "FashionMNISTDataModule",
            "ImageFilesDataModule",
            "IsingDataModule",
            "KMNISTDataModule",
            "MNISTDataModule",
            "ScaledMNISTDataModule",
            "SVHNDataModule",
            "USPSDataModule",
        ),
        "dynamics": ("Connection", "RateFunction"),
        "learning": ("CentredHebbian", "ContrastiveHebbian", "LearningRule"),
        "models": ("ChaoticGenerator", "OneLayer", "ThreeLayer", "TwoLayer"),
        "sampling": ("Task",),
    }

    def __getattr__(name: str) -> Any:
        """Import a public name, or one of the parts that hold them, when it is first used."""
        for part, names in _NAMES_OF.items():
            if name == part or name in names:
                module = import_module(f"{__name__}.{part}")
                return module if name == part else getattr(module, name)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

    def __dir__() -> list[str]:
        """List the public names, imported or not."""
        return sorted({*globals(), *__all__})


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
    "ScaledMNISTDataModule",
    "Task",
    "ThreeLayer",
    "TwoLayer",
    "USPSDataModule",
    "__version__",
]
