"""The spectrum of Lyapunov exponents, by QR decompositions, and what follows from it."""

from typing import Any, NamedTuple, Self

import torch
from torch import Tensor

from chaos_lightning.dynamics.chains import random_start
from chaos_lightning.dynamics.clock import num_time_steps
from chaos_lightning.dynamics.deviations import DIRECTIONS
from chaos_lightning.dynamics.integrator import EulerIntegrator
from chaos_lightning.dynamics.network import ChaoticNetwork
from chaos_lightning.dynamics.progress import with_progress_bar
from chaos_lightning.dynamics.random_numbers import Seed, draw_by_chain, seed_numbers
from chaos_lightning.dynamics.standard_errors import mean_and_error
from chaos_lightning.dynamics.state import State


class LyapunovSpectrum(NamedTuple):
    """Lyapunov exponents of a batch of chains, per unit of time (of the unit in which tau is given), float64.

    Attributes:
        of_chains: the k largest of each chain, ``(chains, k)``, descending but for fluctuations of a finite time.
        mean: over the chains, ``(k,)``.
        standard_error: of that mean, ``(k,)``: the spread over initial conditions of one network, not over networks.
            NaN for a single chain.
        layer_shares: share of each layer in the squared length of the direction of each exponent, averaged over time,
            ``(chains, k, layers)``. Only the first direction is that of its exponent alone, the k-th is what the
            space of the first k adds to the one before.
        num_units: number of units of the network, and so of all its exponents.
    """

    of_chains: Tensor
    mean: Tensor
    standard_error: Tensor
    layer_shares: Tensor
    num_units: int

    @classmethod
    def of(cls, exponents: Tensor, layer_shares: Tensor, num_units: int) -> Self:
        """Sum up the exponents ``(chains, k)`` and the shares ``(chains, k, layers)`` of single chains."""
        return cls(exponents, *mean_and_error(exponents), layer_shares, num_units)

    @property
    def reaches_dimension(self) -> bool:
        """Whether these exponents are enough for :attr:`dimension`, and so for :attr:`entropy_rate`."""
        return self.of_chains.shape[1] == self.num_units or bool((self.of_chains.sum(dim=1) < 0).all())

    @property
    def entropy_rate(self) -> Tensor:
        r"""Sum of the positive exponents of each chain, ``(chains,)``, in nats per unit of time.

        It is an upper bound on the Kolmogorov-Sinai entropy (D. Ruelle 1978), and equal to it where the attractor has
        a density along its unstable directions (Ya. B. Pesin 1977).

        Raises:
            ValueError: if all exponents are positive but are not all of the network: the sum may go on.
        """
        self._check_reaches(bool((self.of_chains.amin(dim=1) <= 0).all()), "negative exponents")
        return self.of_chains.clamp(min=0).sum(dim=1)

    @property
    def dimension(self) -> Tensor:
        r"""Kaplan-Yorke dimension of the attractor of each chain, ``(chains,)``.

        .. math::
            D = k + \frac{\lambda_1 + \dots + \lambda_k}{|\lambda_{k + 1}|}

        with the largest k whose sum is not negative; 0 at rest, the number of units where no sum is negative. On a
        limit cycle the largest exponent is 0 up to fluctuations of a finite time, which make it 0 or some more than 1.

        Raises:
            ValueError: if the sum of all exponents is not negative but they are not all of the network.

        Source:
            J. L. Kaplan, J. A. Yorke, Lecture Notes in Mathematics 730, 204 (1979).
        """
        ordered = self.of_chains.sort(dim=1, descending=True).values
        sums = ordered.cumsum(dim=1)
        whole = (sums >= 0).sum(dim=1)  # sums of descending numbers rise, then fall: those that are not negative
        whole = torch.where(ordered[:, 0] < 0, 0, whole)
        self._check_reaches(bool((sums[:, -1] < 0).all()), "a negative sum")
        padded = torch.nn.functional.pad(ordered, (0, 1), value=-torch.inf)
        following = padded.gather(1, whole.unsqueeze(1)).squeeze(1)
        reached = torch.nn.functional.pad(sums, (1, 0)).gather(1, whole.unsqueeze(1)).squeeze(1)
        return whole + reached / following.abs()

    def _check_reaches(self, reaches: bool, what: str) -> None:
        num_exponents = self.of_chains.shape[1]
        if not reaches and num_exponents < self.num_units:
            raise ValueError(
                f"the {num_exponents} largest of {self.num_units} exponents do not reach {what}: ask for more of them"
            )


def lyapunov_spectrum(
    network: ChaoticNetwork,
    num_chains: int,
    *,
    duration: float,
    transient: float,
    seed: Seed,
    num_exponents: int | None = None,
    dt: float = 1.0,
    tau: float = 10.0,
    first_chain: int = 0,
    orthonormalise_every: int = 5,
) -> LyapunovSpectrum:
    r"""Measure the largest Lyapunov exponents, or all of them, of a free network, trained or not, from random starts.

    Follows k deviations by the tangent dynamics of the Euler map along each chain, replaces them by an orthonormal
    basis every few steps, :math:`\mathrm{d}x = Q R`, and averages the logs of the stretching:

    .. math::
        \lambda_i = \frac{1}{n\,dt} \sum \log |R_{ii}|

    All exponents together add up to the mean log determinant of the Jacobian of a step, per dt. A step costs
    about k times that of a plain run of the chains. The exponents are those of the Euler map as it is run.

    Args:
        network: the network; the computation runs in its data type and on its device. In float32 the exponents are
            good to about 1e-6 per time step, so give a network in float64 for the strongly negative ones.
        num_chains: number of random starts.
        duration: time over which stretching is averaged, a whole number of steps.
        transient: time run before, a whole number of steps: first half without deviations, to reach the attractor,
            then with them, so that they turn into their directions.
        seed: what the random starts are for, see :func:`initial_potentials`.
        num_exponents: k; None measures as many as there are units.
        dt: length of an Euler step.
        tau: time constant of the units.
        first_chain: index of the first chain.
        orthonormalise_every: time steps between orthonormalisations. Within them stretching must differ by far less
            than the resolution of the data type, 1e7 in float32.

    Raises:
        ValueError: if there is no chain or no time to average over, a time is not a whole number of steps,
            ``num_exponents`` is not between 1 and the number of units or ``orthonormalise_every`` is below 1.

    Source:
        G. Benettin, L. Galgani, A. Giorgilli, J.-M. Strelcyn, Meccanica 15, 9 (1980). For these networks:
        R. Engelken, F. Wolf, L. F. Abbott, Phys. Rev. Research 5, 043044 (2023).

    Example:
        >>> network = ChaoticNetwork([31], gain=3.0).double()
        >>> spectrum = lyapunov_spectrum(network, 2, duration=200, transient=100, seed=1)
        >>> spectrum.mean.shape, bool((spectrum.dimension < 31).all())
        (torch.Size([31]), True)
    """
    num_steps = num_time_steps(duration, dt, name="duration")
    transient_steps = num_time_steps(transient, dt, name="transient")
    num_units = sum(network.layer_sizes)
    num_exponents = num_units if num_exponents is None else num_exponents
    if num_chains < 1 or num_steps < 1:
        raise ValueError(
            "a spectrum needs at least one chain and one time step to average over, but num_chains is "
            f"{num_chains} and duration {duration}"
        )
    if not 1 <= num_exponents <= num_units:
        raise ValueError(f"num_exponents must be between 1 and the {num_units} units, but is {num_exponents}")
    if orthonormalise_every < 1:
        raise ValueError(f"orthonormalise_every must be 1 or more time steps, but is {orthonormalise_every}")
    integrator = EulerIntegrator(network, dt / tau, product_dtype=network.biases[0].dtype)
    state = integrator.start(random_start(network, num_chains, seed=seed, first_chain=first_chain))
    turning = transient_steps - transient_steps // 2
    state = integrator.advance(state, transient_steps // 2)
    basis = random_basis(network, num_chains, num_exponents, seed=seed, first_chain=first_chain)
    state, basis, _, _ = follow_basis(integrator, state, basis, turning, orthonormalise_every)
    _, _, stretching, shares = follow_basis(integrator, state, basis, num_steps, orthonormalise_every)
    return LyapunovSpectrum.of(stretching / (num_steps * dt), shares, num_units)


def spectrum_to_dimension(network: ChaoticNetwork, num_chains: int, **settings: Any) -> LyapunovSpectrum:
    """Measure as many Lyapunov exponents as the Kaplan-Yorke dimension takes: 16, or twice as many until they do.

    Args:
        network: the network.
        num_chains: number of random starts.
        **settings: all other settings of :func:`lyapunov_spectrum` but ``num_exponents``.

    Raises:
        ValueError: as :func:`lyapunov_spectrum` does.
    """
    num_units, num_exponents = sum(network.layer_sizes), 16
    while True:
        num_exponents = min(num_exponents, num_units)
        spectrum = lyapunov_spectrum(network, num_chains, num_exponents=num_exponents, **settings)
        if spectrum.reaches_dimension:
            return spectrum
        num_exponents *= 2


def random_basis(
    network: ChaoticNetwork, num_chains: int, num_directions: int, *, seed: Seed, first_chain: int = 0
) -> Tensor:
    """Draw orthonormal directions for each chain, ``(chains, units, directions)``; the seed is that of the chains."""
    num_units, bias = sum(network.layer_sizes), network.biases[0]
    drawn = draw_by_chain(
        num_units * num_directions,
        num_chains,
        seed=(*seed_numbers(seed), DIRECTIONS),
        first_chain=first_chain,
        device=bias.device,
    )
    basis: Tensor = torch.linalg.qr(drawn.to(bias.dtype).view(num_chains, num_units, num_directions))[0]
    return basis


def follow_basis(
    integrator: EulerIntegrator, state: State, basis: Tensor, num_steps: int, orthonormalise_every: int = 5
) -> tuple[State, Tensor, Tensor, Tensor]:
    """Follow orthonormal directions of each chain by the tangent dynamics.

    Args:
        integrator: integrator of the free network.
        state: state of the chains.
        basis: the directions, ``(chains, units, k)``.
        num_steps: number of time steps.
        orthonormalise_every: time steps between QR decompositions.

    Returns:
        The new state; the new directions; the log of the stretching along each, ``(chains, k)``; and the share of each
        layer in their squared length, averaged over time, ``(chains, k, layers)``, both in float64.
    """
    num_chains, num_units, num_directions = basis.shape
    sizes = [potential.shape[1] for potential in state.potentials]
    stretching = torch.zeros(num_chains, num_directions, dtype=torch.float64, device=basis.device)
    shares = stretching.new_zeros(num_chains, num_directions, len(sizes))
    cuts = range(0, num_steps, orthonormalise_every)
    for start in with_progress_bar(cuts, f"{num_directions} Lyapunov exponents"):
        steps = min(orthonormalise_every, num_steps - start)
        deviations = basis.mT.reshape(num_chains * num_directions, num_units).split(sizes, dim=1)
        state, moved = integrator.advance_deviations(state, deviations, steps)
        basis, triangle = torch.linalg.qr(torch.cat(moved, dim=1).view(num_chains, num_directions, num_units).mT)
        stretching += triangle.diagonal(dim1=1, dim2=2).abs().double().log()
        squares = torch.stack([part.double().square().sum(dim=1) for part in basis.split(sizes, dim=1)], dim=2)
        shares += squares * (steps / num_steps)
    return state, basis, stretching, shares
