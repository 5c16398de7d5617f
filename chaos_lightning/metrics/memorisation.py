"""Share of copies of training images among generated ones, as a metric."""

from typing import Any

import torch
from torch import Tensor

from chaos_lightning.functional.checks import as_image_rows
from chaos_lightning.functional.memorisation import near_copy_share, training_distances
from chaos_lightning.metrics.rows import RowMetric


class NearCopyShare(RowMetric):
    """Share of generated images that lie nearer to a training image than new images do: memorisation.

    The line is the ``quantile`` of the nearest training distances of held-out images, which are the real
    images of ``update``. A generator that does not copy gives about ``quantile`` or less, one that replays the
    training images 1. ``update`` takes images of shape ``(N, ...)`` with pixels in [-1, 1]; only distances are
    kept. ``compute`` gives a float64 scalar from 0 to 1.

    Args:
        training_images: Shape ``(M, ...)``, pixels in [-1, 1]. Kept until the metric is deleted.
        quantile: Fraction of the held-out images below the line.
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
        """Compute the share of near-copies, a float64 scalar.

        Raises:
            SampleCountError: If there are fewer than two images on a side.
        """
        held_out, generated = self.all_rows("held_out_distances"), self.all_rows("generated_distances")
        return near_copy_share(held_out, generated, self.quantile)
