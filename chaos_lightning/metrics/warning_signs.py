"""Signs of a sick generator, from few images."""

from typing import Any

import torch
from torch import Tensor

from chaos_lightning.functional.checks import check_sample_counts
from chaos_lightning.functional.class_balance import class_coverage, nearest_labels
from chaos_lightning.functional.inversion import inverted_share
from chaos_lightning.functional.memorisation import near_copy_share
from chaos_lightning.functional.neighbours import nearest_neighbours
from chaos_lightning.functional.smoothness import neighbour_correlation
from chaos_lightning.metrics.rows import RowMetric
from chaos_lightning.shapes import Shape, has_neighbours, num_values

SIGNS = ("neighbour_correlation", "class_share", "identical_share", "inverted_share")
"""Names of the signs; correlation is for images that have neighbouring pixels."""


class WarningSigns(RowMetric):
    """Signs of noise, of mode collapse and of inversion in generated images, against as many real ones.

    ``compute`` gives a dict of float64 scalars:

    - ``neighbour_correlation``: of the generated images, see
      :func:`chaos_lightning.functional.neighbour_correlation`; 0 for noise. It is left out where samples are no
      images of 2 x 2 pixels at least.
    - ``class_share``: share of the classes of the real images that the generated ones reach, each with the class of
      its nearest real image, see :func:`chaos_lightning.functional.class_coverage`.
    - ``identical_share``: share of generated images that have another generated one nearer than all but 1 % of the
      real images have another real one, the rule of :func:`chaos_lightning.functional.near_copy_share`.
    - ``inverted_share``: see :func:`chaos_lightning.functional.inverted_share`.

    Args:
        image_shape: Shape of a sample, see :mod:`chaos_lightning.shapes`.
        kwargs: Further arguments of :class:`torchmetrics.Metric`.

    Example:
        >>> images = torch.rand(20, 1, 3, 3, generator=torch.Generator().manual_seed(0)) * 2 - 1
        >>> signs = WarningSigns((1, 3, 3))
        >>> signs.update(images, torch.arange(20) % 2, images[:1].expand(20, -1, -1, -1))
        >>> {name: round(float(value), 2) for name, value in signs.compute().items()}
        {'neighbour_correlation': 1.0, 'class_share': 0.5, 'identical_share': 1.0, 'inverted_share': 0.0}
    """

    def __init__(self, image_shape: Shape, **kwargs: Any) -> None:
        num_pixels = num_values(image_shape)
        super().__init__(num_pixels, **kwargs)
        self.image_shape = image_shape
        self.add_row_state("real_images", torch.empty(0, num_pixels))
        self.add_row_state("real_labels", torch.empty(0, dtype=torch.int64))
        self.add_row_state("generated_images", torch.empty(0, num_pixels))

    @property
    def num_images(self) -> int:
        """Number of generated images so far."""
        return len(self.all_rows("generated_images"))

    def update(self, real: Tensor, labels: Tensor, generated: Tensor) -> None:
        """Add images.

        Args:
            real: Floating tensor of shape ``(N, ...)``, pixels in [-1, 1].
            labels: Labels of the real images, shape ``(N,)``, integers from 0.
            generated: Floating tensor of shape ``(N, ...)``, pixels in [-1, 1].

        Raises:
            TypeError: If images are not a floating tensor.
            ValueError: If a shape or a value is wrong.
        """
        self.append_rows("real_images", self._rows(real, True).to(torch.float32, copy=True))
        self.append_rows("real_labels", labels)
        self.append_rows("generated_images", self._rows(generated, False).to(torch.float32, copy=True))

    def compute(self) -> dict[str, Tensor]:
        """Compute the signs, float64 scalars.

        Raises:
            SampleCountError: If there are fewer than two images on a side.
        """
        real, generated = self.all_rows("real_images"), self.all_rows("generated_images")
        labels = self.all_rows("real_labels")
        check_sample_counts(len(real), len(generated))
        counts = labels.bincount()
        found = nearest_labels(generated, real, labels).bincount(minlength=len(counts))
        signs = {}
        if has_neighbours(self.image_shape, 2):
            signs["neighbour_correlation"] = neighbour_correlation(generated.unflatten(1, self.image_shape))
        return signs | {
            "class_share": class_coverage(found, counts) / (counts > 0).sum(),
            "identical_share": near_copy_share(_nearest_other(real), _nearest_other(generated)),
            "inverted_share": inverted_share(real.double().mean(1), generated.double().mean(1)),
        }


def _nearest_other(images: Tensor) -> Tensor:
    """Find the distance of each image to the nearest other one of its set, shape ``(N,)``."""
    return nearest_neighbours(images, images, exclude_self=True).distances.squeeze(1)
