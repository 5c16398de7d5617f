"""Roughness of generated images, as a metric."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from chaos_lightning.functional.roughness import roughness_of_means, squared_laplacian
from chaos_lightning.metrics.rows import RowMetric
from chaos_lightning.shapes import num_values


class Roughness(RowMetric):
    """Ratio of the mean squared Laplacians of generated and real images: 1 is right, above is grain, below is blur.

    ``update`` takes images of shape ``(N, ...)`` with pixels in [-1, 1]; only one number of each is kept. ``compute``
    gives a float64 scalar, see :func:`chaos_lightning.functional.roughness`.

    Args:
        image_shape: Shape of an image, ``(..., height, width)``.
        kwargs: Further arguments of :class:`torchmetrics.Metric`.

    Raises:
        TypeError: If images are not a floating tensor.
        ValueError: If their shape is wrong, a pixel is NaN or outside [-1, 1], or all real images are single-coloured.
        SampleCountError: If ``compute`` finds no image on a side.

    Example:
        >>> import torch
        >>> metric = Roughness((3, 3))
        >>> stripes = torch.tensor([[[1.0, -1.0, 1.0]] * 3])
        >>> metric.update(stripes, real=True)
        >>> metric.update(stripes / 2, real=False)
        >>> metric.compute()
        tensor(0.2500, dtype=torch.float64)
    """

    higher_is_better: bool | None = None

    def __init__(self, image_shape: Sequence[int] = (1, 28, 28), **kwargs: Any) -> None:
        super().__init__(num_values(tuple(image_shape)), **kwargs)
        self.image_shape = tuple(image_shape)
        for side in ("real", "generated"):
            self.add_row_state(f"{side}_laplacians", torch.empty(0, dtype=torch.float64))

    def update(self, images: Tensor, real: bool) -> None:
        """Add the mean squared Laplacians of images.

        Args:
            images: Floating tensor of shape ``(N, ...)``, pixels in [-1, 1].
            real: Whether they are real or generated.

        Raises:
            TypeError: If it is not a floating tensor.
            ValueError: If a shape or a value is wrong.
        """
        rows = self._rows(images, real).unflatten(1, self.image_shape)
        self.append_rows("real_laplacians" if real else "generated_laplacians", squared_laplacian(rows))

    def compute(self) -> Tensor:
        """Compute the ratio, a float64 scalar.

        Raises:
            SampleCountError: If there is no image on a side.
        """
        return roughness_of_means(self.all_rows("real_laplacians"), self.all_rows("generated_laplacians"))
