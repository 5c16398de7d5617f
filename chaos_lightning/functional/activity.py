"""Measures of the activity of chains: the number of directions that it fills, and the fraction of chains at rest."""

import torch
from torch import Tensor

REST_TOLERANCE = 1e-3
"""Speed tau |dx/dt| below which a unit counts as at rest. Within one tau its rate then moves by at most 1e-3, an eighth
of a grey level of an 8-bit image in [-1, 1]; in float32 rounding alone gives about 1e-6."""

LEAST_DEVIATION = 1e-7
"""Root-mean-square deviation of the rates below which they count as constant: float32 resolves a rate to 6e-8."""


def participation_ratio(rates: Tensor) -> Tensor:
    r"""Compute the participation ratio: the number of directions that the activity fills.

    .. math::
        PR = \frac{(\sum_a \lambda_a)^2}{\sum_a \lambda_a^2} = \frac{(\mathrm{tr}\, C)^2}{\mathrm{tr}\, C^2}

    with ``lambda`` the eigenvalues of the covariance ``C`` of the rates over the samples: chains at one time (the
    dimension of the set of images), times of one chain (the dimension of its attractor), or both. It lies between 1
    (all on a line) and the number of units (alike in all directions). It cannot exceed the number of samples less
    one, and few samples bias it downwards, roughly ``1/PR`` by ``1/samples``.

    Args:
        rates: Samples of the rates, ``(samples, units)``.

    Returns:
        Float64 scalar; 0 where the rates do not vary.

    Raises:
        ValueError: If there are fewer than two samples or the shape is wrong.

    Source:
        K. Rajan, L. F. Abbott, H. Sompolinsky, Phys. Rev. E 82, 011903 (2010).

    Example:
        >>> participation_ratio(torch.tensor([[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0], [0.0, -1.0]]))
        tensor(2., dtype=torch.float64)
    """
    if rates.ndim != 2 or len(rates) < 2:
        raise ValueError(f"rates must have shape (samples, units) with two samples or more, got {tuple(rates.shape)}")
    centred = rates.double() - rates.double().mean(dim=0)
    # tr C and tr C^2 are the same for X^T X and X X^T: take the smaller.
    products = centred.T @ centred if len(rates) > rates.shape[1] else centred @ centred.T
    return participation_ratio_of_products(products / len(rates), rates.shape[1])


def participation_ratio_of_products(products: Tensor, num_units: int) -> Tensor:
    """Compute the participation ratio from the covariance, or from products of samples, which have its eigenvalues.

    Args:
        products: Covariance ``X^T X / samples`` of shape ``(units, units)``, or ``X X^T / samples`` of shape
            ``(samples, samples)``, with ``X`` the centred rates.
        num_units: Number of units.

    Returns:
        Scalar; 0 where the rates do not vary by more than rounding.
    """
    total_variance = products.trace()
    varies = total_variance > num_units * LEAST_DEVIATION**2
    return torch.where(varies, total_variance.square() / products.square().sum(), 0)


def resting_fraction(speeds: Tensor, tolerance: float = REST_TOLERANCE) -> Tensor:
    """Compute the fraction of chains at rest: all of their units are slower than a tolerance.

    A chain on a limit cycle is not at rest; one that creeps past a saddle may pass for it, so look late.

    Args:
        speeds: Speeds of the chains from :func:`chaos_lightning.dynamics.chain_speeds`, ``(chains,)``.
        tolerance: Largest speed tau |dx/dt| of a unit at rest.

    Returns:
        Float64 scalar.

    Raises:
        ValueError: If there is no chain.

    Example:
        >>> resting_fraction(torch.tensor([0.0, 1e-5, 0.4, 1.0]))
        tensor(0.5000, dtype=torch.float64)
    """
    if speeds.ndim != 1 or len(speeds) < 1:
        raise ValueError(f"speeds must have shape (chains,) with one chain or more, got {tuple(speeds.shape)}")
    return (speeds < tolerance).double().mean()
