"""Energy and magnetisation of the two-dimensional Ising model, of simulated configurations and of samples alike."""

import torch
from torch import Tensor


def energy_per_spin(configurations: Tensor) -> Tensor:
    r"""Compute the energy of Ising configurations, in units of the coupling J.

    .. math::
        E / N = -\frac{1}{N} \sum_{\langle ij \rangle} s_i s_j

    over the pairs of neighbours on a lattice with periodic boundaries.

    Args:
        configurations: Shape ``(M, ..., height, width)``. Values count by their sign, as samples of a network have
            others than -1 and 1; 0 counts as 1.

    Returns:
        Float64, ``(M,)``, from -2, all spins alike, to 2.

    Raises:
        ValueError: If there are no two dimensions of neighbours.

    Example:
        >>> energy_per_spin(torch.ones(1, 4, 4))
        tensor([-2.], dtype=torch.float64)
    """
    if configurations.ndim < 3:
        raise ValueError(
            f"configurations must have shape (M, ..., height, width), got {tuple(configurations.shape)}: reshape "
            "vectors of spins to their lattice"
        )
    spins = _spins(configurations)
    bonds = spins * (spins.roll(-1, dims=-1) + spins.roll(-1, dims=-2))
    return -bonds.flatten(1).mean(dim=1)


def magnetisation(configurations: Tensor) -> Tensor:
    """Compute the mean spin of each configuration.

    Args:
        configurations: Shape ``(M, ...)``, see :func:`energy_per_spin`.

    Returns:
        Float64, ``(M,)``, from -1 to 1.

    Example:
        >>> magnetisation(torch.tensor([[1.0, 1.0, -0.3, 1.0]]))
        tensor([0.5000], dtype=torch.float64)
    """
    return _spins(configurations).flatten(1).mean(dim=1)


def _spins(values: Tensor) -> Tensor:
    return torch.where(values < 0, -1.0, 1.0).double()
