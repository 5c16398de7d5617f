"""Fixed points of the network, found by Newton's method, and their instability."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from chaos_lightning.dynamics.jacobians import field_jacobians, whole_coupling
from chaos_lightning.dynamics.network import ChaoticNetwork
from chaos_lightning.dynamics.progress import with_progress_bar

NUMBERS_AT_ONCE = 2**25
"""Elements of the Jacobians of a batch of chains, 256 MiB in float64."""


class FixedPoints(NamedTuple):
    """Fixed points, those of the starts from which one was found, float64.

    Attributes:
        starts: index of the start of each, ascending, ``(found,)``.
        potentials: one tensor ``(found, units)`` a layer.
        residuals: largest ``|-x + sum_j K_ij phi(x_j) + b|`` of a unit, ``(found,)``.
        eigenvalues: of the linearised equation of motion, in units of 1/tau, complex, ``(found, units)``, those with
            the largest real part first.
    """

    starts: Tensor
    potentials: tuple[Tensor, ...]
    residuals: Tensor
    eigenvalues: Tensor

    @property
    def unstable_directions(self) -> Tensor:
        """Number of eigenvalues with a positive real part, ``(found,)``; 0 for a stable fixed point."""
        return (self.eigenvalues.real > 0).sum(dim=1)

    @property
    def largest_real_part(self) -> Tensor:
        """Growth rate of the fastest growing deviation, ``(found,)``, in units of 1/tau."""
        return self.eigenvalues.real.amax(dim=1)

    def unstable_directions_of_map(self, alpha: float) -> Tensor:
        """Count the directions in which the Euler map is unstable, ``|1 + alpha eigenvalue| > 1``, ``(found,)``.

        Args:
            alpha: dt / tau.
        """
        return ((1 + alpha * self.eigenvalues).abs() > 1).sum(dim=1)

    def same(self, tolerance: float = 1e-6) -> Tensor:
        """Say which are the same: the index among the fixed points of the first that each coincides with, ``(found,)``.

        Args:
            tolerance: largest difference of a potential.
        """
        points = torch.cat(self.potentials, dim=1)
        first = torch.arange(len(points), device=points.device)
        for index in range(len(points)):
            near = (points[: index + 1] - points[index]).abs().amax(dim=1) <= tolerance
            first[index] = first[int(near.nonzero()[0])]
        return first


@torch.no_grad()
def find_fixed_points(
    network: ChaoticNetwork,
    potentials: Sequence[Tensor],
    *,
    tolerance: float = 1e-9,
    max_steps: int = 300,
    longest_step: float = 1.0,
) -> FixedPoints:
    r"""Search fixed points of a free network, trained or not, by Newton's method from given states, in float64.

    It solves :math:`F(x) = -x + K \phi(x) + b = 0` by steps :math:`x \leftarrow x - (F'(x))^{-1} F(x)`, shortened
    where they are longer than the longest step. :math:`|F|` may grow on the way: a search that lets it fall only ends
    at minima of it that are no fixed points. (From states of two chaotic networks, 61 units of gain 3 and 200 of gain
    2, such a search arrived from 2 of 20 starts, this one from 10 and 9 of them.) Starts that have not arrived after
    all steps are left out, so the fixed points found are no fair sample of all.

    A step takes of the order of ``units^3`` operations a chain: a second for some 1,500 units on one core. dt has no
    part in it: the fixed points of the Euler map are those of the equation.

    Args:
        network: the network; the computation runs on its device.
        potentials: where to start, one tensor ``(chains, units)`` a layer.
        tolerance: largest ``|F|`` of a unit at a fixed point.
        max_steps: Newton's steps at most.
        longest_step: root mean square over all units of the longest change of the potentials in a step.

    Raises:
        ValueError: if the potentials are not those of the layers or not finite, the tolerance or the longest step is
            not positive, or there are no steps.

    Source:
        D. Sussillo, O. Barak, Neural Computation 25, 626 (2013); for the number and the instability of fixed points
        of untrained networks G. Wainrib, J. Touboul, Phys. Rev. Lett. 110, 118101 (2013).

    Example:
        >>> network = ChaoticNetwork([31], gain=0.5)  # rests at zero and nowhere else
        >>> found = find_fixed_points(network, [torch.randn(3, 31)])
        >>> len(found.starts), found.unstable_directions.tolist(), found.same().tolist()
        (3, [0, 0, 0], [0, 0, 0])
    """
    if not tolerance > 0 or not longest_step > 0 or max_steps < 1:
        raise ValueError(
            "tolerance and longest_step must be positive and max_steps 1 or more, but are "
            f"{tolerance}, {longest_step} and {max_steps}"
        )
    if not all(bool(potential.isfinite().all()) for potential in potentials):
        raise ValueError("potentials to start from must be finite, but some are not")
    field_jacobians(network, [potential[:0] for potential in potentials])  # refuses what does not fit
    starts = torch.cat([potential.double() for potential in potentials], dim=1)
    coupling, bias = whole_coupling(network), torch.cat(list(network.biases)).double()
    chains_at_once = max(1, NUMBERS_AT_ONCE // coupling.numel())
    ends, residuals, eigenvalues = [starts[:0]], [starts[:0, 0]], [starts[:0].to(torch.complex128)]
    for chains in with_progress_bar(starts.split(chains_at_once), "fixed points"):
        end, residual = _newton(network, chains, coupling, bias, tolerance, max_steps, longest_step)
        ends.append(end)
        residuals.append(residual)
        points = end[residual <= tolerance]
        if len(points):
            spectrum = torch.linalg.eigvals(field_jacobians(network, points.split(network.layer_sizes, dim=1)))
            order = spectrum.real.argsort(dim=1, descending=True)
            eigenvalues.append(spectrum.gather(1, order))
    residual = torch.cat(residuals)
    found = (residual <= tolerance).nonzero().squeeze(1)
    layers = torch.cat(ends)[found].split(network.layer_sizes, dim=1)
    return FixedPoints(found, tuple(layers), residual[found], torch.cat(eigenvalues))


def _newton(
    network: ChaoticNetwork,
    x: Tensor,
    coupling: Tensor,
    bias: Tensor,
    tolerance: float,
    max_steps: int,
    longest_step: float,
) -> tuple[Tensor, Tensor]:
    """Return where Newton's method ends, ``(chains, units)``, and the largest ``|F|`` there, ``(chains,)``."""

    def misfit(x: Tensor) -> Tensor:
        return network.rate(x) @ coupling.T + bias - x

    x, longest = x.clone(), longest_step * x.shape[1] ** 0.5
    for _ in range(max_steps):
        moving = misfit(x).abs().amax(dim=1) > tolerance  # not those of a singular Jacobian, which are NaN
        if not moving.any():
            break
        old = x[moving]
        jacobians = field_jacobians(network, old.split(network.layer_sizes, dim=1))
        step = torch.linalg.solve_ex(jacobians, -misfit(old).unsqueeze(2))[0].squeeze(2)
        x[moving] = old + step * (longest / step.norm(dim=1, keepdim=True)).clamp(max=1)
    return x, misfit(x).abs().amax(dim=1)
