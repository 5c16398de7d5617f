"""E(2) as a metric."""

from torch import Tensor

from chaos_lightning.functional.second_moment import second_moment_error_of_moments
from chaos_lightning.metrics.moments import MomentMetric


class SecondMomentError(MomentMetric):
    r"""Second-moment error E(2): the difference between the covariances of real and generated images.

    .. math::
        E^{(2)} = \frac{2}{N_v (N_v - 1)} \sum_{i<j} (C_{ij}^X - C_{ij}^G)^2

    with ``C`` the covariance with 1/N and ``N_v`` the number of pixels. ``update`` takes images of shape
    ``(N, ...)`` with pixels in [-1, 1]; there may be more of one side than of the other. ``compute`` gives a
    float64 scalar. Batches are merged in float64, so their sizes, order and processes do not matter.

    Args:
        num_pixels: Pixels in an image, 784 for 28 x 28.
        kwargs: Further arguments of :class:`torchmetrics.Metric`.

    Raises:
        TypeError: If images are not a floating tensor.
        ValueError: If their shape is wrong, or a pixel is NaN or outside [-1, 1].
        SampleCountError: If ``compute`` finds fewer than two images on a side.

    Source:
        Decelle, Furtlehner, Seoane 2021, arXiv:2105.13889.

    Example:
        >>> import torch
        >>> metric = SecondMomentError(num_pixels=2)
        >>> metric.update(torch.tensor([[-1.0, -1.0], [1.0, 1.0]]), real=True)
        >>> metric.update(torch.tensor([[-1.0, -0.5], [1.0, 0.5]]), real=False)
        >>> metric.compute()
        tensor(0.2500, dtype=torch.float64)
    """

    def compute(self) -> Tensor:
        """Compute E(2) of all images so far, a float64 scalar.

        Raises:
            SampleCountError: If there are fewer than two images on a side.
        """
        return second_moment_error_of_moments(self.real_moments, self.generated_moments)
