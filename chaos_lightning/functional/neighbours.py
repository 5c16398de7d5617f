"""Exact nearest neighbours in bounded memory."""

from typing import NamedTuple

import torch
from torch import Tensor

from chaos_lightning.functional.checks import SampleCountError, as_rows
from chaos_lightning.functional.distances import (
    TILE,
    Frame,
    common_frame,
    full_precision,
    pair_distances,
    prepare,
    rounding_bound,
    squared_distance_tile,
)

SPARE = 6  # candidates kept beyond the k asked for, so that rounding seldom leaves a doubt


class Neighbours(NamedTuple):
    """Nearest neighbours, nearest first; at equal distance the lower index comes first.

    Attributes:
        distances: Euclidean distances, shape ``(N, k)``, float64.
        indices: Rows of the references, shape ``(N, k)``, int64.
    """

    distances: Tensor
    indices: Tensor


def nearest_neighbours(queries: Tensor, references: Tensor, k: int = 1, exclude_self: bool = False) -> Neighbours:
    """Find the ``k`` nearest references of each query, exactly.

    Tiles of float32 products propose candidates. Where their rounding bound does not prove that the nearest
    are among them, products in float64 propose anew. Direct differences in float64 give the distances of the
    candidates.

    Args:
        queries: Rows, shape ``(N, ...)``, floating and finite.
        references: Rows, shape ``(M, ...)``.
        k: Number of neighbours.
        exclude_self: Whether ``queries`` are the ``references``, and row ``i`` is no neighbour of its own;
            an equal row at another place is one.

    Returns:
        Distances and indices.

    Raises:
        TypeError: If one is not a floating tensor.
        ValueError: If the shapes disagree, a value is not finite or ``k`` is below 1.
        SampleCountError: If there are fewer than ``k`` references to choose from.

    Example:
        >>> import torch
        >>> points = torch.tensor([[0.0], [1.0], [3.0]])
        >>> nearest_neighbours(points, points, exclude_self=True).indices.squeeze(1)
        tensor([1, 0, 1])
    """
    queries, references = as_rows(queries, "queries"), as_rows(references, "references")
    if queries.shape[1] != references.shape[1]:
        raise ValueError(f"queries have {queries.shape[1]} values a row, references {references.shape[1]}")
    if exclude_self and len(queries) != len(references):
        raise ValueError("exclude_self needs the queries to be the references")
    if k < 1:
        raise ValueError(f"k must be at least 1, got {k}")
    if len(references) - exclude_self < k:
        raise SampleCountError(f"{k} neighbours asked for, but there are {len(references)} references")

    if not len(queries):
        nothing = torch.empty(0, k, dtype=torch.float64, device=queries.device)
        return Neighbours(nothing, nothing.long())

    itself = torch.arange(len(queries), device=queries.device) if exclude_self else None
    frame = common_frame(queries, references)
    with full_precision(queries.device):
        found, proven = _propose(queries, references, frame, k, itself)
        doubtful = (~proven).nonzero().squeeze(1)
        if len(doubtful):
            again = _search_in_float64(
                queries[doubtful], references, frame, k, None if itself is None else itself[doubtful]
            )
            found.distances[doubtful], found.indices[doubtful] = again
    return found


def _propose(
    queries: Tensor, references: Tensor, frame: Frame, k: int, itself: Tensor | None
) -> tuple[Neighbours, Tensor]:
    """Find the nearest neighbours with float32 products.

    Returns:
        Neighbours, and for each query whether they are proven to be the nearest, shape ``(N,)``.
    """
    reference_operand = prepare(references, frame)
    kept = min(k + SPARE + (itself is not None), len(references))
    buffer = reference_operand.rows.new_empty(TILE * TILE)
    distances, indices, proven = [], [], []
    for start in range(0, len(queries), TILE):
        part = slice(start, start + TILE)
        operand = prepare(queries[part], frame)
        best = operand.rows.new_full((len(operand.rows), 0), torch.inf)
        index = torch.empty_like(best, dtype=torch.int64)
        for other_start in range(0, len(references), TILE):
            tile = squared_distance_tile(operand.rows, reference_operand.rows[other_start : other_start + TILE], buffer)
            nearest = tile.topk(min(kept, tile.shape[1]), largest=False)
            candidates = torch.cat([best, nearest.values], 1)
            best, order = candidates.topk(min(kept, candidates.shape[1]), largest=False)
            index = torch.cat([index, nearest.indices + other_start], 1).gather(1, order)

        index, order = index.sort(1)
        best = best.gather(1, order).double()
        beyond = best.amax(1) if kept < len(references) else best.new_full((len(best),), torch.inf)
        row = torch.arange(len(best), device=best.device).unsqueeze(1).expand_as(index)
        exact = pair_distances(queries[part], references, row.flatten(), index.flatten(), frame.scale).view_as(best)
        if itself is not None:
            own = index == itself[part].unsqueeze(1)
            exact, best = exact.masked_fill(own, torch.inf), best.masked_fill(own, torch.inf)
        exact, order = exact.sort(dim=1, stable=True)
        distances.append(exact[:, :k])
        indices.append(index.gather(1, order)[:, :k])
        # within the bound, rows that were not kept are at least `beyond` away, and the k-th nearest at most `kth`
        kth = best.kthvalue(k, dim=1).values
        proven.append(beyond - kth > 2 * rounding_bound(operand, reference_operand))
    return Neighbours(torch.cat(distances), torch.cat(indices)), torch.cat(proven)


def _search_in_float64(queries: Tensor, references: Tensor, frame: Frame, k: int, itself: Tensor | None) -> Neighbours:
    """Find the nearest neighbours where float32 leaves doubts: near ties, many copies, or points of very unequal size.

    Copies among the references are compared once, so that many of them cost nothing.
    """
    distinct, which, copies = torch.unique(references, dim=0, return_inverse=True, return_counts=True)
    members = which.argsort(stable=True)
    first_member = copies.cumsum(0) - copies
    copies = copies.clamp(max=k + 1)  # more of them can never be among the k nearest others
    operand = prepare(distinct, frame, torch.float64)
    step = max(1, TILE * TILE // len(distinct))
    distances, indices = [], []
    for start in range(0, len(queries), step):
        part = slice(start, start + step)
        query_operand = prepare(queries[part], frame, torch.float64)
        squared = squared_distance_tile(query_operand.rows, operand.rows)
        wanted = min(k + (itself is not None), len(distinct))
        kth = squared.kthvalue(wanted, dim=1).values
        limit = kth + 2 * rounding_bound(query_operand, operand)
        row, group = (squared <= limit.unsqueeze(1)).nonzero(as_tuple=True)
        exact = pair_distances(queries[part], distinct, row, group, frame.scale)

        repeats = copies[group]
        place = torch.arange(int(repeats.sum()), device=row.device)
        place = place - (repeats.cumsum(0) - repeats).repeat_interleave(repeats)
        index = members[first_member[group].repeat_interleave(repeats) + place]
        row, exact = row.repeat_interleave(repeats), exact.repeat_interleave(repeats)
        if itself is not None:
            other = index != itself[part][row]
            row, exact, index = row[other], exact[other], index[other]

        order = index.argsort()  # then stable sorts by what weighs more
        order = order[exact[order].argsort(stable=True)]
        order = order[row[order].argsort(stable=True)]
        row, exact, index = row[order], exact[order], index[order]
        amount = torch.bincount(row, minlength=len(query_operand.rows))
        chosen = (amount.cumsum(0) - amount).unsqueeze(1) + torch.arange(k, device=row.device)
        distances.append(exact[chosen])
        indices.append(index[chosen])
    return Neighbours(torch.cat(distances), torch.cat(indices))
