"""Small images that are all different: one of two halves bright, with noise."""

import torch

from chaos_lightning.data import ImageDataModule, ImageSet


def half_bright(count, side, seed):
    """Images of ``side * side`` pixels, and which half of each is bright: 0 left, 1 right."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.randint(2, (count,), generator=generator)
    pixels = torch.randint(60, (count, 1, side, side), generator=generator)
    pixels[labels == 0, :, :, : side // 2] += 190
    pixels[labels == 1, :, :, side - side // 2 :] += 190
    return ImageSet(pixels.to(torch.uint8), labels)


class FewPixels(ImageDataModule):
    """Such images of 25 pixels. A network learns them in a second."""

    def read_image_sets(self):
        return half_bright(240, 5, 0), half_bright(40, 5, 1)
