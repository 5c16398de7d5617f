"""Roughness of images: grain has a large Laplacian, blur a small one."""

import torch
from torch import Tensor

from chaos_lightning.functional.checks import SampleCountError


def squared_laplacian(images: Tensor) -> Tensor:
    """Compute the mean squared Laplacian of each image, over all channels and all pixels with four neighbours.

    Args:
        images: Shape ``(N, ..., height, width)``, at least 3 x 3 pixels.

    Returns:
        Float64, ``(N,)``.

    Raises:
        ValueError: If there are no two dimensions of neighbours.
    """
    if images.ndim < 3 or min(images.shape[-2:]) < 3:
        raise ValueError(f"images must have shape (N, ..., height, width) of 3 x 3 or more, got {tuple(images.shape)}")
    pixels = images.double()
    in_rows = pixels[..., 1:-1, :-2] + pixels[..., 1:-1, 2:]
    in_columns = pixels[..., :-2, 1:-1] + pixels[..., 2:, 1:-1]
    laplacian = in_rows + in_columns - 4 * pixels[..., 1:-1, 1:-1]
    return laplacian.square().flatten(1).mean(dim=1)


def roughness(real: Tensor, generated: Tensor) -> Tensor:
    r"""Compare the roughness of generated and real images.

    .. math::
        \frac{\langle (\Delta x)^2 \rangle_G}{\langle (\Delta x)^2 \rangle_X}

    with the Laplacian of each pixel from its four neighbours. 1 is right, above is grain, below is blur. The four
    accuracy measures hardly see grain: in a covariance of 784 pixels it is a small part of the variance.

    Args:
        real: Real images, shape ``(N, ..., height, width)``, at least 3 x 3 pixels.
        generated: Generated images, likewise.

    Returns:
        Float64 scalar.

    Raises:
        SampleCountError: If there are no images on a side.
        ValueError: If a shape is wrong, or no real image has a Laplacian, as single-coloured ones have none.

    Example:
        >>> import torch
        >>> stripes = torch.tensor([[[1.0, -1.0, 1.0]] * 3])
        >>> roughness(stripes, stripes / 2)
        tensor(0.2500, dtype=torch.float64)
    """
    return roughness_of_means(squared_laplacian(real), squared_laplacian(generated))


def roughness_of_means(real: Tensor, generated: Tensor) -> Tensor:
    """Compute :func:`roughness` from the mean squared Laplacians of real and of generated images, ``(N,)`` each."""
    if not len(real) or not len(generated):
        raise SampleCountError(f"roughness needs images on both sides, got {len(real)} and {len(generated)}")
    scale = real.double().mean()
    if scale == 0:
        raise ValueError("no real image has neighbouring pixels that differ, so there is no roughness to compare with")
    return torch.div(generated.double().mean(), scale)
