"""A network that turns images into features, as the metrics of features use it."""

from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor, nn

from chaos_lightning.functional.distances import full_precision
from chaos_lightning.functional.remember import RememberLast

IMAGES_AT_ONCE = 500
"""Most images that pass through a network together; bounds the memory."""


class FeatureNetwork(nn.Module):
    """A network that turns images into features, as metrics use it.

    It stays in evaluation mode, multiplies in float32 whatever the precision of training is, and keeps its last result,
    so that several metrics of the same images cost one pass.

    Args:
        network: Module from images of shape ``(N, channels, height, width)``, pixels in [-1, 1], to features
            ``(N, D)``. With a method ``logits``, from features to unnormalised log-probabilities of classes, it is a
            classifier.
        image_shape: Channels, height and width of an image.

    Attributes:
        num_features: D.

    Raises:
        ValueError: If the network does not give a row of finite features for each image.
    """

    def __init__(self, network: nn.Module, image_shape: Sequence[int]) -> None:
        super().__init__()
        self.network = network
        self._remembered = RememberLast(self._features)
        self.train(False)
        self.num_features = self._features(torch.zeros(1, *image_shape)).shape[1]

    @classmethod
    def of(cls, network: nn.Module, image_shape: Sequence[int]) -> "FeatureNetwork":
        """Return a network as one, itself if it is one already, so that metrics share its last result."""
        return network if isinstance(network, cls) else cls(network, image_shape)

    @property
    def is_classifier(self) -> bool:
        """Whether classes can be read off its features."""
        return callable(getattr(self.network, "logits", None))

    def train(self, mode: bool = True) -> "FeatureNetwork":
        """Stay in evaluation mode."""
        return super().train(False)

    def forward(self, images: Tensor) -> Tensor:
        """Compute the features of images, ``(N, D)``, float64, so that their moments are of that precision too.

        Raises:
            ValueError: If the network does not give a row of finite features for each image.
        """
        return cast(Tensor, self._remembered(images))

    def largest_probability(self, features: Tensor) -> Tensor:
        """Compute the probability of the most probable class, ``(N,)``, of features of a classifier."""
        with full_precision(features.device):
            logits: Tensor = self.network.logits(features.float())  # type: ignore[operator]
            return logits.double().softmax(1).amax(1)

    def _features(self, images: Tensor) -> Tensor:
        self.to(images.device)
        with full_precision(images.device), torch.backends.cudnn.flags(torch.backends.cudnn.enabled, allow_tf32=False):
            parts = [self.network(part) for part in images.float().split(IMAGES_AT_ONCE)]
        for part in parts:
            if not isinstance(part, Tensor) or part.ndim != 2 or not part.isfinite().all():
                shape = tuple(part.shape) if isinstance(part, Tensor) else type(part).__name__
                raise ValueError(
                    "a network of features must give a row of finite numbers for each image, (N, D), but "
                    f"{type(self.network).__name__} gives {shape} for images {tuple(images.shape)}"
                )
        return torch.cat(parts).double()
