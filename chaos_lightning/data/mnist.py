"""The two data sets of the paper."""

from torchvision import datasets

from chaos_lightning.data.datamodule import ImageDataModule


class MNISTDataModule(ImageDataModule):
    """Handwritten digits (Y. LeCun, C. Cortes, C. Burges; CC BY-SA 3.0).

    Example:
        >>> data = MNISTDataModule()
        >>> len(data.train), len(data.validation), len(data.test)
        (4000, 1000, 1000)
    """

    source = datasets.MNIST
    sample_file = "mnist.npz"


class FashionMNISTDataModule(ImageDataModule):
    """Pictures of clothes (Zalando SE; MIT)."""

    source = datasets.FashionMNIST
    sample_file = "fashion_mnist.npz"
