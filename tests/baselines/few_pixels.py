"""Images of 25 pixels."""

from half_bright import half_bright
from torchvision.datasets import MNIST

from chaos_lightning.data import ImageDataModule


class FewPixels(ImageDataModule):
    source = MNIST
    sample_file = ""
    image_shape = (1, 5, 5)

    def _read_files(self):
        return half_bright(240, 5, 0), half_bright(40, 5, 1)
