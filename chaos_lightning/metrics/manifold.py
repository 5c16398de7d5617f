"""Precision and recall by manifolds of nearest-neighbour balls, as metrics."""

from typing import Any

from torch import Tensor

from chaos_lightning.functional.manifold import manifold_precision, manifold_recall
from chaos_lightning.metrics.rows import ImageMetric


class ManifoldMetric(ImageMetric):
    """Share of one set's images on the manifold of the other: balls that reach to the ``k``-th neighbour.

    Args:
        num_pixels: Pixels in an image, 784 for 28 x 28.
        k: Neighbour that sets the radius.
        kwargs: Further arguments of :class:`torchmetrics.Metric`.
    """

    higher_is_better: bool | None = True
    plot_upper_bound: float = 1.0

    def __init__(self, num_pixels: int = 784, k: int = 3, **kwargs: Any) -> None:
        super().__init__(num_pixels, **kwargs)
        self.k = k


class ManifoldPrecision(ManifoldMetric):
    """Share of generated images on the manifold of the real ones: are they realistic?

    The manifold is the union of balls around the real images, each reaching to the ``k``-th nearest other one.
    ``update`` takes images of shape ``(N, ...)`` with pixels in [-1, 1]. ``compute`` gives a float64 scalar from
    0 to 1, which depends on the numbers of images.

    Args:
        num_pixels: Pixels in an image, 784 for 28 x 28.
        k: Neighbour that sets the radius.
        kwargs: Further arguments of :class:`torchmetrics.Metric`.

    Raises:
        TypeError: If images are not a floating tensor.
        ValueError: If their shape is wrong, or a pixel is NaN or outside [-1, 1].
        SampleCountError: If ``compute`` finds ``k`` images or fewer on a side.

    Source:
        Kynkäänniemi, Karras, Laine, Lehtinen, Aila 2019, arXiv:1904.06991, with pixels as features.

    Example:
        >>> import torch
        >>> metric = ManifoldPrecision(num_pixels=1)
        >>> metric.update(torch.tensor([[0.0], [0.1], [0.2], [0.3]]), real=True)
        >>> metric.update(torch.tensor([[0.05], [0.15], [0.2], [0.9]]), real=False)
        >>> metric.compute()
        tensor(0.7500, dtype=torch.float64)
    """

    def compute(self) -> Tensor:
        """Compute the precision of all images so far, a float64 scalar.

        Raises:
            SampleCountError: If there are ``k`` images or fewer on a side.
        """
        return manifold_precision(*self.all_images(), self.k)


class ManifoldRecall(ManifoldMetric):
    """Share of real images on the manifold of the generated ones: does the generator reach all of the data?

    See :class:`ManifoldPrecision`, with the sides exchanged.

    Args:
        num_pixels: Pixels in an image, 784 for 28 x 28.
        k: Neighbour that sets the radius.
        kwargs: Further arguments of :class:`torchmetrics.Metric`.

    Raises:
        TypeError: If images are not a floating tensor.
        ValueError: If their shape is wrong, or a pixel is NaN or outside [-1, 1].
        SampleCountError: If ``compute`` finds ``k`` images or fewer on a side.

    Source:
        Kynkäänniemi, Karras, Laine, Lehtinen, Aila 2019, arXiv:1904.06991, with pixels as features.

    Example:
        >>> import torch
        >>> metric = ManifoldRecall(num_pixels=1)
        >>> metric.update(torch.tensor([[0.0], [0.1], [0.2], [0.3]]), real=True)
        >>> metric.update(torch.zeros(4, 1), real=False)
        >>> metric.compute()
        tensor(0.2500, dtype=torch.float64)
    """

    def compute(self) -> Tensor:
        """Compute the recall of all images so far, a float64 scalar.

        Raises:
            SampleCountError: If there are ``k`` images or fewer on a side.
        """
        return manifold_recall(*self.all_images(), self.k)
