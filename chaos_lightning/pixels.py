"""Images as 8-bit pixels and as rates in [-1, 1]: 0 stands for -1, and 255 for 1."""

import torch
from torch import Tensor


def to_rates(pixels: Tensor) -> Tensor:
    """Convert 8-bit pixels to rates, ``x / 127.5 - 1``: exactly -1 at 0 and 1 at 255.

    Args:
        pixels: Any shape, uint8. Floating values are rates already, and stay as they are.

    Returns:
        Same shape and device, float32 in [-1, 1].

    Example:
        >>> to_rates(torch.tensor([0, 51, 255], dtype=torch.uint8))
        tensor([-1.0000, -0.6000,  1.0000])
    """
    if pixels.is_floating_point():
        return pixels
    return pixels.to(torch.float32).div_(127.5).sub_(1.0)


def to_pixels(rates: Tensor) -> Tensor:
    """Round rates to 8-bit pixels, ``round((x + 1) * 127.5)``; rates outside [-1, 1] become 0 or 255.

    Args:
        rates: Any shape, floating.

    Returns:
        Same shape and device, uint8.

    Example:
        >>> to_pixels(torch.tensor([-1.0, -0.6, 1.0]))
        tensor([  0,  51, 255], dtype=torch.uint8)
    """
    rates = rates if rates.dtype == torch.float64 else rates.float()
    return ((rates + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)


def to_stored(rates: Tensor) -> Tensor:
    """Round images to 8-bit pixels as files hold them: without a channel if there is one, else with the channels last.

    Args:
        rates: ``(..., channels, height, width)``, floating.

    Returns:
        ``(..., height, width)`` or ``(..., height, width, channels)``, uint8, contiguous.

    Example:
        >>> to_stored(torch.zeros(7, 1, 5, 3)).shape, to_stored(torch.zeros(7, 3, 5, 2)).shape
        (torch.Size([7, 5, 3]), torch.Size([7, 5, 2, 3]))
    """
    pixels = to_pixels(rates).movedim(-3, -1)
    return (pixels.squeeze(-1) if pixels.shape[-1] == 1 else pixels).contiguous()
