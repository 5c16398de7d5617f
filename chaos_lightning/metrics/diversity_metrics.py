"""Metrics of diversity: classes, copies of training images, negatives, and nearest-neighbour manifolds."""

from typing import Any

import torch
from torch import Tensor

from chaos_lightning.functional.checks import as_image_rows, as_labelled_training_rows
from chaos_lightning.functional.class_balance import class_balance_error, class_coverage, nearest_labels
from chaos_lightning.functional.inversion import inverted_share
from chaos_lightning.functional.manifold import manifold_precision, manifold_recall
from chaos_lightning.functional.memorisation import near_copy_share, training_distances
from chaos_lightning.metrics.base import GenerativeMetric
from chaos_lightning.metrics.image_metrics import ImageMetric
from chaos_lightning.metrics.row_metric import RowMetric


class ClassMetric(GenerativeMetric):
    """A metric of the classes of generated images; in a ``MetricCollection`` all of them share one state.

    Each ``update`` prepares all training images anew (0.6 s for 60,000), so few large batches are fastest.

    Args:
        training_images: Shape ``(M, ...)``, pixels in [-1, 1]. Kept until the metric is deleted.
        training_labels: Shape ``(M,)``, integers from 0.
        kwargs: Further arguments of :class:`torchmetrics.Metric`.

    Raises:
        TypeError: If the training images are not a floating tensor.
        ValueError: If a shape or a value is wrong.
    """

    training_images: Tensor
    training_labels: Tensor
    training_counts: Tensor
    generated_counts: Tensor

    def __init__(self, training_images: Tensor, training_labels: Tensor, **kwargs: Any) -> None:
        rows = as_labelled_training_rows(training_images, training_labels).float()
        super().__init__(rows.shape[1], **kwargs)
        self.register_buffer("training_images", rows, persistent=False)
        self.register_buffer("training_labels", training_labels, persistent=False)
        self.register_buffer("training_counts", training_labels.bincount(), persistent=False)
        self.add_state("generated_counts", torch.zeros_like(self.training_counts), dist_reduce_fx="sum")

    def update(self, images: Tensor, real: bool) -> None:
        """Add generated images; real ones are passed over, as the training labels stand for them.

        Args:
            images: Floating tensor of shape ``(N, ...)``, pixels in [-1, 1].
            real: Whether they are real or generated.

        Raises:
            TypeError: If it is not a floating tensor.
            ValueError: If a shape or a value is wrong.
        """
        rows = self._rows(images, real)
        if not real:
            labels = nearest_labels(rows, self.training_images, self.training_labels)
            counts = labels.bincount(minlength=len(self.generated_counts))
            self.generated_counts = self.generated_counts + counts


class ClassBalanceError(ClassMetric):
    r"""Total-variation distance between the class histograms of generated images and of the data.

    .. math::
        \tfrac12 \sum_c |p_c - q_c|

    A generated image has the class of its nearest training image. ``update`` takes images of shape ``(N, ...)``
    with pixels in [-1, 1] and passes over real ones. ``compute`` gives a float64 scalar from 0 to 1.

    Args:
        training_images: Shape ``(M, ...)``, pixels in [-1, 1]. Kept until the metric is deleted.
        training_labels: Shape ``(M,)``, integers from 0.
        kwargs: Further arguments of :class:`torchmetrics.Metric`.

    Raises:
        TypeError: If images are not a floating tensor.
        ValueError: If their shape is wrong, or a pixel is NaN or outside [-1, 1].
        SampleCountError: If ``compute`` finds no generated image.

    Example:
        >>> import torch
        >>> metric = ClassBalanceError(torch.tensor([[-1.0], [1.0]]), torch.tensor([0, 1]))
        >>> metric.update(torch.tensor([[0.8], [0.9]]), real=False)
        >>> metric.compute()
        tensor(0.5000, dtype=torch.float64)
    """

    plot_upper_bound: float = 1.0

    def compute(self) -> Tensor:
        """Distance of the class histograms, a float64 scalar.

        Raises:
            SampleCountError: If there is no generated image.
        """
        return class_balance_error(self.generated_counts, self.training_counts)


class ClassCoverage(ClassMetric):
    """Number of classes that generated images reach.

    A class counts when its share among the generated images is at least ``least_share`` times its share in the
    data; a generated image has the class of its nearest training image. ``update`` takes images of shape
    ``(N, ...)`` with pixels in [-1, 1] and passes over real ones. ``compute`` gives a float64 scalar from 0 to
    the number of classes in the data.

    Args:
        training_images: Shape ``(M, ...)``, pixels in [-1, 1]. Kept until the metric is deleted.
        training_labels: Shape ``(M,)``, integers from 0.
        least_share: Part of the expected share that a class must reach.
        kwargs: Further arguments of :class:`torchmetrics.Metric`.

    Raises:
        TypeError: If images are not a floating tensor.
        ValueError: If their shape is wrong, or a pixel is NaN or outside [-1, 1].
        SampleCountError: If ``compute`` finds no generated image.

    Example:
        >>> import torch
        >>> metric = ClassCoverage(torch.tensor([[-1.0], [1.0]]), torch.tensor([0, 1]))
        >>> metric.update(torch.tensor([[0.8], [0.9]]), real=False)
        >>> metric.compute()
        tensor(1., dtype=torch.float64)
    """

    higher_is_better: bool | None = True

    def __init__(
        self, training_images: Tensor, training_labels: Tensor, least_share: float = 0.1, **kwargs: Any
    ) -> None:
        super().__init__(training_images, training_labels, **kwargs)
        self.least_share = least_share

    def compute(self) -> Tensor:
        """Number of classes reached, a float64 scalar.

        Raises:
            SampleCountError: If there is no generated image.
        """
        return class_coverage(self.generated_counts, self.training_counts, self.least_share)


class NearCopyShare(RowMetric):
    """Share of generated images that lie nearer to a training image than new images do: memorisation.

    The line is the ``quantile`` of the nearest training distances of held-out images, which are the real
    images of ``update``. A generator that does not copy gives about ``quantile`` or less, one that replays the
    training images 1. ``update`` takes images of shape ``(N, ...)`` with pixels in [-1, 1]; only distances are
    kept. ``compute`` gives a float64 scalar from 0 to 1.

    Args:
        training_images: Shape ``(M, ...)``, pixels in [-1, 1]. Kept until the metric is deleted.
        quantile: Part of the held-out images that lie below the line.
        kwargs: Further arguments of :class:`torchmetrics.Metric`.

    Raises:
        TypeError: If images are not a floating tensor.
        ValueError: If their shape is wrong, or a pixel is NaN or outside [-1, 1].
        SampleCountError: If ``compute`` finds fewer than two images on a side.

    Source:
        Meehan, Chaudhuri, Dasgupta 2020, arXiv:2004.05675; see
        :func:`chaos_lightning.functional.near_copy_share`.

    Example:
        >>> import torch
        >>> metric = NearCopyShare(torch.tensor([[0.0], [0.5]]))
        >>> metric.update(torch.tensor([[0.1], [0.2], [0.6]]), real=True)
        >>> metric.update(torch.tensor([[0.5], [0.9]]), real=False)
        >>> metric.compute()
        tensor(0.5000, dtype=torch.float64)
    """

    training_images: Tensor
    plot_upper_bound: float = 1.0

    def __init__(self, training_images: Tensor, quantile: float = 0.01, **kwargs: Any) -> None:
        rows = as_image_rows(training_images, "training_images").float()
        super().__init__(rows.shape[1], **kwargs)
        self.quantile = quantile
        self.register_buffer("training_images", rows, persistent=False)
        self.add_row_state("held_out_distances", torch.empty(0, dtype=torch.float64))
        self.add_row_state("generated_distances", torch.empty(0, dtype=torch.float64))

    def update(self, images: Tensor, real: bool) -> None:
        """Add the nearest training distances of images.

        Args:
            images: Floating tensor of shape ``(N, ...)``, pixels in [-1, 1].
            real: Whether they are real, and held out from the training images, or generated.

        Raises:
            TypeError: If it is not a floating tensor.
            ValueError: If a shape or a value is wrong.
        """
        distances = training_distances(self._rows(images, real), self.training_images)
        self.append_rows("held_out_distances" if real else "generated_distances", distances)

    def compute(self) -> Tensor:
        """Share of near-copies, a float64 scalar.

        Raises:
            SampleCountError: If there are fewer than two images on a side.
        """
        held_out, generated = self.all_rows("held_out_distances"), self.all_rows("generated_distances")
        return near_copy_share(held_out, generated, self.quantile)


class InvertedShare(RowMetric):
    """Share of generated images with the brightness of a negative.

    An image is inverted when its mean pixel is outside the range of the real ones and that of its negative is
    inside, see :func:`chaos_lightning.functional.inverted_share`. ``update`` takes images of shape ``(N, ...)``
    with pixels in [-1, 1]; only mean pixels are kept. ``compute`` gives a float64 scalar from 0 to 1.

    Args:
        num_pixels: Pixels an image, 784 for 28 x 28.
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
        """Share of inverted images, a float64 scalar.

        Raises:
            SampleCountError: If there are fewer than two images on a side.
        """
        return inverted_share(self.all_rows("real_means"), self.all_rows("generated_means"))


class ManifoldMetric(ImageMetric):
    """A metric of one set's images on the manifold of the other: balls that reach to the ``k``-th neighbour.

    Args:
        num_pixels: Pixels an image, 784 for 28 x 28.
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
        num_pixels: Pixels an image, 784 for 28 x 28.
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
        """Precision of all images so far, a float64 scalar.

        Raises:
            SampleCountError: If there are ``k`` images or fewer on a side.
        """
        return manifold_precision(*self.all_images(), self.k)


class ManifoldRecall(ManifoldMetric):
    """Share of real images on the manifold of the generated ones: does the generator reach all of the data?

    See :class:`ManifoldPrecision`, with the sides exchanged.

    Args:
        num_pixels: Pixels an image, 784 for 28 x 28.
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
        """Recall of all images so far, a float64 scalar.

        Raises:
            SampleCountError: If there are ``k`` images or fewer on a side.
        """
        return manifold_recall(*self.all_images(), self.k)
