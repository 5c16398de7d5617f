"""Explicit Euler integration of the network, free or with some visible rates held."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from chaos_lightning.dynamics.network import ChaoticNetwork
from chaos_lightning.dynamics.rates import RATE_DERIVATIVES


class State(NamedTuple):
    """The activity of a batch of chains: per layer, potentials x and rates phi(x), ``(chains, units)`` each."""

    potentials: tuple[Tensor, ...]
    rates: tuple[Tensor, ...]


class Held(NamedTuple):
    """Visible rates that are held at given values through the whole run.

    Attributes:
        values: rates ``(chains, visible units)``.
        mask: True where a rate is held, ``(visible units,)`` or ``(chains, visible units)``; None holds them all.
    """

    values: Tensor
    mask: Tensor | None = None


def num_time_steps(duration: float, dt: float, *, name: str = "sampling_time") -> int:
    """Number of Euler steps of length ``dt`` in ``duration``, both in the units of tau.

    Raises:
        ValueError: if the duration is negative or not a whole number of steps.
    """
    steps = round(duration / dt)
    if duration < 0 or abs(steps * dt - duration) > 1e-6 * dt:
        raise ValueError(
            f"{name} must be a whole number of time steps, but {duration} is {duration / dt:g} steps of dt={dt}; "
            f"the nearest that fits is {max(steps, 0) * dt:g}"
        )
    return steps


class EulerIntegrator:
    """Integrates the network: ``x <- (1 - alpha) x + alpha (sum_j K_ij phi(x_j) + b_i)``, ``alpha = dt / tau``.

    All layers are updated from the same previous state. The couplings are summed and scaled by alpha once, when
    the integrator is made, so a time step costs its matrix products and little else: make a new integrator after
    a change of the weights.

    A layer that is held whole sends a constant drive, computed once. A layer whose whole drive is constant (the
    hidden layer of the two-layer network in the clamped phase) is not stepped at all, since its linear relaxation
    is known exactly: ``x(n) = x* + (1 - alpha)^n (x(0) - x*)`` with ``x*`` the drive.

    Args:
        network: the network.
        alpha: dt / tau.
        held: visible rates to hold.
        product_dtype: data type of the matrix products; potentials keep the network's own. Defaults to autocast's
            type where autocast is on, to the network's type otherwise.
    """

    def __init__(
        self,
        network: ChaoticNetwork,
        alpha: float,
        *,
        held: Held | None = None,
        product_dtype: torch.dtype | None = None,
    ) -> None:
        self.network = network
        self.alpha = alpha
        self.held = held
        weight: Tensor = network.connections[0].learned
        self.dtype = weight.dtype
        self._device_type = device_type = weight.device.type
        if product_dtype is None:
            autocast = torch.is_autocast_enabled(device_type)
            product_dtype = torch.get_autocast_dtype(device_type) if autocast else self.dtype
        self.product_dtype = product_dtype

        visible_is_held_whole = held is not None and held.mask is None
        self._stepped: list[int] = []  # layers that need the time loop
        self._relaxing: list[int] = []  # layers with a constant drive
        self._couplings: dict[int, list[tuple[int, Tensor]]] = {}  # layer -> (source, alpha K^T)
        self._drives: dict[int, Tensor] = {}  # layer -> alpha (b + constant fields)
        with torch.no_grad(), torch.autocast(device_type, enabled=False):
            for layer in range(network.num_layers):
                if layer == 0 and visible_is_held_whole:
                    continue
                drive = alpha * network.biases[layer]
                couplings = []
                for source, coupling in network.afferents(layer):
                    if source == 0 and visible_is_held_whole:
                        assert held is not None
                        drive = torch.addmm(drive, held.values.to(self.dtype), coupling.T, alpha=alpha)
                    else:
                        couplings.append((source, (coupling.T * alpha).to(product_dtype)))
                (self._stepped if couplings else self._relaxing).append(layer)
                self._couplings[layer] = couplings
                self._drives[layer] = drive

    def start(self, potentials: Sequence[Tensor]) -> State:
        """The state that belongs to given potentials, one tensor ``(chains, units)`` a layer."""
        with torch.no_grad():
            rates = [self.network.rate(potential).to(self.product_dtype) for potential in potentials]
            if self.held is not None:
                rates[0] = self._hold(rates[0])
        return State(tuple(potentials), tuple(rates))

    def advance(self, state: State, num_steps: int) -> State:
        """Integrate for a number of time steps and return the new state; the given one is left as it is.

        Rates are returned in the network's own data type.
        """
        with torch.no_grad(), torch.autocast(self._device_type, enabled=False):
            potentials = [potential.clone() for potential in state.potentials]
            rates = [rate.to(self.product_dtype, copy=True) for rate in state.rates]
            self._loop(potentials, rates, num_steps)
            if num_steps:
                decay = (1 - self.alpha) ** num_steps
                for layer in self._relaxing:
                    fixed_point = self._drives[layer] / self.alpha
                    potentials[layer] = torch.lerp(fixed_point.expand_as(potentials[layer]), potentials[layer], decay)
                    rates[layer] = self.network.rate(potentials[layer])
        return State(tuple(potentials), tuple(rate.to(self.dtype) for rate in rates))

    def advance_deviations(
        self, state: State, deviations: Sequence[Tensor], num_steps: int
    ) -> tuple[State, tuple[Tensor, ...]]:
        """Integrate a free state and infinitesimal deviations from it (the tangent dynamics of the Euler map).

        ``dx_i <- (1 - alpha) dx_i + alpha sum_j K_ij phi'(x_j) dx_j``, all layers from the same previous state. It is
        linear, so the size of the deviations means nothing; long runs must be cut up and rescaled on the way, see
        :func:`tangent_growth`.

        Args:
            state: state of the chains.
            deviations: of the potentials, one tensor ``(chains, units)`` a layer.
            num_steps: number of time steps.

        Returns:
            The new state and the new deviations; the given ones are left as they are.

        Raises:
            ValueError: if the integrator holds visible rates.
        """
        if self.held is not None:
            raise ValueError("deviations are followed in the free phase only, but this integrator holds visible rates")
        derivative = RATE_DERIVATIVES[self.network.rate]
        with torch.no_grad(), torch.autocast(self._device_type, enabled=False):
            potentials = [potential.clone() for potential in state.potentials]
            rates = [rate.to(self.product_dtype, copy=True) for rate in state.rates]
            moved = [deviation.clone() for deviation in deviations]
            products = self._product_buffers(rates)
            for _ in range(num_steps):
                rate_deviations = [
                    derivative(rate).mul_(deviation) for rate, deviation in zip(rates, moved, strict=True)
                ]
                self._linear_step(moved, rate_deviations, products)
                self._loop(potentials, rates, 1)
        return State(tuple(potentials), tuple(rate.to(self.dtype) for rate in rates)), tuple(moved)

    def _loop(self, potentials: list[Tensor], rates: list[Tensor], num_steps: int) -> None:
        """Step potentials and rates in place: the one time loop of the package."""
        same_dtype = self.product_dtype == self.dtype
        products = self._product_buffers(rates)
        scratch = {layer: torch.empty_like(potentials[layer]) for layer in self._stepped if not same_dtype}
        for _ in range(num_steps):
            self._linear_step(potentials, rates, products)
            # Only now the rates: every potential is updated from the same previous state.
            for layer in self._stepped:
                potential = potentials[layer].add_(self._drives[layer])
                if same_dtype:
                    self.network.rate(potential, out=rates[layer])
                else:
                    rates[layer].copy_(self.network.rate(potential, out=scratch[layer]))
            if self.held is not None and self.held.mask is not None:
                rates[0] = self._hold(rates[0])

    def _linear_step(self, potentials: list[Tensor], rates: list[Tensor], products: dict[int, Tensor]) -> None:
        """``x_i <- (1 - alpha) x_i + alpha sum_j K_ij r_j`` in place: a time step but for the drives."""
        keep = 1 - self.alpha
        for layer in self._stepped:
            potential = potentials[layer]
            if not products:
                beta = keep
                for source, coupling in self._couplings[layer]:
                    potential.addmm_(rates[source], coupling, beta=beta)
                    beta = 1.0
            else:
                potential.mul_(keep)
                for source, coupling in self._couplings[layer]:
                    potential.add_(torch.mm(rates[source], coupling, out=products[layer]))

    def _product_buffers(self, rates: Sequence[Tensor]) -> dict[int, Tensor]:
        """Room for products in another data type, made once so that no step allocates; none where types agree."""
        if self.product_dtype == self.dtype:
            return {}
        return {layer: torch.empty_like(rates[layer]) for layer in self._stepped}

    def _hold(self, rates: Tensor) -> Tensor:
        assert self.held is not None
        values = self.held.values.to(rates.dtype)
        return values.clone() if self.held.mask is None else torch.where(self.held.mask, values, rates)
