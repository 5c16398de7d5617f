"""In which data type are products faster here?"""

from time import perf_counter
from typing import Any, Literal

import torch

from chaos_lightning.dynamics.cuda_graphs import LOWEST_CAPABILITY

SHAPE = (50, 784, 1000)
"""Rows, inner size and columns of the product that is timed: 50 chains of the fast recipe's two layers."""


def bfloat16_slowdown(repetitions: int = 5) -> float:
    """Measure how much longer a product takes in bfloat16 than in float32 on the CPU, in some hundredths of a second.

    Processors without instructions of their own for bfloat16 convert every factor. No list of their names is complete.

    Args:
        repetitions: number of products of each kind, of which the fastest counts.

    Returns:
        Ratio of times; below 1 bfloat16 is faster.
    """
    rows, inner, columns = SHAPE

    def fastest(dtype: torch.dtype) -> float:
        left, right = torch.ones(rows, inner, dtype=dtype), torch.ones(inner, columns, dtype=dtype)
        times = []
        for _ in range(repetitions + 1):  # the first one prepares
            start = perf_counter()
            torch.mm(left, right)
            times.append(perf_counter() - start)
        return min(times[1:])

    return fastest(torch.bfloat16) / fastest(torch.float32)


def faster_precision(accelerator: Any = "auto") -> Literal["bf16-mixed", "32-true"]:
    """Return the precision whose products are the faster ones on an accelerator.

    Args:
        accelerator: as Lightning's trainer takes it.
    """
    if torch.cuda.is_available() and accelerator in ("auto", "gpu", "cuda"):
        return "bf16-mixed" if torch.cuda.get_device_capability() >= LOWEST_CAPABILITY else "32-true"
    # Ratios are near 0.4 with instructions for bfloat16 and above 2 without: noise does not turn the choice.
    return "bf16-mixed" if accelerator in ("auto", "cpu") and bfloat16_slowdown() < 1 else "32-true"
