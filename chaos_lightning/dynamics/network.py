"""The chaotic network: layers, frozen asymmetric couplings and learned reciprocal ones."""

import copy
from collections.abc import Sequence
from typing import Self

import torch
from torch import Tensor, nn

from chaos_lightning.dynamics.rates import RATE_FUNCTIONS, RateName
from chaos_lightning.dynamics.thinning import WHOLE, Thinning


class Connection(nn.Module):
    """The couplings between two layers, or within one (``lower == upper``).

    Between two layers, ``frozen_down`` (the paper's W, into the lower layer) and ``frozen_up`` (Wt, into the upper
    one) are independent Gaussian matrices, while the learned part A serves both ways, as A and as its transpose.
    Within one layer there is one frozen matrix J, kept in ``frozen_down``, and A is symmetric with zero diagonal.

    The frozen matrices are parameters without gradient rather than buffers: they are saved and moved alike, but
    distributed training does not broadcast them again at every step.
    """

    def __init__(self, lower: int, upper: int, layer_sizes: Sequence[int]) -> None:
        super().__init__()
        self.lower = lower
        self.upper = upper
        num_lower, num_upper = layer_sizes[lower], layer_sizes[upper]
        self.learned = nn.Parameter(torch.zeros(num_lower, num_upper))
        self.frozen_down = nn.Parameter(torch.zeros(num_lower, num_upper), requires_grad=False)
        if not self.is_recurrent:
            self.frozen_up = nn.Parameter(torch.zeros(num_upper, num_lower), requires_grad=False)

    @property
    def is_recurrent(self) -> bool:
        """Whether it joins a layer with itself."""
        return self.lower == self.upper

    def draw_frozen(self, gain: float, fan_in: Sequence[int], generator: torch.Generator) -> None:
        """Draw the frozen couplings: Gaussian with variance ``gain**2 / fan_in``, independent of one another.

        Args:
            gain: g.
            fan_in: for each layer of the network, the units that send into one of its units, of whatever layers.
            generator: where the random numbers come from.
        """
        self.frozen_down.data.normal_(std=gain / fan_in[self.lower] ** 0.5, generator=generator)
        if not self.is_recurrent:
            self.frozen_up.data.normal_(std=gain / fan_in[self.upper] ** 0.5, generator=generator)

    def into_lower(self, learned: Tensor) -> Tensor:
        """Total coupling into the lower layer, ``(lower, upper)``: W + A (J + A within a layer), given A."""
        return self.frozen_down + learned

    def into_upper(self, learned: Tensor) -> Tensor:
        """Total coupling into the upper layer, ``(upper, lower)``: Wt + A^T, given A."""
        return self.frozen_up + learned.T


class ChaoticNetwork(nn.Module):
    """Rate network of any depth: ``tau dx_i/dt = -x_i + sum_j K_ij phi(x_j) + b_i`` over neighbouring layers j.

    ``K_ij`` is frozen plus learned coupling (see :class:`Connection`). With one layer the layer is coupled to
    itself (the unrestricted network of arXiv:2405.10822); with more, each layer is coupled to its neighbours only
    (the restricted ones). Layer 0 is the visible one.

    Args:
        layer_sizes: units of each layer, visible first.
        gain: g, the standard deviation of the summed frozen input to a unit at full rates. The untrained network
            is chaotic for g > 1.
        rate: name of the rate function phi.
        seed: of the frozen couplings.

    Raises:
        ValueError: for no layers, a layer without units, a negative gain or an unknown rate function.
    """

    def __init__(
        self, layer_sizes: Sequence[int], *, gain: float = 1.5, rate: RateName = "tanh", seed: int = 0
    ) -> None:
        super().__init__()
        if not layer_sizes or min(layer_sizes) < 1:
            raise ValueError(f"every layer needs at least one unit, but the layer sizes are {list(layer_sizes)}")
        if not 0 <= gain < float("inf"):
            raise ValueError(
                f"gain is the strength of the frozen couplings and must be 0 or more, but is {gain}; the untrained "
                "network is chaotic for gain > 1"
            )
        if rate not in RATE_FUNCTIONS:
            raise ValueError(f"rate must be one of {', '.join(RATE_FUNCTIONS)}, but is {rate!r}")
        self.layer_sizes = tuple(layer_sizes)
        self.rate = RATE_FUNCTIONS[rate]
        pairs = [(0, 0)] if len(layer_sizes) == 1 else [(i, i + 1) for i in range(len(layer_sizes) - 1)]
        self.couplings = nn.ModuleList(Connection(lower, upper, layer_sizes) for lower, upper in pairs)
        self.biases = nn.ParameterList(torch.zeros(size) for size in layer_sizes)
        generator = torch.Generator().manual_seed(int(seed))  # torch refuses NumPy's integers
        fan_in = [sum(layer_sizes[source] for source, _ in self.afferents(layer)) for layer in range(self.num_layers)]
        for connection in self.connections:
            connection.draw_frozen(gain, fan_in, generator)

    @property
    def num_layers(self) -> int:
        """Number of layers."""
        return len(self.layer_sizes)

    @property
    def connections(self) -> list[Connection]:
        """The couplings between neighbouring layers, from the visible layer up."""
        return [connection for connection in self.couplings if isinstance(connection, Connection)]

    @property
    def pairs(self) -> list[tuple[int, int]]:
        """The connected layers, lower and upper, in order of the connections."""
        return [(connection.lower, connection.upper) for connection in self.connections]

    @property
    def learned(self) -> list[nn.Parameter]:
        """The learned couplings, in order of the connections."""
        return [connection.learned for connection in self.connections]

    def untrained(self) -> Self:
        """The network before training: the same frozen couplings, no learned ones, no biases. In new memory."""
        before = copy.deepcopy(self)
        with torch.no_grad():
            for parameter in before.trainable():
                parameter.zero_()
        return before

    def trainable(self) -> list[nn.Parameter]:
        """The learned couplings, in order of the connections, then the biases, in order of the layers."""
        return self.learned + list(self.biases)

    @torch.no_grad()
    def largest_input(self) -> float:
        """Largest absolute input that rates in [-1, 1] can give a unit; NaN if a coupling or bias is."""
        inputs = [
            bias.abs() + sum(couplings.abs().sum(1) for _, couplings in self.afferents(layer))
            for layer, bias in enumerate(self.biases)
        ]
        return float(torch.cat(inputs).max())

    @torch.no_grad()
    def cancelled_share(self, layer: int = 0) -> Tensor:
        """Share of the frozen couplings into a layer that the learned ones cancel.

        It is the c of ``A = -c W + rest`` by least squares, ``c = -sum_ij A_ij W_ij / sum_ij W_ij^2`` over all
        couplings into the layer: ``(1 - c) W + rest`` is what drives it. Negative c strengthens the frozen couplings.
        Within a layer A is symmetric and cancels the symmetric half of J at most, c = 1/2.

        Learning cancels what drives visible units: by ``W_ij phi_j`` they follow hidden units in the free phase as
        images do not, and the Hebbian difference unlearns that.

        Args:
            layer: by default the visible one.

        Returns:
            c, a scalar; 0 before training and without frozen couplings.
        """
        couplings = [
            (each.frozen_down, each.learned) if each.lower == layer else (each.frozen_up, each.learned.T)
            for each in self.connections
            if layer in (each.lower, each.upper)
        ]
        # Sums, not products of vectors: mixed precision would round those.
        square = torch.stack([frozen.square().sum() for frozen, _ in couplings]).sum()
        cancelled = torch.stack([(frozen * -learned).sum() for frozen, learned in couplings]).sum()
        return cancelled / square.clamp(min=torch.finfo(square.dtype).tiny)

    def afferents(self, layer: int, thinning: Thinning = WHOLE) -> list[tuple[int, Tensor]]:
        """What drives a layer: pairs of source layer and total coupling ``(units of layer, units of source)``.

        The couplings are in new memory.
        """
        sources = []
        learned = thinning.carried(self.learned)
        for connection, couplings in zip(self.connections, learned, strict=True):
            if connection.lower == layer:
                sources.append((connection.upper, connection.into_lower(couplings)))
            elif connection.upper == layer:
                sources.append((connection.lower, connection.into_upper(couplings)))
        return [(source, thinning.sent(source, coupling)) for source, coupling in sources]
