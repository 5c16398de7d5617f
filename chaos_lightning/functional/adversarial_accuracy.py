"""E(AAI): are real and generated images mixed? Their nearest neighbours tell."""

from typing import NamedTuple

import torch
from torch import Tensor

from chaos_lightning.functional.checks import as_rows, check_same_pixels, check_sample_counts
from chaos_lightning.functional.distances import (
    TILE,
    Operand,
    common_frame,
    full_precision,
    prepare,
    rounding_bound,
    squared_distance_tile,
)
from chaos_lightning.functional.neighbours import nearest_neighbours


class AdversarialAccuracy(NamedTuple):
    """The indicator and its two parts, float64 scalars.

    Attributes:
        indicator: E(AAI), from 0 (mixed) to 0.25.
        generated_accuracy: A_G, share of generated images whose nearest neighbour is generated.
        real_accuracy: A_X, share of real images whose nearest neighbour is real.
    """

    indicator: Tensor
    generated_accuracy: Tensor
    real_accuracy: Tensor


def adversarial_accuracy(real: Tensor, generated: Tensor) -> AdversarialAccuracy:
    r"""Compute the adversarial accuracy indicator E(AAI) and its parts.

    .. math::
        E^{(AAI)} = \tfrac12 \left[ (A_G - \tfrac12)^2 + (A_X - \tfrac12)^2 \right]

    where ``A_G`` is the fraction of generated rows whose Euclidean nearest neighbour among all other rows,
    real and generated, is generated, and ``A_X`` likewise for real rows. A tie counts as one half; distances
    that float64 cannot tell apart tie. A row is not its own neighbour, but an equal row is. Both parts near 0
    tell of copying, both near 1 of two sets far apart.

    Neighbours are exact: tiles of float32 products exclude the candidates that their rounding bound allows to
    exclude, and differences in float64 decide among the others. Memory grows with the number of
    rows, not with its square.

    Args:
        real: Real rows X, shape ``(N, ...)``, finite, of any range.
        generated: Generated rows G, shape ``(N, ...)``.

    Returns:
        Indicator, A_G and A_X.

    Raises:
        TypeError: If one is not a floating tensor.
        ValueError: If the shapes disagree or a value is not finite.
        SampleCountError: If the numbers of rows differ or are below two.

    Source:
        Yale et al. 2019, Privacy preserving synthetic health data; Decelle, Furtlehner, Seoane 2021,
        arXiv:2105.13889.

    Example:
        >>> import torch
        >>> real = torch.tensor([[0.0], [0.1], [0.2]])
        >>> adversarial_accuracy(real, real + 0.7).indicator
        tensor(0.2500, dtype=torch.float64)
        >>> adversarial_accuracy(real, real).generated_accuracy
        tensor(0., dtype=torch.float64)
    """
    real, generated = as_rows(real, "real"), as_rows(generated, "generated")
    check_same_pixels(real, generated)
    check_sample_counts(len(real), len(generated), equal=True)

    both = torch.cat([real, generated])
    distinct, which = torch.unique(both, dim=0, return_inverse=True)
    real_of, generated_of = which[: len(real)], which[len(real) :]
    real_copies = torch.bincount(real_of, minlength=len(distinct))
    generated_copies = torch.bincount(generated_of, minlength=len(distinct))
    real_alone, generated_alone = _share_of_own_side(distinct, real_copies > 0, generated_copies > 0)

    generated_accuracy = _with_copies(generated_alone, generated_copies, real_copies)[generated_of].mean()
    real_accuracy = _with_copies(real_alone, real_copies, generated_copies)[real_of].mean()
    indicator = ((generated_accuracy - 0.5).square() + (real_accuracy - 0.5).square()) / 2
    return AdversarialAccuracy(indicator, generated_accuracy, real_accuracy)


def adversarial_accuracy_indicator(real: Tensor, generated: Tensor) -> Tensor:
    """Compute E(AAI) alone, see :func:`adversarial_accuracy`.

    Args:
        real: Real rows X, shape ``(N, ...)``, finite, of any range.
        generated: Generated rows G, shape ``(N, ...)``.

    Returns:
        Float64 scalar, from 0 to 0.25.

    Raises:
        TypeError: If one is not a floating tensor.
        ValueError: If the shapes disagree or a value is not finite.
        SampleCountError: If the numbers of rows differ or are below two.
    """
    return adversarial_accuracy(real, generated).indicator


def _with_copies(alone: Tensor, own: Tensor, other: Tensor) -> Tensor:
    """Let copies vote: a copy is the nearest neighbour there is, so it decides before any distance.

    Args:
        alone: Vote of each distinct row by its distance to different rows, shape ``(K,)``.
        own: How often the row stands on its own side, shape ``(K,)``.
        other: How often it stands on the other side, shape ``(K,)``.

    Returns:
        1 for a neighbour on the own side, 0 for one on the other, one half for a tie, shape ``(K,)``.
    """
    decided = (own > 1).double() * (1 - 0.5 * (other > 0).double())
    return torch.where((own > 1) | (other > 0), decided, alone)


def _share_of_own_side(distinct: Tensor, is_real: Tensor, is_generated: Tensor) -> tuple[Tensor, Tensor]:
    """Let distinct rows vote by their distances to different rows.

    Args:
        distinct: Rows without repeats, shape ``(K, D)``.
        is_real: Rows that stand among the real ones, shape ``(K,)``.
        is_generated: Rows that stand among the generated ones, shape ``(K,)``.

    Returns:
        Votes as a real and as a generated row, each of shape ``(K,)``, float64. Rows that stand on both
        sides have no meaningful vote: they are decided by their copies.
    """
    real, generated = distinct[is_real], distinct[is_generated]
    frame = common_frame(real, generated)
    with full_precision(distinct.device):
        real_operand, generated_operand = prepare(real, frame), prepare(generated, frame)
        real_other, generated_other = nearest_across(real_operand, generated_operand)
        real_own, generated_own = nearest_within(real_operand), nearest_within(generated_operand)

    votes = []
    shared = is_real & is_generated
    for rows, others, member, own, other, operands in (
        (real, generated, is_real, real_own, real_other, (real_operand, generated_operand)),
        (generated, real, is_generated, generated_own, generated_other, (generated_operand, real_operand)),
    ):
        vote = (own < other).double()
        bound = torch.maximum(rounding_bound(operands[0], operands[0]), rounding_bound(*operands))
        undecided = (own - other).abs() <= 2 * bound
        open_rows = (undecided & ~shared[member]).nonzero().squeeze(1)
        if len(open_rows):
            vote[open_rows] = _exact_votes(rows[open_rows], rows, others)
        votes.append(distinct.new_zeros(len(distinct), dtype=torch.float64).masked_scatter(member, vote))
    return votes[0], votes[1]


def _exact_votes(queries: Tensor, own: Tensor, other: Tensor) -> Tensor:
    """Let some distinct rows vote in float64.

    Args:
        queries: Rows of ``own``, shape ``(Q, D)``.
        own: Distinct rows of their side, at least two.
        other: Distinct rows of the other side, none of them in ``queries``.

    Returns:
        Votes, shape ``(Q,)``, float64.
    """
    to_own = nearest_neighbours(queries, own, k=2).distances[:, 1]  # the first is the row itself
    to_other = nearest_neighbours(queries, other).distances[:, 0]
    rounding = (queries.shape[1] + 4) * torch.finfo(torch.float64).eps * torch.maximum(to_own, to_other)
    return torch.where((to_own - to_other).abs() <= rounding, 0.5, (to_own < to_other).double())


def nearest_within(points: Operand) -> Tensor:
    """Approximate the squared distance of each row to the nearest other row of its set.

    Each tile off the diagonal serves its rows and, being symmetric, its columns.

    Args:
        points: Operand of ``N`` rows.

    Returns:
        Shape ``(N,)``, float64, infinite where there is no other row.
    """
    count = len(points.rows)
    nearest = points.rows.new_full((count,), torch.inf)
    buffer = points.rows.new_empty(TILE * TILE)
    for start in range(0, count, TILE):
        rows = slice(start, min(start + TILE, count))
        for other_start in range(start, count, TILE):
            columns = slice(other_start, min(other_start + TILE, count))
            tile = squared_distance_tile(points.rows[rows], points.rows[columns], buffer)
            if other_start == start:
                tile.fill_diagonal_(torch.inf)
            else:
                nearest[columns] = torch.minimum(nearest[columns], tile.amin(0))
            nearest[rows] = torch.minimum(nearest[rows], tile.amin(1))
    return nearest.double()


def nearest_across(first: Operand, second: Operand) -> tuple[Tensor, Tensor]:
    """Approximate the squared distance of each row to the nearest row of the other set.

    Args:
        first: Operand of ``N`` rows.
        second: Operand of ``M`` rows in the same frame.

    Returns:
        Shapes ``(N,)`` and ``(M,)``, float64.
    """
    to_second = first.rows.new_full((len(first.rows),), torch.inf)
    to_first = second.rows.new_full((len(second.rows),), torch.inf)
    buffer = first.rows.new_empty(TILE * TILE)
    for start in range(0, len(first.rows), TILE):
        rows = slice(start, start + TILE)
        for other_start in range(0, len(second.rows), TILE):
            columns = slice(other_start, other_start + TILE)
            tile = squared_distance_tile(first.rows[rows], second.rows[columns], buffer)
            to_second[rows] = torch.minimum(to_second[rows], tile.amin(1))
            to_first[columns] = torch.minimum(to_first[columns], tile.amin(0))
    return to_second.double(), to_first.double()
