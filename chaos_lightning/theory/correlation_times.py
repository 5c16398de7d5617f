"""How long correlations last."""

import math

import torch
from torch import Tensor


def falling_times(times: Tensor, curves: Tensor, *, to: float = math.exp(-1)) -> Tensor:
    """Return the times at which curves first fall to a part of their start.

    It interpolates linearly between the points, and serves measured curves as those of theory.

    Args:
        times: ascending from 0, ``(times,)``.
        curves: ``(layers, times)``.
        to: the part of the start, between 0 and 1.

    Returns:
        ``(layers,)``, in the unit of the times; NaN for a curve that does not fall so far, or is 0 at the start.

    Raises:
        ValueError: if shapes do not fit, or the part is not between 0 and 1.

    Example:
        >>> times = torch.linspace(0, 4, 401, dtype=torch.float64)
        >>> falling_times(times, torch.exp(-times / 1.5)[None])
        tensor([1.5000], dtype=torch.float64)
    """
    if curves.ndim != 2 or times.shape != curves.shape[1:]:
        raise ValueError(
            f"curves must be (layers, times) for times (times,), but are {tuple(curves.shape)} for {tuple(times.shape)}"
        )
    if not 0 < to < 1:
        raise ValueError(f"to must be a part between 0 and 1, but is {to}")
    found = torch.full_like(curves[:, 0], torch.nan)
    for layer, curve in enumerate(curves):
        below = (curve <= to * curve[0]).nonzero()
        if curve[0] > 0 and len(below):
            after = int(below[0])
            part = (curve[after - 1] - to * curve[0]) / (curve[after - 1] - curve[after])
            found[layer] = times[after - 1] + part * (times[after] - times[after - 1])
    return found
