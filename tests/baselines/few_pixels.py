"""Images of 25 pixels."""

from half_bright import half_bright

from chaos_lightning.data import ImageDataModule


class FewPixels(ImageDataModule):
    def read_image_sets(self):
        return half_bright(240, 5, 0), half_bright(40, 5, 1)
