"""Measures in the feature space of a network, such as a classifier: differences that the eye sees, pixels hardly do."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torchmetrics.image.fid import FrechetInceptionDistance

from chaos_lightning.functional.checks import SampleCountError, as_image_rows, check_sample_counts
from chaos_lightning.functional.manifold import share_on_manifold
from chaos_lightning.metrics.base import RunningMetric
from chaos_lightning.metrics.feature_network import FeatureNetwork
from chaos_lightning.metrics.rows import RowMetric
from chaos_lightning.shapes import num_values

CONFIDENT = 0.9
"""Class probability above which a classifier counts as sure."""


class FeatureFrechetDistance(RunningMetric, FrechetInceptionDistance):
    r"""Fréchet distance between the features of generated and real images, taken as Gaussian; 0 is best.

    .. math::
        |\mu_X - \mu_G|^2 + \mathrm{tr}(C_X + C_G - 2 (C_X C_G)^{1/2})

    with means and covariances of features: torchmetrics' Fréchet inception distance with another network in place of
    Inception. ``update`` takes images of shape ``(N, ...)`` with pixels in [-1, 1]. ``compute`` gives a float64 scalar,
    which depends on the network and on the numbers of images: compare values of one network, beside their floor.

    Args:
        features: Network, see :class:`FeatureNetwork`.
        image_shape: Channels, height and width of an image.
        kwargs: Further arguments of :class:`torchmetrics.Metric`.

    Raises:
        TypeError: If images are not a floating tensor.
        ValueError: If their shape is wrong, or a pixel is NaN or outside [-1, 1].
        SampleCountError: If ``compute`` finds fewer than two images on a side.

    Source:
        Heusel, Ramsauer, Unterthiner, Nessler, Hochreiter 2017, arXiv:1706.08500.

    Example:
        >>> import torch
        >>> metric = FeatureFrechetDistance(torch.nn.Flatten(), (1, 1, 1))
        >>> metric.update(torch.tensor([[0.0], [0.5]]), real=True)
        >>> metric.update(torch.tensor([[0.25], [0.75]]), real=False)
        >>> metric.compute()
        tensor(0.0625, dtype=torch.float64)
    """

    def __init__(self, features: nn.Module, image_shape: Sequence[int] = (1, 28, 28), **kwargs: Any) -> None:
        super().__init__(FeatureNetwork.of(features, image_shape), **kwargs)
        self.image_shape = tuple(image_shape)
        self.orig_dtype = torch.float64  # a process without images computes too

    def update(self, imgs: Tensor, real: bool) -> None:
        """Add images, see the class."""
        super().update(_as_images(imgs, real, self.image_shape), real)

    def compute(self) -> Tensor:
        """Compute the distance, a float64 scalar.

        Raises:
            SampleCountError: If there are fewer than two images on a side.
        """
        check_sample_counts(int(self.real_features_num_samples), int(self.fake_features_num_samples))
        return super().compute().clamp(min=0)  # of equal moments it is 0 but for rounding


class FeatureManifoldMetric(RowMetric):
    """Share of one set's features on the manifold of the other's, see :class:`FeaturePrecision`.

    Args:
        features: Network, see :class:`FeatureNetwork`.
        image_shape: Channels, height and width of an image.
        k: Neighbour that sets the radius.
        kwargs: Further arguments of :class:`torchmetrics.Metric`.
    """

    higher_is_better: bool | None = True
    plot_upper_bound: float = 1.0

    def __init__(
        self, features: nn.Module, image_shape: Sequence[int] = (1, 28, 28), k: int = 3, **kwargs: Any
    ) -> None:
        super().__init__(num_values(tuple(image_shape)), **kwargs)
        self.features = FeatureNetwork.of(features, image_shape)
        self.image_shape = tuple(image_shape)
        self.k = k
        for side in ("real", "generated"):
            self.add_row_state(f"{side}_features", torch.empty(0, self.features.num_features, dtype=torch.float64))

    def update(self, images: Tensor, real: bool) -> None:
        """Add the features of images of shape ``(N, ...)``, pixels in [-1, 1]."""
        rows = self.features(_as_images(images, real, self.image_shape))
        self.append_rows("real_features" if real else "generated_features", rows)


class FeaturePrecision(FeatureManifoldMetric):
    """Share of generated images whose features lie on the manifold of the real ones': are they realistic?

    The manifold is the union of balls around the features of real images, each reaching to the ``k``-th nearest other
    one. ``update`` takes images of shape ``(N, ...)`` with pixels in [-1, 1]. ``compute`` gives a float64 scalar from
    0 to 1, which depends on the network and on the numbers of images.

    Args:
        features: Network, see :class:`FeatureNetwork`.
        image_shape: Channels, height and width of an image.
        k: Neighbour that sets the radius.
        kwargs: Further arguments of :class:`torchmetrics.Metric`.

    Raises:
        TypeError: If images are not a floating tensor.
        ValueError: If their shape is wrong, or a pixel is NaN or outside [-1, 1].
        SampleCountError: If ``compute`` finds ``k`` images or fewer on a side.

    Source:
        Kynkäänniemi, Karras, Laine, Lehtinen, Aila 2019, arXiv:1904.06991.

    Example:
        >>> import torch
        >>> metric = FeaturePrecision(torch.nn.Flatten(), (1, 1, 1))
        >>> metric.update(torch.tensor([[0.0], [0.1], [0.2], [0.3]]), real=True)
        >>> metric.update(torch.tensor([[0.05], [0.15], [0.2], [0.9]]), real=False)
        >>> metric.compute()
        tensor(0.7500, dtype=torch.float64)
    """

    def compute(self) -> Tensor:
        """Compute the precision, a float64 scalar.

        Raises:
            SampleCountError: If there are ``k`` images or fewer on a side.
        """
        return share_on_manifold(self.all_rows("generated_features"), self.all_rows("real_features"), self.k)


class FeatureRecall(FeatureManifoldMetric):
    """Share of real images whose features lie on the manifold of the generated ones': are all of the data reached?

    See :class:`FeaturePrecision`, with the sides exchanged.

    Args:
        features: Network, see :class:`FeatureNetwork`.
        image_shape: Channels, height and width of an image.
        k: Neighbour that sets the radius.
        kwargs: Further arguments of :class:`torchmetrics.Metric`.

    Raises:
        TypeError: If images are not a floating tensor.
        ValueError: If their shape is wrong, or a pixel is NaN or outside [-1, 1].
        SampleCountError: If ``compute`` finds ``k`` images or fewer on a side.

    Source:
        Kynkäänniemi, Karras, Laine, Lehtinen, Aila 2019, arXiv:1904.06991.

    Example:
        >>> import torch
        >>> metric = FeatureRecall(torch.nn.Flatten(), (1, 1, 1))
        >>> metric.update(torch.tensor([[0.0], [0.1], [0.2], [0.3]]), real=True)
        >>> metric.update(torch.zeros(4, 1), real=False)
        >>> metric.compute()
        tensor(0.2500, dtype=torch.float64)
    """

    def compute(self) -> Tensor:
        """Compute the recall, a float64 scalar.

        Raises:
            SampleCountError: If there are ``k`` images or fewer on a side.
        """
        return share_on_manifold(self.all_rows("real_features"), self.all_rows("generated_features"), self.k)


class ConfidentShare(RunningMetric):
    """Share of generated images of which a classifier is sure: one class has a probability above :data:`CONFIDENT`.

    Real images have a share below 1 too, which is the right one. ``update`` takes images of shape ``(N, ...)`` with
    pixels in [-1, 1], and ignores real ones. ``compute`` gives a float64 scalar from 0 to 1.

    Args:
        features: Classifier, see :class:`FeatureNetwork`.
        image_shape: Channels, height and width of an image.
        kwargs: Further arguments of :class:`torchmetrics.Metric`.

    Raises:
        TypeError: If images are not a floating tensor.
        ValueError: If the network is no classifier, if a shape is wrong, or a pixel is NaN or outside [-1, 1].
        SampleCountError: If ``compute`` finds no generated image.
    """

    higher_is_better: bool | None = None
    plot_lower_bound: float = 0.0
    plot_upper_bound: float = 1.0
    num_confident: Tensor
    num_images: Tensor

    def __init__(self, features: nn.Module, image_shape: Sequence[int] = (1, 28, 28), **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.features = FeatureNetwork.of(features, image_shape)
        if not self.features.is_classifier:
            raise ValueError(
                f"{type(self.features.network).__name__} is no classifier: give it a method logits, from features "
                "(N, D) to unnormalised log-probabilities of classes (N, classes)"
            )
        self.image_shape = tuple(image_shape)
        for name in ("num_confident", "num_images"):
            self.add_state(name, torch.tensor(0), dist_reduce_fx="sum")

    def update(self, images: Tensor, real: bool) -> None:
        """Add generated images; real ones are ignored."""
        if not real:
            images = _as_images(images, real, self.image_shape)
            confident = self.features.largest_probability(self.features(images)) > CONFIDENT
            self.num_confident = self.num_confident + confident.sum()
            self.num_images = self.num_images + len(images)

    def compute(self) -> Tensor:
        """Compute the share, a float64 scalar.

        Raises:
            SampleCountError: If there is no generated image.
        """
        if not self.num_images:
            raise SampleCountError("there is no generated image to classify")
        return self.num_confident.double() / self.num_images


def _as_images(images: Tensor, real: bool, image_shape: Sequence[int]) -> Tensor:
    """Check a batch, and give it the shape of images."""
    name = "real images" if real else "generated images"
    return as_image_rows(images, name, num_values(tuple(image_shape))).view(-1, *image_shape)
