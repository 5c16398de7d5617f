"""Metrics that need the images themselves: their state grows with the number of images."""

from typing import Any

import torch
from torch import Tensor

from chaos_lightning.functional.adversarial_accuracy import adversarial_accuracy
from chaos_lightning.functional.relative_entropy import entropy_ratio
from chaos_lightning.metrics.row_metric import RowMetric


class ImageMetric(RowMetric):
    """A metric that keeps the images, in float32; in a ``MetricCollection`` all of them share one state.

    10,000 images of 784 pixels take 31 MB a side until ``reset``.

    Args:
        num_pixels: Pixels an image, 784 for 28 x 28.
        kwargs: Further arguments of :class:`torchmetrics.Metric`.

    Raises:
        ValueError: If ``num_pixels`` is not a positive integer.
    """

    def __init__(self, num_pixels: int = 784, **kwargs: Any) -> None:
        super().__init__(num_pixels, **kwargs)
        self.add_row_state("real_images", torch.empty(0, num_pixels))
        self.add_row_state("generated_images", torch.empty(0, num_pixels))

    def update(self, images: Tensor, real: bool) -> None:
        """Add images.

        Args:
            images: Floating tensor of shape ``(N, ...)`` with ``num_pixels`` pixels in [-1, 1] an image.
            real: Whether they are real or generated.

        Raises:
            TypeError: If it is not a floating tensor.
            ValueError: If a shape or a value is wrong.
        """
        # a copy, because the caller may go on writing into the images
        rows = self._rows(images, real).to(torch.float32, copy=True)
        self.append_rows("real_images" if real else "generated_images", rows)

    def all_images(self) -> tuple[Tensor, Tensor]:
        """All real and all generated images so far, each of shape ``(N, num_pixels)``."""
        return self.all_rows("real_images"), self.all_rows("generated_images")


class RelativeEntropyError(ImageMetric):
    r"""Relative-entropy error E(R): how well generated images compress, against real ones.

    .. math::
        E^{(R)} = (S_G / S_X - 1)^2

    with ``S`` the bytes of the 8-bit images, ``round((x + 1) * 127.5)``, as one raw DEFLATE stream of
    level 6, an upper bound on the entropy. ``update`` takes images of shape ``(N, ...)`` with pixels in
    [-1, 1], as many real as generated ones. ``compute`` gives a float64 scalar. It does not depend on how the
    images were batched, and a little on their order; those of several processes follow by rank.

    Args:
        num_pixels: Pixels an image, 784 for 28 x 28.
        kwargs: Further arguments of :class:`torchmetrics.Metric`.

    Attributes:
        entropy_ratio: After ``compute``, the signed :math:`S_G / S_X - 1`: positive for noisier images than
            the real ones, negative for more uniform ones. A float64 scalar.

    Raises:
        TypeError: If images are not a floating tensor.
        ValueError: If their shape is wrong, or a pixel is NaN or outside [-1, 1].
        SampleCountError: If ``compute`` finds fewer than two images on a side or unequal numbers.

    Source:
        Carbone, Decelle, Rosset, Seoane 2023, arXiv:2307.06797.

    Example:
        >>> import torch
        >>> metric = RelativeEntropyError(num_pixels=13)
        >>> metric.update(torch.linspace(-1, 1, 52).reshape(4, 13), real=True)
        >>> metric.update(torch.zeros(4, 13), real=False)
        >>> metric.compute() > 0, metric.entropy_ratio < 0
        (tensor(True), tensor(True))
    """

    entropy_ratio: Tensor | None = None

    def compute(self) -> Tensor:
        """E(R) of all images so far, a float64 scalar; sets ``entropy_ratio``.

        Raises:
            SampleCountError: If there are fewer than two images on a side or unequal numbers.
        """
        self.entropy_ratio = entropy_ratio(*self.all_images())
        return self.entropy_ratio.square()

    def reset(self) -> None:
        """Forget all images and the ratio."""
        super().reset()
        self.entropy_ratio = None


class AdversarialAccuracyIndicator(ImageMetric):
    r"""Adversarial accuracy indicator E(AAI): whether real and generated images are mixed.

    .. math::
        E^{(AAI)} = \tfrac12 \left[ (A_G - \tfrac12)^2 + (A_X - \tfrac12)^2 \right]

    where ``A_G`` is the fraction of generated images whose Euclidean nearest neighbour among all other
    images, real and generated, is generated, and ``A_X`` likewise for real ones; a tie counts as one half.
    ``update`` takes images of shape ``(N, ...)`` with pixels in [-1, 1], as many real as generated ones.
    ``compute`` gives a float64 scalar from 0 to 0.25.

    Args:
        num_pixels: Pixels an image, 784 for 28 x 28.
        kwargs: Further arguments of :class:`torchmetrics.Metric`.

    Attributes:
        generated_accuracy: After ``compute``, ``A_G``, a float64 scalar.
        real_accuracy: After ``compute``, ``A_X``, a float64 scalar.

    Raises:
        TypeError: If images are not a floating tensor.
        ValueError: If their shape is wrong, or a pixel is NaN or outside [-1, 1].
        SampleCountError: If ``compute`` finds fewer than two images on a side or unequal numbers.

    Source:
        Yale et al. 2019, Privacy preserving synthetic health data; Decelle, Furtlehner, Seoane 2021,
        arXiv:2105.13889.

    Example:
        >>> import torch
        >>> metric = AdversarialAccuracyIndicator(num_pixels=1)
        >>> metric.update(torch.tensor([[0.0], [0.1], [0.2]]), real=True)
        >>> metric.update(torch.tensor([[0.7], [0.8], [0.9]]), real=False)
        >>> metric.compute()
        tensor(0.2500, dtype=torch.float64)
        >>> metric.generated_accuracy
        tensor(1., dtype=torch.float64)
    """

    plot_upper_bound: float = 0.25

    generated_accuracy: Tensor | None = None
    real_accuracy: Tensor | None = None

    def compute(self) -> Tensor:
        """E(AAI) of all images so far, a float64 scalar; sets the two accuracies.

        Raises:
            SampleCountError: If there are fewer than two images on a side or unequal numbers.
        """
        indicator, self.generated_accuracy, self.real_accuracy = adversarial_accuracy(*self.all_images())
        return indicator

    def reset(self) -> None:
        """Forget all images and the accuracies."""
        super().reset()
        self.generated_accuracy = self.real_accuracy = None
