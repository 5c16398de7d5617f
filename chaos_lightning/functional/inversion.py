"""Share of negatives among generated images: the network is nearly symmetric under v -> -v."""

import torch
from torch import Tensor

from chaos_lightning.functional.checks import check_sample_counts

TAIL = 0.001  # real images outside the typical range, on each side


def inverted_share(real_means: Tensor, generated_means: Tensor) -> Tensor:
    """Compute the share of generated images with the brightness of a negative.

    The typical range holds the mean pixels of the real images but for 0.1 % at each end. A generated image is
    inverted when its mean pixel is outside the range and the mean pixel of its negative is inside. So a grey image
    is not inverted, and neither is an image whose brightness suits both readings. The negatives of MNIST give
    99.8 %. The negatives of Fashion-MNIST, whose brightness varies more, give 64 %: there the share is a lower
    bound. Real images of both give less than 0.1 %.

    Args:
        real_means: Mean pixel of each real image, in [-1, 1], shape ``(N,)``.
        generated_means: Mean pixel of each generated image, in [-1, 1], shape ``(M,)``.

    Returns:
        Float64 scalar, from 0 to 1.

    Raises:
        SampleCountError: If there are fewer than two images on a side.

    Example:
        >>> import torch
        >>> inverted_share(torch.tensor([-0.8, -0.6]), torch.tensor([-0.7, 0.7, 0.0, -0.7]))
        tensor(0.2500, dtype=torch.float64)
    """
    check_sample_counts(len(real_means), len(generated_means))
    tails = torch.tensor([TAIL, 1 - TAIL], dtype=torch.float64, device=real_means.device)
    low, high = real_means.double().quantile(tails)
    means = generated_means.double()
    outside = (means < low) | (means > high)
    negative_inside = (-means >= low) & (-means <= high)
    inverted: Tensor = outside & negative_inside
    return inverted.double().mean()
