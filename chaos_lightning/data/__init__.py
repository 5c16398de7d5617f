"""Real images: data sets, the bundled sample, and minibatches of them."""

from chaos_lightning.data.batches import EvaluationBatch, EvaluationBatches, Minibatch, TrainingBatches
from chaos_lightning.data.datamodule import ImageDataModule
from chaos_lightning.data.errors import DataError
from chaos_lightning.data.files import read_images
from chaos_lightning.data.image_files import ImageFilesDataModule
from chaos_lightning.data.images import ImageSet
from chaos_lightning.data.masks import read_mask
from chaos_lightning.data.mnist import FashionMNISTDataModule, IDXDataModule, MNISTDataModule

__all__ = [
    "DataError",
    "EvaluationBatch",
    "EvaluationBatches",
    "FashionMNISTDataModule",
    "IDXDataModule",
    "ImageDataModule",
    "ImageFilesDataModule",
    "ImageSet",
    "MNISTDataModule",
    "Minibatch",
    "TrainingBatches",
    "read_images",
    "read_mask",
]
