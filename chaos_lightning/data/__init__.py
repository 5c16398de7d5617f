"""Real images: data sets, the bundled sample, and minibatches of them."""

from chaos_lightning.data.batches import EvaluationBatch, EvaluationBatches, Minibatch, TrainingBatches
from chaos_lightning.data.datamodule import ImageDataModule
from chaos_lightning.data.errors import DataError
from chaos_lightning.data.files import read_images
from chaos_lightning.data.image_files import ImageFilesDataModule
from chaos_lightning.data.images import ImageSet
from chaos_lightning.data.ising import IsingDataModule
from chaos_lightning.data.masks import read_mask
from chaos_lightning.data.mnist import (
    ColouredMNISTDataModule,
    FashionMNISTDataModule,
    IDXDataModule,
    KMNISTDataModule,
    MNISTDataModule,
    ScaledMNISTDataModule,
)
from chaos_lightning.data.torchvision_sets import (
    CIFAR10DataModule,
    EMNISTDataModule,
    SVHNDataModule,
    TorchvisionDataModule,
    USPSDataModule,
)

__all__ = [
    "CIFAR10DataModule",
    "ColouredMNISTDataModule",
    "DataError",
    "EMNISTDataModule",
    "EvaluationBatch",
    "EvaluationBatches",
    "FashionMNISTDataModule",
    "IDXDataModule",
    "ImageDataModule",
    "ImageFilesDataModule",
    "ImageSet",
    "IsingDataModule",
    "KMNISTDataModule",
    "MNISTDataModule",
    "Minibatch",
    "SVHNDataModule",
    "ScaledMNISTDataModule",
    "TorchvisionDataModule",
    "TrainingBatches",
    "USPSDataModule",
    "read_images",
    "read_mask",
]
