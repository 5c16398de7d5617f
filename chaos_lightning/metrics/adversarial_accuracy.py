"""E(AAI) as a metric."""

from torch import Tensor

from chaos_lightning.functional.adversarial_accuracy import adversarial_accuracy
from chaos_lightning.metrics.rows import ImageMetric


class AdversarialAccuracyIndicator(ImageMetric):
    r"""Adversarial accuracy indicator E(AAI): are real and generated images mixed?

    .. math::
        E^{(AAI)} = \tfrac12 \left[ (A_G - \tfrac12)^2 + (A_X - \tfrac12)^2 \right]

    where ``A_G`` is the fraction of generated images whose Euclidean nearest neighbour among all other
    images, real and generated, is generated, and ``A_X`` likewise for real ones; a tie counts as one half.
    ``update`` takes images of shape ``(N, ...)`` with pixels in [-1, 1], as many real as generated ones.
    ``compute`` gives a float64 scalar from 0 to 0.25.

    Args:
        num_pixels: Pixels in an image, 784 for 28 x 28.
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
        """Compute E(AAI) of all images so far, a float64 scalar; sets the two accuracies.

        Raises:
            SampleCountError: If there are fewer than two images on a side or unequal numbers.
        """
        indicator, self.generated_accuracy, self.real_accuracy = adversarial_accuracy(*self.all_images())
        return indicator

    def reset(self) -> None:
        """Forget all images and the accuracies."""
        super().reset()
        self.generated_accuracy = self.real_accuracy = None
