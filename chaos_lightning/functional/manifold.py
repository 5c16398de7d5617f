"""Precision and recall by manifolds of nearest-neighbour balls."""

import torch
from torch import Tensor

from chaos_lightning.functional.checks import as_rows, check_sample_counts, image_pair
from chaos_lightning.functional.distances import (
    TILE,
    common_frame,
    full_precision,
    pair_distances,
    prepare,
    rounding_bound,
    squared_distance_tile,
)
from chaos_lightning.functional.neighbours import nearest_neighbours


def manifold_precision(real: Tensor, generated: Tensor, k: int = 3) -> Tensor:
    """Compute the share of generated images on the manifold of the real ones: are they realistic?

    The manifold of a set is the union of balls around its images, each reaching to the ``k``-th nearest other
    image of the set.

    Args:
        real: Real images, shape ``(N, ...)``, pixels in [-1, 1].
        generated: Generated images, shape ``(M, ...)``, pixels in [-1, 1].
        k: Neighbour that sets the radius.

    Returns:
        Float64 scalar, from 0 to 1; real images against other real ones stay below 1, and the value depends on
        the numbers of images.

    Raises:
        TypeError: If one is not a floating tensor.
        ValueError: If the shapes or values are wrong.
        SampleCountError: If there are ``k`` images or fewer on a side.

    Source:
        Kynkäänniemi, Karras, Laine, Lehtinen, Aila 2019, arXiv:1904.06991; here distances are between pixels,
        as in the other measures, where the paper takes features of a network.

    Example:
        >>> import torch
        >>> real = torch.tensor([[0.0], [0.1], [0.2], [0.3]])
        >>> manifold_precision(real, torch.tensor([[0.05], [0.15], [0.2], [0.9]]))
        tensor(0.7500, dtype=torch.float64)
    """
    real, generated = image_pair(real, generated, minimum=k + 1)
    return share_on_manifold(generated, real, k)


def manifold_recall(real: Tensor, generated: Tensor, k: int = 3) -> Tensor:
    """Compute the share of real images on the manifold of the generated ones: does the generator reach them?

    Args:
        real: Real images, shape ``(N, ...)``, pixels in [-1, 1].
        generated: Generated images, shape ``(M, ...)``, pixels in [-1, 1].
        k: Neighbour that sets the radius, see :func:`manifold_precision`.

    Returns:
        Float64 scalar, from 0 to 1; real images against other real ones stay below 1, and the value depends on
        the numbers of images.

    Raises:
        TypeError: If one is not a floating tensor.
        ValueError: If the shapes or values are wrong.
        SampleCountError: If there are ``k`` images or fewer on a side.

    Source:
        Kynkäänniemi, Karras, Laine, Lehtinen, Aila 2019, arXiv:1904.06991.

    Example:
        >>> import torch
        >>> generated = torch.tensor([[0.0], [0.0], [0.0], [0.0]])
        >>> manifold_recall(torch.tensor([[0.0], [0.1], [0.2], [0.3]]), generated)
        tensor(0.2500, dtype=torch.float64)
    """
    real, generated = image_pair(real, generated, minimum=k + 1)
    return share_on_manifold(real, generated, k)


def share_on_manifold(points: Tensor, centres: Tensor, k: int = 3) -> Tensor:
    """Compute the share of points on the manifold of others, as of features of a network, in which the paper has it.

    The share of generated images on the manifold of the real ones is the precision, the share of real images on the
    manifold of the generated ones the recall.

    Args:
        points: Shape ``(N, D)``, floating, any range.
        centres: Shape ``(M, D)``, floating.
        k: Neighbour that sets the radius, see :func:`manifold_precision`.

    Returns:
        Float64 scalar, from 0 to 1.

    Raises:
        TypeError: If one is not a floating tensor.
        ValueError: If the shapes are wrong, or values are NaN or infinite.
        SampleCountError: If there are ``k`` centres or fewer, or as few points.

    Source:
        Kynkäänniemi, Karras, Laine, Lehtinen, Aila 2019, arXiv:1904.06991.

    Example:
        >>> import torch
        >>> centres = torch.tensor([[0.0], [10.0], [20.0], [30.0]])
        >>> share_on_manifold(torch.tensor([[5.0], [45.0], [-15.0], [70.0]]), centres)
        tensor(0.7500, dtype=torch.float64)
    """
    points, centres = as_rows(points, "points"), as_rows(centres, "centres")
    if points.shape[1] != centres.shape[1]:
        raise ValueError(f"points have {points.shape[1]} dimensions, centres {centres.shape[1]}: they must agree")
    check_sample_counts(len(points), len(centres), minimum=k + 1)
    return _on_manifold(points, centres, k).double().mean()


def _on_manifold(points: Tensor, centres: Tensor, k: int) -> Tensor:
    """Find the points that lie in a closed ball around any centre.

    Products in float32 decide where their rounding bound allows it, then products in float64, and direct
    differences decide the rest. Copies of centres are compared once, with their common radius.

    Args:
        points: Shape ``(N, D)``.
        centres: Shape ``(M, D)``.
        k: Neighbour that sets the radius.

    Returns:
        Shape ``(N,)``, bool.
    """
    radii = nearest_neighbours(centres, centres, k, exclude_self=True).distances[:, -1]
    centres, which = torch.unique(centres, dim=0, return_inverse=True)
    radii = radii.new_empty(len(centres)).index_copy(0, which, radii)

    frame = common_frame(points, centres)
    scaled = (radii / frame.scale).square()
    inside = torch.zeros(len(points), dtype=torch.bool, device=points.device)
    undecided = torch.arange(len(points), device=points.device)
    with full_precision(points.device):
        for dtype in (torch.float32, torch.float64):
            operand, centre_operand = prepare(points[undecided], frame, dtype), prepare(centres, frame, dtype)
            bound = rounding_bound(operand, centre_operand)
            margins = []
            for rows in operand.rows.split(TILE):
                tiles = zip(centre_operand.rows.split(TILE), scaled.split(TILE), strict=True)
                nearest = [(squared_distance_tile(rows, tile) - square).amin(1) for tile, square in tiles]
                margins.append(torch.stack(nearest).amin(0))
            margin = torch.cat(margins)
            inside[undecided[margin < -bound]] = True
            undecided = undecided[margin.abs() <= bound]
            if not len(undecided):
                return inside
        for index in undecided.split(max(1, TILE * TILE // len(centres))):
            operand = prepare(points[index], frame, torch.float64)
            limit = scaled + rounding_bound(operand, centre_operand).unsqueeze(1)
            row, centre = (squared_distance_tile(operand.rows, centre_operand.rows) <= limit).nonzero(as_tuple=True)
            reached = pair_distances(points[index], centres, row, centre, frame.scale) <= radii[centre]
            inside[index[row[reached]]] = True
    return inside
