"""Metrics of the mean and the covariance: their state does not grow with the number of images."""

from typing import Any

import torch
from torch import Tensor

from chaos_lightning.functional.checks import check_sample_counts
from chaos_lightning.functional.moments import batch_moments, empty_moments, merge_moments
from chaos_lightning.functional.remember import RememberLast
from chaos_lightning.functional.second_moment import second_moment_error_of_moments
from chaos_lightning.functional.spectrum import spectrum_distance, spectrum_of_moments
from chaos_lightning.metrics.base import GenerativeMetric

# At each sampling time of a validation generated images are compared with the same real ones.
_moments_of_real = RememberLast(batch_moments)
_spectrum_of_real = RememberLast(spectrum_of_moments)


class MomentMetric(GenerativeMetric):
    """A metric of streaming moments; in a ``MetricCollection`` all of them share one state.

    Args:
        num_pixels: Pixels an image, 784 for 28 x 28.
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
            images: Floating tensor of shape ``(N, ...)`` with ``num_pixels`` pixels in [-1, 1] an image.
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


class SecondMomentError(MomentMetric):
    r"""Second-moment error E(2): how far the covariances of real and generated images are apart.

    .. math::
        E^{(2)} = \frac{2}{N_v (N_v - 1)} \sum_{i<j} (C_{ij}^X - C_{ij}^G)^2

    with ``C`` the covariance with 1/N and ``N_v`` the number of pixels. ``update`` takes images of shape
    ``(N, ...)`` with pixels in [-1, 1]; there may be more of one side than of the other. ``compute`` gives a
    float64 scalar. Batches are merged in float64, so their sizes, order and processes do not matter.

    Args:
        num_pixels: Pixels an image, 784 for 28 x 28.
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
        """E(2) of all images so far, a float64 scalar.

        Raises:
            SampleCountError: If there are fewer than two images on a side.
        """
        return second_moment_error_of_moments(self.real_moments, self.generated_moments)


class SpectrumError(MomentMetric):
    r"""Spectrum error E(s): how far the singular values of real and generated images are apart.

    .. math::
        E^{(s)} = \frac{1}{N_v} \sum_a (s_a^X - s_a^G)^2

    with ``s`` the sorted singular values of the centred data matrix divided by :math:`\sqrt N`, taken as the
    square roots of the eigenvalues of the covariance. ``update`` takes images of shape ``(N, ...)`` with
    pixels in [-1, 1]; there may be more of one side than of the other. ``compute`` gives a float64 scalar.

    Args:
        num_pixels: Pixels an image, ``N_v``, 784 for 28 x 28.
        kwargs: Further arguments of :class:`torchmetrics.Metric`.

    Attributes:
        real_spectrum: After ``compute``, the singular values of the real images, ascending, shape ``(N_v,)``.
        generated_spectrum: Likewise of the generated images.

    Raises:
        TypeError: If images are not a floating tensor.
        ValueError: If their shape is wrong, or a pixel is NaN or outside [-1, 1].
        SampleCountError: If ``compute`` finds fewer than two images on a side.

    Source:
        Decelle, Furtlehner, Seoane 2021, arXiv:2105.13889.

    Example:
        >>> import torch
        >>> metric = SpectrumError(num_pixels=2)
        >>> metric.update(torch.tensor([[-1.0, -1.0], [1.0, 1.0]]), real=True)
        >>> metric.update(torch.tensor([[-0.5, -0.5], [0.5, 0.5]]), real=False)
        >>> metric.compute()
        tensor(0.2500, dtype=torch.float64)
        >>> metric.generated_spectrum
        tensor([0.0000, 0.7071], dtype=torch.float64)
    """

    real_spectrum: Tensor | None = None
    generated_spectrum: Tensor | None = None

    def compute(self) -> Tensor:
        """E(s) of all images so far, a float64 scalar; sets the two spectra.

        Raises:
            SampleCountError: If there are fewer than two images on a side.
        """
        check_sample_counts(int(self.real_moments[0, 0]), int(self.generated_moments[0, 0]))
        self.real_spectrum = _spectrum_of_real(self.real_moments).clone()  # others may change it
        self.generated_spectrum = spectrum_of_moments(self.generated_moments)
        return spectrum_distance(self.real_spectrum, self.generated_spectrum)

    def reset(self) -> None:
        """Forget all images and the spectra."""
        super().reset()
        self.real_spectrum = self.generated_spectrum = None
