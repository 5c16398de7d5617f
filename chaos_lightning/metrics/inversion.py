"""Share of negatives among generated images, as a metric."""

from typing import Any

import torch
from torch import Tensor

from chaos_lightning.functional.inversion import inverted_share
from chaos_lightning.metrics.rows import RowMetric


class InvertedShare(RowMetric):
    """Share of generated images with the brightness of a negative.

    An image is inverted when its mean pixel is outside the range of the real ones, and the mean pixel of its
    negative inside, see :func:`chaos_lightning.functional.inverted_share`. ``update`` takes images of shape
    ``(N, ...)`` with pixels in [-1, 1]; only mean pixels are kept. ``compute`` gives a float64 scalar from 0 to 1.

    Args:
        num_pixels: Pixels in an image, 784 for 28 x 28.
        kwargs: Further arguments of :class:`torchmetrics.Metric`.

    Raises:
        TypeError: If images are not a floating tensor.
        ValueError: If their shape is wrong, or a pixel is NaN or outside [-1, 1].
        SampleCountError: If ``compute`` finds fewer than two images on a side.

    Example:
        >>> import torch
        >>> metric = InvertedShare(num_pixels=1)
        >>> metric.update(torch.tensor([[-0.8], [-0.6]]), real=True)
        >>> metric.update(torch.tensor([[-0.7], [0.7]]), real=False)
        >>> metric.compute()
        tensor(0.5000, dtype=torch.float64)
    """

    plot_upper_bound: float = 1.0

    def __init__(self, num_pixels: int = 784, **kwargs: Any) -> None:
        super().__init__(num_pixels, **kwargs)
        self.add_row_state("real_means", torch.empty(0, dtype=torch.float64))
        self.add_row_state("generated_means", torch.empty(0, dtype=torch.float64))

    def update(self, images: Tensor, real: bool) -> None:
        """Add the mean pixels of images.

        Args:
            images: Floating tensor of shape ``(N, ...)``, pixels in [-1, 1].
            real: Whether they are real or generated.

        Raises:
            TypeError: If it is not a floating tensor.
            ValueError: If a shape or a value is wrong.
        """
        means = self._rows(images, real).double().mean(1)
        self.append_rows("real_means" if real else "generated_means", means)

    def compute(self) -> Tensor:
        """Compute the share of inverted images, a float64 scalar.

        Raises:
            SampleCountError: If there are fewer than two images on a side.
        """
        return inverted_share(self.all_rows("real_means"), self.all_rows("generated_means"))
