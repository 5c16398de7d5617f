"""Images of 16 pixels: left or right half bright, with some noise. A network learns them in a second."""

import torch
from torchvision.datasets import MNIST

from chaos_lightning.data import ImageDataModule
from chaos_lightning.data.images import ImageSet


def make(count, seed):
    generator = torch.Generator().manual_seed(seed)
    labels = torch.randint(2, (count,), generator=generator)
    pixels = torch.randint(60, (count, 1, 4, 4), generator=generator)
    pixels[labels == 0, :, :, :2] += 190
    pixels[labels == 1, :, :, 2:] += 190
    return ImageSet(pixels.to(torch.uint8), labels)


class TinyImages(ImageDataModule):
    source = MNIST
    sample_file = ""
    image_shape = (1, 4, 4)

    def _read_files(self):
        return make(200, 0), make(50, 1)
