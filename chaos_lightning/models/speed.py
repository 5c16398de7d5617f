"""In which data type, and on how many threads, are products faster here?"""

from time import perf_counter
from typing import Any, Literal

import torch

from chaos_lightning.dynamics.cuda_graphs import LOWEST_CAPABILITY

SHAPE = (50, 784, 1000)
"""Rows, inner size and columns of the product that is timed: 50 chains of the fast recipe's two layers."""


def product_seconds(dtype: torch.dtype = torch.float32, threads: int | None = None, repetitions: int = 5) -> float:
    """Measure how long a product takes on the CPU, in some hundredths of a second.

    Args:
        dtype: data type of the factors.
        threads: number of threads; None takes torch's number.
        repetitions: number of products, of which the fastest counts.
    """
    rows, inner, columns = SHAPE
    left, right = torch.ones(rows, inner, dtype=dtype), torch.ones(inner, columns, dtype=dtype)
    before, times = torch.get_num_threads(), []
    torch.set_num_threads(threads or before)
    try:
        for _ in range(repetitions + 1):  # the first one prepares
            start = perf_counter()
            torch.mm(left, right)
            times.append(perf_counter() - start)
    finally:
        torch.set_num_threads(before)
    return min(times[1:])


def bfloat16_slowdown() -> float:
    """Measure how much longer a product takes in bfloat16 than in float32 on the CPU; below 1 bfloat16 is faster.

    Processors without instructions of their own for bfloat16 convert every factor. No list of their names is complete.
    """
    return product_seconds(torch.bfloat16) / product_seconds()


def threads_slowdown() -> float:
    """Measure how much longer a product takes on all threads than on one; above 1 one is faster.

    Threads wait for one another at the end of every product, so that one of them that shares its core with another
    program keeps all of them waiting.
    """
    return product_seconds() / product_seconds(threads=1)


def faster_precision(accelerator: Any = "auto") -> Literal["bf16-mixed", "32-true"]:
    """Return the precision whose products are the faster ones on an accelerator.

    Args:
        accelerator: as Lightning's trainer takes it.
    """
    if torch.cuda.is_available() and accelerator in ("auto", "gpu", "cuda"):
        return "bf16-mixed" if torch.cuda.get_device_capability() >= LOWEST_CAPABILITY else "32-true"
    # Ratios are near 0.4 with instructions for bfloat16 and above 2 without: noise does not turn the choice.
    return "bf16-mixed" if accelerator in ("auto", "cpu") and bfloat16_slowdown() < 1 else "32-true"
