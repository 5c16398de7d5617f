"""Explicit Euler integration of the network, free or with some visible rates held."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from chaos_lightning.dynamics.cuda_graphs import has_kernels, multiplies_on_matrix_units
from chaos_lightning.dynamics.network import Afferents, ChaoticNetwork
from chaos_lightning.dynamics.noise import Noise
from chaos_lightning.dynamics.rates import RATE_FUNCTIONS
from chaos_lightning.dynamics.state import Held, State

if TYPE_CHECKING:
    from chaos_lightning.dynamics.kernels import FusedTimeSteps


class EulerIntegrator:
    """An integrator of the network: ``x_i <- (1 - alpha) x_i + alpha (sum_j K_ij phi(x_j) + b_i)``.

    Here ``alpha = dt / tau``. All layers are updated from the same previous state. The step is written out in plain
    form in :mod:`chaos_lightning.dynamics.reference`; this integrator makes the same step fast. Everything constant
    during a run is computed once, when the integrator is made, so make a new one after a change of the weights:

    - The couplings are summed once, or taken from ``afferents``, for runs that share the sums.
    - A layer that is held whole sends a constant field. The field is added to the bias of the layer that receives it;
      the sum is called that layer's offset, ``b_i`` below.
    - The loop runs on ``y = (x - b) / alpha``, the leaky sum of past fields, because then
      ``y_i <- (1 - alpha) y_i + sum_j K_ij phi(x_j)`` takes the couplings as they are, and
      ``phi(x_i) = shape(alpha slope y_i + slope b_i)`` scales and adds in one pass, see :class:`RateFunction`.
    - The layers lie side by side in one piece of memory. So a time step consists of matrix products, added onto y one
      after the other, and a few passes over the state.
    - A layer whose input is constant (the hidden layer of the two-layer network in the clamped phase) is not stepped
      at all, since its linear relaxation is known exactly: ``x(n) = b + (1 - alpha)^n (x(0) - b)``. Injected noise adds
      a Gaussian number of known variance, drawn anew for each recorded state, see :class:`Noise`.

    Args:
        network: the network.
        alpha: dt / tau.
        held: visible rates to hold; None holds none.
        afferents: sources of each layer's input, see :meth:`ChaoticNetwork.all_afferents`; left as they are. None takes
            the network's own.
        noise: noise to inject at each time step, with steps counted from the start of a run; None injects none.
        product_dtype: data type of the matrix products; potentials keep the network's own. Defaults to autocast's
            type where autocast is on, and to the network's type otherwise.
    """

    def __init__(
        self,
        network: ChaoticNetwork,
        alpha: float,
        *,
        held: Held | None = None,
        afferents: Sequence[Afferents] | None = None,
        noise: Noise | None = None,
        product_dtype: torch.dtype | None = None,
    ) -> None:
        self.alpha = alpha
        self._scale = alpha * network.rate.slope
        self._noise = noise
        self._rate = network.rate
        weight: Tensor = network.biases[0]
        self.dtype = weight.dtype
        self._device_type = device_type = weight.device.type
        if product_dtype is None:
            autocast = torch.is_autocast_enabled(device_type)
            product_dtype = torch.get_autocast_dtype(device_type) if autocast else self.dtype
        self.product_dtype = product_dtype
        self._held = held and Held(held.values.to(self.dtype), held.mask)
        image = self._held.values if self._held and self._held.mask is None else None

        self._couplings: dict[int, list[tuple[int, Tensor]]] = {}  # stepped layer -> (source, K^T)
        self._offsets: dict[int, Tensor] = {}  # any layer not held whole -> b, (1 or chains, units)
        with torch.no_grad(), torch.autocast(device_type, enabled=False):
            for layer in range(network.num_layers):
                if layer == 0 and image is not None:
                    continue
                self._offsets[layer] = network.biases[layer].detach().unsqueeze(0)
                for source, coupling in afferents[layer] if afferents else network.afferents(layer):
                    if source == 0 and image is not None:
                        self._offsets[layer] = torch.addmm(self._offsets[layer], image, coupling.T)
                    else:
                        self._couplings.setdefault(layer, []).append((source, coupling.T.to(product_dtype)))
            self._step_all_that_drives(network)
            self._stepped = list(self._couplings)
            self._sizes = [network.layer_sizes[layer] for layer in self._stepped]
            rows = 1 if image is None else len(image)
            offsets = [self._offsets[layer].expand(rows, -1) for layer in self._stepped]
            self._shift = torch.cat(offsets, dim=1) * self._rate.slope if offsets else weight.new_empty(0)

    def _step_all_that_drives(self, network: ChaoticNetwork) -> None:
        """Step layers with constant input too, by a zero coupling to themselves, if they drive layers that are stepped.

        Only wirings whose couplings run one way have such layers.
        """
        driving = {source for sources in self._couplings.values() for source, _ in sources}
        still = driving - self._couplings.keys()
        for layer in still:
            size = network.layer_sizes[layer]
            zero = network.biases[layer].new_zeros(size, size, dtype=self.product_dtype)
            self._couplings[layer] = [(layer, zero)]
        if still:
            self._couplings = dict(sorted(self._couplings.items()))

    def start(self, potentials: Sequence[Tensor]) -> State:
        """Return the state with given potentials, one tensor ``(chains, units)`` per layer."""
        with torch.no_grad():
            held = self._held
            if held and held.mask is None:
                rates = [held.values, *(self._rate(potential) for potential in potentials[1:])]
            else:
                rates = [self._rate(potential) for potential in potentials]
                if held:
                    rates[0] = held.onto(rates[0])
        return State(tuple(potentials), tuple(rates))

    def advance(self, state: State, num_steps: int) -> State:
        """Integrate for a number of time steps and return the new state; the given state is left as it is."""
        return self.record(state, [num_steps])[0]

    def record(self, state: State, num_steps: Sequence[int]) -> list[State]:
        """Integrate from a state and return the states after given numbers of time steps.

        Each state equals, to the last bit, the end of a separate run of as many steps.

        Args:
            state: state from which to start; left as it is.
            num_steps: numbers of time steps from the start, ascending.

        Raises:
            ValueError: if the numbers of time steps do not ascend.
        """
        if sorted(num_steps) != list(num_steps):
            raise ValueError(f"the numbers of time steps must ascend, but are {list(num_steps)}")
        recorded = []
        with torch.no_grad(), torch.autocast(self._device_type, enabled=False):
            summed, rates = self._summed(state)
            steps_done = 0
            fused = self._fused_time_steps(summed, rates)
            for steps in num_steps:
                if fused is None:
                    self._loop(summed, rates, steps - steps_done, steps_done)
                elif steps > steps_done:
                    summed = fused.advance(steps - steps_done)
                recorded.append(self._state(state, summed, steps) if steps else state)
                steps_done = steps
        return recorded

    def advance_deviations(
        self, state: State, deviations: Sequence[Tensor], num_steps: int
    ) -> tuple[State, tuple[Tensor, ...]]:
        """Integrate a free state and infinitesimal deviations from it (the tangent dynamics of the Euler map).

        ``dx_i <- (1 - alpha) dx_i + alpha sum_j K_ij phi'(x_j) dx_j``, all layers from the same previous state. The
        step is linear, so only the growth of deviations counts, not their size. In long runs they must be rescaled on
        the way, or they overflow or vanish, see :func:`tangent_growth`.

        Args:
            state: state of the chains.
            deviations: deviations of the potentials, one tensor ``(chains, units)`` per layer; or several of each
                chain, one after the other, ``(chains times several, units)``.
            num_steps: number of time steps.

        Returns:
            The new state and the new deviations; the given state and deviations are left as they are.

        Raises:
            ValueError: if the integrator holds visible rates or injects noise.
        """
        if self._held:
            raise ValueError("deviations are followed in the free phase only, but this integrator holds visible rates")
        if self._noise is not None:
            raise ValueError("deviations are followed without noise, but this integrator injects some")
        with torch.no_grad(), torch.autocast(self._device_type, enabled=False):
            summed, rates = self._summed(state)
            moved = self._join(deviations)
            rate_deviations = torch.empty_like(moved, dtype=rates.dtype)
            linear_step = self._linear_step(moved, rate_deviations, torch.empty_like(moved))
            of_chains = (len(rates), -1, moved.shape[1])
            for _ in range(num_steps):
                derivative = self._rate.derivative(rates).mul_(self.alpha)
                torch.mul(derivative.unsqueeze(1), moved.view(of_chains), out=rate_deviations.view(of_chains))
                linear_step()
                self._loop(summed, rates, 1)
            return self._state(state, summed, num_steps), self._split(moved)

    def _loop(self, summed: Tensor, rates: Tensor, num_steps: int, steps_done: int = 0) -> None:
        """Step y and the rates of the stepped layers in place: the one time loop of the package."""
        if not self._stepped:
            return
        # All memory is made here, so that no step allocates.
        scratch = rates if rates.dtype == self.dtype else torch.empty_like(summed)
        visible_rates = self._split(rates)[0]
        held = self._held and self._held.mask is not None and Held(self._held.values.to(rates.dtype), self._held.mask)
        linear_step = self._linear_step(summed, rates, scratch)
        for step in range(steps_done + 1, steps_done + num_steps + 1):
            linear_step()
            if self._noise is not None:
                deviation = self._noise.step_deviation(self.alpha) / self.alpha
                drawn = self._noise.draw_like(summed, step)
                for layer, part in zip(self._stepped, self._split(drawn), strict=True):
                    if not self._noise.reaches(layer):
                        part.zero_()
                summed.add_(drawn, alpha=deviation)
            # Rates change only now, so that every potential is updated from the same previous state.
            self._rate.shape_(torch.add(self._shift, summed, alpha=self._scale, out=scratch))
            if scratch is not rates:
                rates.copy_(scratch)
            if held:
                held.onto(visible_rates, out=visible_rates)

    def _fused_time_steps(self, summed: Tensor, rates: Tensor) -> "FusedTimeSteps | None":
        """Return a kernel that takes the same time steps in one launch; None where it cannot.

        It needs a GPU on which the kernels run, products on matrix units, a rate function that has a name, and no
        noise.
        """
        if not self._stepped or self._noise is not None or not has_kernels(self._shift.device):
            return None
        if self.dtype != torch.float32 or not multiplies_on_matrix_units(self.product_dtype):
            return None
        if self._rate not in RATE_FUNCTIONS.values():
            return None
        from chaos_lightning.dynamics.kernels import FusedTimeSteps  # needs Triton

        held = None
        if self._held and self._held.mask is not None:
            values = torch.where(self._held.mask, self._held.values, float("nan"))
            held = torch.nn.functional.pad(values, (0, sum(self._sizes) - values.shape[1]), value=float("nan"))
        return FusedTimeSteps(
            self._couplings,
            self._sizes,
            self._shift,
            summed,
            rates,
            keep=1 - self.alpha,
            scale=self._scale,
            rate=self._rate,
            held=held,
        )

    def _linear_step(self, summed: Tensor, rates: Tensor, scratch: Tensor) -> Callable[[], None]:
        """Return a function that does ``y_i <- (1 - alpha) y_i + sum_j K_ij r_j`` in place for all layers.

        ``scratch`` is used only where rates have another data type than y.
        """
        keep = 1 - self.alpha
        # Products in another data type need memory of their own.
        fields = summed if rates.dtype == self.dtype else torch.empty_like(rates)
        beta = keep if fields is summed else 0.0  # with 0, addmm_ ignores the old content
        sources = dict(zip(self._stepped, self._split(rates), strict=True))
        products = [
            (field, sources[source], coupling, 1.0 if position else beta)
            for field, couplings in zip(self._split(fields), self._couplings.values(), strict=True)
            for position, (source, coupling) in enumerate(couplings)
        ]

        def linear_step() -> None:
            for field, source_rates, coupling, scale in products:
                field.addmm_(source_rates, coupling, beta=scale)
            if fields is not summed:
                torch.add(scratch.copy_(fields), summed, alpha=keep, out=summed)

        return linear_step

    def _summed(self, state: State) -> tuple[Tensor, Tensor]:
        """Put the stepped layers side by side: y, and the rates in the data type of the products."""
        if not self._stepped:
            return self._shift, self._shift
        summed = self._join(state.potentials).mul_(self._rate.slope).sub_(self._shift).mul_(1 / self._scale)
        return summed, self._join(state.rates).to(self.product_dtype)

    def _state(self, start: State, summed: Tensor, num_steps: int) -> State:
        """Return, in new memory, the state a number of time steps after the start, given y of its stepped layers.

        Its rates are not rounded to the data type of the products.
        """
        new_potentials, new_rates = list(start.potentials), list(start.rates)
        potentials = torch.add(self._shift, summed, alpha=self._scale)
        rates = self._rate.shape_(potentials.clone())
        potentials.mul_(1 / self._rate.slope)
        for layer, potential, rate in zip(self._stepped, self._split(potentials), self._split(rates), strict=True):
            new_potentials[layer], new_rates[layer] = potential, rate
        decay = (1 - self.alpha) ** num_steps
        for layer, offset in self._offsets.items():
            if layer not in self._couplings:
                potential = start.potentials[layer]
                new_potentials[layer] = torch.lerp(offset.expand_as(potential), potential, decay)
                if self._noise is not None and self._noise.reaches(layer):
                    deviation = self._noise.deviation_after(num_steps, self.alpha)
                    drawn = self._noise.draw_like(potential, num_steps, layer=layer)
                    new_potentials[layer].add_(drawn, alpha=deviation)
                new_rates[layer] = self._rate(new_potentials[layer])
        if self._held:
            new_rates[0] = self._held.onto(new_rates[0])
        return State(tuple(new_potentials), tuple(new_rates))

    def _join(self, layers: Sequence[Tensor]) -> Tensor:
        """Pick the stepped ones of all layers and put them side by side, in new memory."""
        return torch.cat([layers[layer] for layer in self._stepped], dim=1)

    def _split(self, joined: Tensor) -> tuple[Tensor, ...]:
        """Split layers that lie side by side into one view per layer."""
        layers: tuple[Tensor, ...] = joined.split(self._sizes, dim=-1)
        return layers
