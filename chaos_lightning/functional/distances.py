"""Squared distances by tiles of matrix products, with a bound on their rounding error.

``|x - y|^2 = |x|^2 + |y|^2 - 2 x.y`` costs one matrix product but cancels digits. So it only excludes candidates
for neighbours here. Rows are centred and scaled first, and every result comes with a bound on its error; where the
bound leaves a doubt, :func:`pair_distances` decides by direct differences.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import NamedTuple

import torch
from torch import Tensor

TILE = 2048  # rows and columns of a tile: 16 MB in float32, which fits a third-level cache
DIRECT_VALUES = 1 << 22  # values of a chunk of direct differences: 32 MB


class Frame(NamedTuple):
    """Coordinates in which products are taken: ``(x - centre) / scale``.

    Attributes:
        centre: Shape ``(D,)``, float64.
        scale: A power of two, so that scaling rounds nothing; the scaled values are at most 1.
    """

    centre: Tensor
    scale: float


class Operand(NamedTuple):
    """Rows prepared for products.

    Attributes:
        rows: ``[c, |c|^2, 1]`` for the centred and scaled row ``c``, shape ``(N, D + 2)``.
        norms: ``|c|``, shape ``(N,)``, float64.
    """

    rows: Tensor
    norms: Tensor


def common_frame(*sets: Tensor) -> Frame:
    """Make a frame in which all rows of several sets are small.

    Args:
        sets: Rows of shape ``(N, D)``, floating.

    Returns:
        Frame centred on the mean of all rows.
    """
    sets = tuple(rows for rows in sets if len(rows))
    parts = [part for rows in sets for part in rows.split(TILE)]
    centre = torch.stack([part.double().sum(0) for part in parts]).sum(0) / sum(map(len, sets))
    largest = 0.0
    for rows in sets:
        low, high = rows.amin(0).double(), rows.amax(0).double()
        largest = max(largest, float(torch.maximum(centre - low, high - centre).max()))
    return Frame(centre, 2.0 ** int(torch.frexp(torch.tensor(largest, dtype=torch.float64)).exponent))


def prepare(rows: Tensor, frame: Frame, dtype: torch.dtype = torch.float32) -> Operand:
    """Centre, scale and extend rows for :func:`squared_distance_tile`.

    Args:
        rows: Shape ``(N, D)``, floating.
        frame: The frame shared by all rows that will be compared.
        dtype: Dtype of the products, float32 or float64.

    Returns:
        The operand.
    """
    count, size = rows.shape
    extended = torch.ones(count, size + 2, dtype=dtype, device=rows.device)
    norms = torch.empty(count, dtype=torch.float64, device=rows.device)
    for start in range(0, count, TILE):
        part = slice(start, start + TILE)
        extended[part, :size] = (rows[part].double() - frame.centre) / frame.scale
        squares = extended[part, :size].double().square().sum(1)
        extended[part, size] = squares
        norms[part] = squares.sqrt()
    return Operand(extended, norms)


def squared_distance_tile(first: Tensor, second: Tensor, out: Tensor | None = None) -> Tensor:
    """Approximate squared distances by one matrix product.

    Args:
        first: Rows of an operand, shape ``(N, D + 2)``.
        second: Rows of an operand in the same frame, shape ``(M, D + 2)``.
        out: Buffer of at least ``N * M`` values to write into.

    Returns:
        Squared distances of the scaled rows, shape ``(N, M)``, wrong by at most :func:`rounding_bound`.
    """
    mirrored = second * -2
    mirrored[:, -1], mirrored[:, -2] = second[:, -2], second[:, -1]
    if out is not None:
        out = out[: len(first) * len(second)].view(len(first), len(second))
    return torch.mm(first, mirrored.T, out=out)


def rounding_bound(first: Operand, second: Operand) -> Tensor:
    r"""Bound the error of approximate squared distances.

    A product of ``D + 2`` terms in arithmetic of unit roundoff ``u`` is wrong by at most about ``(D + 2) u``
    times the sum of the terms' sizes, whatever the order of summation (Higham, Accuracy and Stability of
    Numerical Algorithms, section 3.1); that sum is at most ``(|x| + |y|)^2``. Rounding the centred rows and
    their norms adds less than ``6 u`` of the same. The largest ``|y|`` stands for every ``y``.

    Args:
        first: Operand of ``N`` rows.
        second: Operand of at least one row.

    Returns:
        Bound for each row of ``first`` against any row of ``second``, shape ``(N,)``, float64.
    """
    roundoff = torch.finfo(first.rows.dtype).eps / 2
    terms = first.rows.shape[1] + 14  # D + 2, then 6, and room for the higher orders in u
    return terms * roundoff * (first.norms + second.norms.max()).square()


def pair_distances(first: Tensor, second: Tensor, first_index: Tensor, second_index: Tensor, scale: float) -> Tensor:
    """Compute the distances of chosen pairs by direct differences in float64.

    Args:
        first: Rows, shape ``(N, D)``.
        second: Rows, shape ``(M, D)``.
        first_index: Row of ``first`` in each pair, shape ``(P,)``.
        second_index: Row of ``second`` in each pair, shape ``(P,)``.
        scale: Scale of the frame; keeps squares of very large or small values in range.

    Returns:
        Distances in units of the rows, shape ``(P,)``, float64.
    """
    chunk = max(1, DIRECT_VALUES // first.shape[1])
    parts = [
        ((first[one].double() - second[two].double()) / scale).square().sum(1).sqrt() * scale
        for one, two in zip(first_index.split(chunk), second_index.split(chunk), strict=True)
    ]
    return torch.cat(parts)


@contextmanager
def full_precision(device: torch.device) -> Iterator[None]:
    """Keep float32 products in float32: no TF32, no bfloat16, no autocast, whatever the program has set.

    Args:
        device: Where the products run.

    Yields:
        Nothing; the program's settings are back afterwards.
    """
    with ExitStack() as stack:
        stack.enter_context(torch.no_grad())
        stack.enter_context(torch.autocast(device.type, enabled=False))
        if hasattr(torch.backends.cuda.matmul, "fp32_precision"):
            for backend in (torch.backends.cuda.matmul, torch.backends.mkldnn.matmul):  # type: ignore[attr-defined]
                stack.callback(setattr, backend, "fp32_precision", backend.fp32_precision)
                backend.fp32_precision = "ieee"
        else:  # torch before 2.9
            stack.callback(torch.set_float32_matmul_precision, torch.get_float32_matmul_precision())
            torch.set_float32_matmul_precision("highest")
        yield
