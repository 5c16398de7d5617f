"""Images of 25 pixels, all different: one of two halves bright, with noise."""

import torch
from torchvision.datasets import MNIST

from chaos_lightning.data import ImageDataModule
from chaos_lightning.data.images import ImageSet


def make(count, seed):
    generator = torch.Generator().manual_seed(seed)
    labels = torch.randint(2, (count,), generator=generator)
    pixels = torch.randint(60, (count, 1, 5, 5), generator=generator)
    pixels[labels == 0, :, :, :2] += 190
    pixels[labels == 1, :, :, 3:] += 190
    return ImageSet(pixels.to(torch.uint8), labels)


class FewPixels(ImageDataModule):
    source = MNIST
    sample_file = ""
    image_shape = (1, 5, 5)

    def _read_files(self):
        return make(240, 0), make(40, 1)
