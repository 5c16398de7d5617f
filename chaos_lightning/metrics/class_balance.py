"""Metrics of the classes of generated images."""

from typing import Any

import torch
from torch import Tensor

from chaos_lightning.functional.checks import as_labelled_training_rows
from chaos_lightning.functional.class_balance import class_balance_error, class_coverage, nearest_labels
from chaos_lightning.metrics.base import GenerativeMetric


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
        """Add generated images; real ones are ignored, as the training labels stand for them.

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
    with pixels in [-1, 1] and ignores real ones. ``compute`` gives a float64 scalar from 0 to 1.

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
        """Compute the distance of the class histograms, a float64 scalar.

        Raises:
            SampleCountError: If there is no generated image.
        """
        return class_balance_error(self.generated_counts, self.training_counts)


class ClassCoverage(ClassMetric):
    """Number of classes that generated images reach.

    A class counts when its share among the generated images is at least ``least_share`` times its share in the
    data; a generated image has the class of its nearest training image. ``update`` takes images of shape
    ``(N, ...)`` with pixels in [-1, 1] and ignores real ones. ``compute`` gives a float64 scalar from 0 to
    the number of classes in the data.

    Args:
        training_images: Shape ``(M, ...)``, pixels in [-1, 1]. Kept until the metric is deleted.
        training_labels: Shape ``(M,)``, integers from 0.
        least_share: Fraction of the expected share that a class must reach.
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
        """Count the classes reached, a float64 scalar.

        Raises:
            SampleCountError: If there is no generated image.
        """
        return class_coverage(self.generated_counts, self.training_counts, self.least_share)
