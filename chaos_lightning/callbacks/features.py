"""Measures of what the eye sees, in validation and test."""

from collections.abc import Sequence
from functools import partial
from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer

from chaos_lightning.callbacks.generator import as_generator
from chaos_lightning.features import find_features
from chaos_lightning.metrics.evaluation import visible_measures
from chaos_lightning.metrics.feature_network import FeatureNetwork


class FeatureMeasures(Callback):
    """Measures of what the eye sees, beside the others in validation and test, if a network of features is named.

    In the features: Fréchet distance, precision, recall, and the share of images that a classifier is sure of. In the
    pixels: precision, recall and roughness. A classifier has learned from all training images of its data set,
    validation images among them; test images are new to it.

    Args:
        network: ``classifier`` takes the one that the command ``chaos-lightning classifier`` has trained on the data
            set; a file that it wrote, or the class path of a torch module from images ``(N, channels, height, width)``
            in [-1, 1] to features ``(N, D)``, is taken as it is. By default these measures are left out.
        cache_dir: folder of the classifiers; by default ``chaos_lightning/classifiers`` in ``$XDG_CACHE_HOME`` or
            ``~/.cache``.
    """

    def __init__(self, network: str | None = None, cache_dir: str | None = None) -> None:
        self.network = network
        self.cache_dir = cache_dir

    def find(self, image_shape: Sequence[int], data: Any) -> FeatureNetwork | None:
        """Return the network, given the shape of the images and their data module; None if none is asked for.

        Raises:
            FileNotFoundError: if there is no such file, or the data set has no classifier yet.
            ValueError: if there is no such class, or the network cannot read the images.
        """
        if self.network is None:
            return None
        return FeatureNetwork.of(find_features(self.network, image_shape, data, self.cache_dir), image_shape)

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Find the network before any work starts, and add its measures to the module's, see :meth:`find`."""
        generator = as_generator(pl_module)
        features = None
        if stage != "predict":
            features = self.find(generator.image_shape, getattr(trainer, "datamodule", None))
        if features is not None:
            generator.further_measures["features"] = partial(visible_measures, features, generator.image_shape)
