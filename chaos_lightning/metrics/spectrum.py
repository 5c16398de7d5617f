"""E(s) as a metric."""

from torch import Tensor

from chaos_lightning.functional.checks import check_sample_counts
from chaos_lightning.functional.remember import RememberLast
from chaos_lightning.functional.spectrum import spectrum_distance, spectrum_of_moments
from chaos_lightning.metrics.moments import MomentMetric

_spectrum_of_real = RememberLast(spectrum_of_moments)


class SpectrumError(MomentMetric):
    r"""Spectrum error E(s): the difference between the singular values of real and generated images.

    .. math::
        E^{(s)} = \frac{1}{N_v} \sum_a (s_a^X - s_a^G)^2

    with ``s`` the sorted singular values of the centred data matrix divided by :math:`\sqrt N`, taken as the
    square roots of the eigenvalues of the covariance. ``update`` takes images of shape ``(N, ...)`` with
    pixels in [-1, 1]; there may be more of one side than of the other. ``compute`` gives a float64 scalar.

    Args:
        num_pixels: Pixels in an image, ``N_v``, 784 for 28 x 28.
        kwargs: Further arguments of :class:`torchmetrics.Metric`.

    Attributes:
        real_spectrum: After ``compute``, the singular values of the real images, ascending, shape ``(N_v,)``.
        generated_spectrum: Singular values of the generated images, ascending, shape ``(N_v,)``.

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
        """Compute E(s) of all images so far, a float64 scalar; sets the two spectra.

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
