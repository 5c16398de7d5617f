"""Random draws of rows that depend on a seed alone."""

from enum import IntEnum

import numpy as np
import torch
from torch import Tensor


class Draw(IntEnum):
    """Purpose of a draw. Its number enters the seed, so that different draws are independent."""

    VALIDATION_SPLIT = 0
    TRAINING_ORDER = 1
    EVALUATION_ROWS = 2
    FLOOR_ROWS = 3
    ISING = 4
    COLOURS = 5


def permutation(num_rows: int, draw: Draw, seed: int, epoch: int = 0, *, device: torch.device | str = "cpu") -> Tensor:
    """Draw a random order of `num_rows` rows.

    The result depends on the arguments only: no global generator is read or changed, and the raw Philox
    stream is the part of NumPy's generators that is guaranteed to stay the same from version to version.

    Args:
        num_rows: Number of rows, N.
        draw: Purpose of the draw.
        seed: Seed, not negative.
        epoch: Epoch, not negative; each has an order of its own.
        device: Where to sort. On a GPU the call returns before the work is done.

    Returns:
        (N,), int64, each of 0..N-1 once.
    """
    stream = np.random.Philox(np.random.SeedSequence([seed, draw, epoch]))
    # Torch sorts signed numbers only: with the highest bit turned over they are in the order of the unsigned ones.
    keys = torch.from_numpy((stream.random_raw(num_rows) ^ np.uint64(1 << 63)).view(np.int64))
    if torch.device(device).type == "cuda":
        keys = keys.pin_memory()  # else copying would wait for all that the GPU has to do before
    return torch.sort(keys.to(device, non_blocking=True), stable=True).indices


def uniform_stream(draw: Draw, seed: int, part: int) -> np.random.Philox:
    """Return the stream of random numbers for a part of a data set, 0 or more; it depends on the arguments only."""
    return np.random.Philox(np.random.SeedSequence([seed, draw, part]))


def uniform(stream: np.random.Philox, count: int) -> np.ndarray:
    """Take the next numbers of a stream, uniform in [0, 1), float64, ``(count,)``."""
    numbers: np.ndarray = (stream.random_raw(count) >> np.uint64(11)) * 2.0**-53
    return numbers
