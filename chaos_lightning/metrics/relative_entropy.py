"""E(R) as a metric."""

from torch import Tensor

from chaos_lightning.functional.relative_entropy import entropy_ratio
from chaos_lightning.metrics.rows import ImageMetric


class RelativeEntropyError(ImageMetric):
    r"""Relative-entropy error E(R): how well generated images compress, compared with real ones.

    .. math::
        E^{(R)} = (S_G / S_X - 1)^2

    with ``S`` the bytes of the 8-bit images, ``round((x + 1) * 127.5)``, as one raw DEFLATE stream of
    level 6, an upper bound on the entropy. ``update`` takes images of shape ``(N, ...)`` with pixels in
    [-1, 1], as many real as generated ones. ``compute`` gives a float64 scalar. It depends a little on the order of
    the images, but not on the batches; images of several processes follow in the order of their ranks.

    Args:
        num_pixels: Pixels in an image, 784 for 28 x 28.
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
        """Compute E(R) of all images so far, a float64 scalar; sets ``entropy_ratio``.

        Raises:
            SampleCountError: If there are fewer than two images on a side or unequal numbers.
        """
        self.entropy_ratio = entropy_ratio(*self.all_images())
        return self.entropy_ratio.square()

    def reset(self) -> None:
        """Forget all images and the ratio."""
        super().reset()
        self.entropy_ratio = None
