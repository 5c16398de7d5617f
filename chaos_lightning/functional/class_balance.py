"""Classes of generated images, told from their nearest training images.

No classifier is trained: an image takes the label of its nearest training image, which on MNIST is right for
about 97 % of held-out images.
"""

import torch
from torch import Tensor

from chaos_lightning.functional.checks import SampleCountError, as_image_rows
from chaos_lightning.functional.neighbours import nearest_neighbours


def nearest_labels(images: Tensor, training_images: Tensor, training_labels: Tensor) -> Tensor:
    """Find the label of the nearest training image of each image.

    Args:
        images: Shape ``(N, ...)``, pixels in [-1, 1].
        training_images: Shape ``(M, ...)``, pixels in [-1, 1].
        training_labels: Shape ``(M,)``, integers.

    Returns:
        Labels, shape ``(N,)``.

    Raises:
        TypeError: If images are not a floating tensor.
        ValueError: If the shapes or values are wrong.

    Example:
        >>> import torch
        >>> nearest_labels(torch.tensor([[0.7]]), torch.tensor([[-1.0], [1.0]]), torch.tensor([3, 5]))
        tensor([5])
    """
    images, training_images = as_image_rows(images), as_image_rows(training_images, "training_images")
    if training_labels.shape != training_images.shape[:1]:
        raise ValueError(f"{len(training_images)} training images, but labels of {tuple(training_labels.shape)}")
    return training_labels[nearest_neighbours(images, training_images).indices.squeeze(1)]


def class_balance_error(counts: Tensor, training_counts: Tensor) -> Tensor:
    r"""Compute the total-variation distance between two class histograms.

    .. math::
        \tfrac12 \sum_c |p_c - q_c|

    with ``p`` and ``q`` the counts divided by their sums: the share of images that would have to change class.

    Args:
        counts: Generated images of each class, shape ``(C,)``.
        training_counts: Training images of each class, shape ``(C,)``.

    Returns:
        Float64 scalar, from 0 (the balance of the data) to 1 (only classes that the data lacks).

    Raises:
        SampleCountError: If one of them counts nothing.

    Example:
        >>> import torch
        >>> class_balance_error(torch.tensor([8, 0]), torch.tensor([5, 5]))
        tensor(0.5000, dtype=torch.float64)
    """
    return (_shares(counts, "generated") - _shares(training_counts, "training")).abs().sum() / 2


def class_coverage(counts: Tensor, training_counts: Tensor, least_share: float = 0.1) -> Tensor:
    """Count the classes that are not missing.

    A class counts when its share among the generated images is at least ``least_share`` times its share in the
    data. With ten equal classes and the default, that is one image in a hundred.

    Args:
        counts: Generated images of each class, shape ``(C,)``.
        training_counts: Training images of each class, shape ``(C,)``; classes without any do not count.
        least_share: Fraction of the expected share that a class must reach.

    Returns:
        Float64 scalar, from 0 to the number of classes in the data.

    Raises:
        SampleCountError: If one of them counts nothing.

    Example:
        >>> import torch
        >>> class_coverage(torch.tensor([98, 2, 0]), torch.tensor([5, 5, 5]))
        tensor(1., dtype=torch.float64)
    """
    expected = _shares(training_counts, "training")
    return ((_shares(counts, "generated") >= least_share * expected) & (expected > 0)).sum().double()


def _shares(counts: Tensor, name: str) -> Tensor:
    total = counts.sum()
    if total < 1:
        raise SampleCountError(f"there are no {name} images to take class shares of")
    return counts.to(torch.float64) / total
