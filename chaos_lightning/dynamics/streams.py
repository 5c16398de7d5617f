"""Streams of random numbers: every use of randomness has a stream of its own."""

from enum import IntEnum


class Stream(IntEnum):
    """The second number of a seed ``(seed, stream, ...)``: what its random numbers are drawn for.

    Two uses never share numbers. A number here is part of every result, so none may change; a learning rule or a task
    of your own takes numbers from 100 on.
    """

    FREE_PHASE = 0
    CLAMPED_PHASE = 1
    EVALUATION = 2
    SAMPLING = 3
    CLASSIFICATION = 4
    COMPLETION = 5
    DROPOUT = 6
    RECLAMPED_PHASE = 7
