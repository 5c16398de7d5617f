"""How fast are products in bfloat16 on this processor?"""

from time import perf_counter

import torch

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
