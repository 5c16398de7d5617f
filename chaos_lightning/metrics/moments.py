"""Base of metrics of the mean and the covariance: their state does not grow with the number of images."""

from typing import Any

import torch
from torch import Tensor

from chaos_lightning.functional.moments import batch_moments, empty_moments, merge_moments
from chaos_lightning.functional.remember import RememberLast
from chaos_lightning.metrics.base import GenerativeMetric

# A validation compares images of each sampling time with the same real images.
_moments_of_real = RememberLast(batch_moments)


class MomentMetric(GenerativeMetric):
    """A metric of streaming moments; in a ``MetricCollection`` all of them share one state.

    Args:
        num_pixels: Pixels in an image, 784 for 28 x 28.
        kwargs: Further arguments of :class:`torchmetrics.Metric`.

    Raises:
        ValueError: If ``num_pixels`` is not a positive integer.
    """

    real_moments: Tensor
    generated_moments: Tensor

    def __init__(self, num_pixels: int = 784, **kwargs: Any) -> None:
        super().__init__(num_pixels, **kwargs)
        # one tensor a side, because a reduction sees one state at a time and the merge needs all parts
        self.add_state("real_moments", empty_moments(num_pixels), dist_reduce_fx=merge_moments)
        self.add_state("generated_moments", empty_moments(num_pixels), dist_reduce_fx=merge_moments)

    def update(self, images: Tensor, real: bool) -> None:
        """Add images.

        Args:
            images: Floating tensor of shape ``(N, ...)`` of images with ``num_pixels`` pixels in [-1, 1].
            real: Whether they are real or generated.

        Raises:
            TypeError: If it is not a floating tensor.
            ValueError: If a shape or a value is wrong.
        """
        rows = self._rows(images, real)
        if real:
            self.real_moments = merge_moments(torch.stack([self.real_moments, _moments_of_real(rows)]))
        else:
            self.generated_moments = merge_moments(torch.stack([self.generated_moments, batch_moments(rows)]))
