"""Streams of random numbers: every use of randomness has a stream of its own."""

from enum import IntEnum


class Stream(IntEnum):
    """The second number of a seed ``(seed, stream, ...)``, which names the use of its random numbers.

    Two uses never share random numbers. The results depend on the values here, so no value may change. A learning rule
    or a task of your own takes values from 100 on.
    """

    FREE_PHASE = 0
    CLAMPED_PHASE = 1
    EVALUATION = 2
    SAMPLING = 3
    CLASSIFICATION = 4
    COMPLETION = 5
    DROPOUT = 6
    RECLAMPED_PHASE = 7
