"""Smoothness of images: neighbouring pixels of images are alike, pixels of noise are not."""

import torch
from torch import Tensor

from chaos_lightning.functional.checks import SampleCountError


def neighbour_correlation(images: Tensor) -> Tensor:
    r"""Compute the correlation of neighbouring pixels over a set of images.

    .. math::
        \rho = \frac{\langle c_i c_j \rangle_{i \sim j}}{\langle c_i^2 \rangle_i}

    with ``c`` the deviation of a pixel from its mean over the images, averaged over all images and over the pairs
    of neighbours in a row or in a column; the two directions weigh the same. Independent
    pixels give 0, real images of MNIST 0.77 and of Fashion-MNIST 0.85, in any contrast and inverted too.

    Args:
        images: Shape ``(N, ..., height, width)``, at least 2 x 2 pixels.

    Returns:
        Float64 scalar; 1 where all images are the same, for then there is no noise.

    Raises:
        SampleCountError: If there are fewer than two images.
        ValueError: If there are no two dimensions of neighbours.

    Example:
        >>> import torch
        >>> white, black = torch.ones(1, 4, 4), -torch.ones(1, 4, 4)
        >>> neighbour_correlation(torch.stack([white, black]))
        tensor(1., dtype=torch.float64)
    """
    if images.ndim < 3 or min(images.shape[-2:]) < 2:
        raise ValueError(f"images must have shape (N, ..., height, width) of 2 x 2 or more, got {tuple(images.shape)}")
    if len(images) < 2:
        raise SampleCountError(f"a correlation needs two images or more, got {len(images)}")
    deviations = images.double() - images.double().mean(dim=0)
    in_rows = (deviations[..., :, 1:] * deviations[..., :, :-1]).mean()
    in_columns = (deviations[..., 1:, :] * deviations[..., :-1, :]).mean()
    variance = deviations.square().mean()
    return torch.where(variance > 0, (in_rows + in_columns) / (2 * variance), 1.0)
