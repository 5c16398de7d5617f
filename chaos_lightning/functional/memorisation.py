"""Copies of training images among generated ones."""

from torch import Tensor

from chaos_lightning.functional.checks import as_image_rows, check_sample_counts
from chaos_lightning.functional.neighbours import nearest_neighbours


def training_distances(images: Tensor, training_images: Tensor) -> Tensor:
    """Find the distance of each image to the nearest training image.

    Args:
        images: Shape ``(N, ...)``, pixels in [-1, 1].
        training_images: Shape ``(M, ...)``, pixels in [-1, 1].

    Returns:
        Euclidean distances, shape ``(N,)``, float64.

    Raises:
        TypeError: If one is not a floating tensor.
        ValueError: If the shapes or values are wrong.
        SampleCountError: If there is no training image.
    """
    images, training_images = as_image_rows(images), as_image_rows(training_images, "training_images")
    return nearest_neighbours(images, training_images).distances.squeeze(1)


def near_copy_share(held_out_distances: Tensor, generated_distances: Tensor, quantile: float = 0.01) -> Tensor:
    """Compute the share of generated images that lie nearer to a training image than new images do.

    Held-out images show how near to the training images a new one comes by chance: the ``quantile`` of their
    distances is the line below which an image is taken for a near-copy. A generator that does not copy gives
    about ``quantile`` or less, one that replays the training images gives 1.

    Args:
        held_out_distances: Nearest training distances of held-out images, shape ``(N,)``, see
            :func:`training_distances`.
        generated_distances: Nearest training distances of generated images, shape ``(M,)``.
        quantile: Fraction of the held-out images below the line.

    Returns:
        Float64 scalar, from 0 to 1.

    Raises:
        SampleCountError: If there are fewer than two distances on a side.

    Source:
        Meehan, Chaudhuri, Dasgupta 2020, arXiv:2004.05675, for judging by held-out distances; the quantile is
        our choice, because the tail tells of few copies among many images.

    Example:
        >>> import torch
        >>> near_copy_share(torch.tensor([4.0, 5.0, 6.0]), torch.tensor([0.0, 5.0]))
        tensor(0.5000, dtype=torch.float64)
    """
    check_sample_counts(len(held_out_distances), len(generated_distances))
    # The lower neighbour in the sample, not a value in between, keeps equal distances on the near side.
    line = held_out_distances.double().quantile(quantile, interpolation="lower")
    return (generated_distances.double() <= line).double().mean()
