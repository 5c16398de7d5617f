"""The chaotic network: layers, frozen asymmetric couplings and learned reciprocal ones."""

import copy
from collections.abc import Sequence
from typing import Self

import torch
from torch import Tensor, nn

from chaos_lightning.dynamics.dropout import NO_DROPOUT, Dropout
from chaos_lightning.dynamics.rates import RateFunction, RateName, rate_function
from chaos_lightning.dynamics.wiring import Connection, Wiring, as_wiring

Afferents = list[tuple[int, Tensor]]
"""Sources of a layer's input: pairs of source layer and total coupling ``(units of layer, units of source)``."""


class Couplings(nn.Module):
    """The coupling matrices of one connection.

    The frozen matrices are parameters without gradient rather than buffers. Both are saved and moved with the module,
    but distributed training would broadcast buffers again at every step.

    Attributes:
        connection: the connection to which the couplings belong.
        gain_down: gain of the frozen couplings into the lower layer.
        gain_up: gain of the frozen couplings into the upper layer; equal to ``gain_down`` within a layer.
        frozen_down: W, or J within a layer, ``(lower units, upper units)``.
        frozen_up: Wt, ``(upper units, lower units)``; absent within a layer.
        learned: A, ``(lower units, upper units)``; None for a connection that does not learn.
    """

    learned: nn.Parameter | None

    def __init__(self, connection: Connection, layer_sizes: Sequence[int], gain: float) -> None:
        super().__init__()
        self.connection = connection
        self.lower, self.upper, self.is_recurrent = connection.lower, connection.upper, connection.is_recurrent
        self.gain_down, self.gain_up = (connection.gain_into(layer, gain) for layer in (self.lower, self.upper))
        num_lower, num_upper = layer_sizes[self.lower], layer_sizes[self.upper]
        self.learned = nn.Parameter(torch.zeros(num_lower, num_upper)) if connection.learned else None
        self.frozen_down = nn.Parameter(torch.zeros(num_lower, num_upper), requires_grad=False)
        if not self.is_recurrent:
            # It lies in memory as A^T does, so that the sum of both reads memory in order: half the time.
            self.frozen_up = nn.Parameter(torch.zeros(num_lower, num_upper).T, requires_grad=False)

    def frozen_senders(self) -> dict[int, int]:
        """Map each receiving layer to the layer whose frozen couplings drive it; a gain of 0 drives none."""
        ends = ((self.lower, self.upper, self.gain_down), (self.upper, self.lower, self.gain_up))
        return {receiver: sender for receiver, sender, gain in ends if gain > 0}

    def draw_frozen(self, fan_in: Sequence[int], generator: torch.Generator) -> None:
        """Draw the frozen couplings: Gaussian with variance ``gain^2 / fan_in``, independent of one another.

        Args:
            fan_in: for each layer of the network, the number of units whose frozen couplings drive one of its units.
            generator: source of the random numbers; a gain of 0 draws as many numbers as any other gain.
        """
        ends = [(self.frozen_down, self.gain_down, self.lower)]
        if not self.is_recurrent:
            ends.append((self.frozen_up, self.gain_up, self.upper))
        for couplings, gain, receiver in ends:
            drawn = torch.empty(couplings.shape).normal_(
                std=gain / max(1, fan_in[receiver]) ** 0.5, generator=generator
            )
            couplings.data.copy_(drawn)  # drawn row by row, wherever they lie in memory

    def into(self, layer: int, learned: Tensor | None) -> Tensor | None:
        """Return the total coupling into one of the two layers, ``(its units, units of the other)``, in new memory.

        Args:
            layer: index of the lower or of the upper layer.
            learned: A, ``(lower units, upper units)``; None for a connection that does not learn.

        Returns:
            W + A, Wt + A^T, or J + A within a layer; None if there are neither frozen nor learned couplings.
        """
        is_down = layer == self.lower
        frozen = self.frozen_down if is_down else self.frozen_up
        if learned is not None:
            return frozen + (learned if is_down else learned.T)
        return frozen.detach().clone() if (self.gain_down if is_down else self.gain_up) > 0 else None


class ChaoticNetwork(nn.Module):
    """Rate network of any wiring: ``tau dx_i/dt = -x_i + sum_j K_ij phi(x_j) + b_i`` over connected layers j.

    ``K_ij`` is the sum of frozen and learned couplings, see :class:`Connection`. Layer 0 is the visible one. Unless a
    wiring says otherwise, a single layer is coupled to itself (the unrestricted network of arXiv:2405.10822), and each
    of several layers is coupled to its neighbours only (the restricted networks).

    Args:
        layer_sizes: units of each layer, visible first.
        gain: g, the standard deviation of the summed frozen input to a unit at full rates: entries have variance
            ``gain^2 / fan_in``, where fan_in counts the units whose frozen couplings drive the unit. The untrained
            network is chaotic for g > 1.
        wiring: the connections, which may have gains of their own; None connects neighbours.
        rate: rate function phi, or its name.
        seed: seed of the frozen couplings.

    Raises:
        ValueError: for no layers, a layer without units, a gain that is negative or infinite, an unknown rate function
            or a wiring that does not fit the layers.
    """

    def __init__(
        self,
        layer_sizes: Sequence[int],
        *,
        gain: float = 1.5,
        wiring: Wiring | None = None,
        rate: RateName | RateFunction = "tanh",
        seed: int = 0,
    ) -> None:
        super().__init__()
        if not layer_sizes or min(layer_sizes) < 1:
            raise ValueError(f"every layer needs at least one unit, but the layer sizes are {list(layer_sizes)}")
        if not 0 <= gain < float("inf"):
            raise ValueError(
                f"gain is the strength of the frozen couplings and must be 0 or more, but is {gain}; the untrained "
                "network is chaotic for gain > 1"
            )
        self.layer_sizes = tuple(layer_sizes)
        self.rate = rate_function(rate)
        connections = as_wiring(wiring, len(layer_sizes), gain)
        self.couplings = nn.ModuleList(Couplings(connection, layer_sizes, gain) for connection in connections)
        self.biases = nn.ParameterList(torch.zeros(size) for size in layer_sizes)
        generator = torch.Generator().manual_seed(int(seed))  # torch refuses NumPy's integers
        senders = [each.frozen_senders() for each in self.connections]
        fan_in = [
            sum(layer_sizes[sender[layer]] for sender in senders if layer in sender) for layer in range(self.num_layers)
        ]
        for connection in self.connections:
            connection.draw_frozen(fan_in, generator)

    @property
    def num_layers(self) -> int:
        """Number of layers."""
        return len(self.layer_sizes)

    @property
    def connections(self) -> list[Couplings]:
        """Couplings of each connection, in the order of the wiring."""
        return [couplings for couplings in self.couplings if isinstance(couplings, Couplings)]

    @property
    def pairs(self) -> list[tuple[int, int]]:
        """Layers (lower, upper) of each connection that learns, in the order of the wiring."""
        return [(each.lower, each.upper) for each in self.connections if each.learned is not None]

    @property
    def learned(self) -> list[nn.Parameter]:
        """Learned couplings, in the order of :attr:`pairs`."""
        return [each.learned for each in self.connections if each.learned is not None]

    def untrained(self) -> Self:
        """Copy the network as it was before training: the same frozen couplings, learned couplings and biases at 0."""
        before = copy.deepcopy(self)
        with torch.no_grad():
            for parameter in before.trainable():
                parameter.zero_()
        return before

    def trainable(self) -> list[nn.Parameter]:
        """List the learned couplings, then the biases, in the order of the layers."""
        return self.learned + list(self.biases)

    @torch.no_grad()
    def largest_input(self) -> float:
        """Return the largest absolute input that rates in [-1, 1] can give a unit; NaN if a coupling or bias is NaN."""
        inputs = [
            bias.abs() + sum(couplings.abs().sum(1) for _, couplings in self.afferents(layer))
            for layer, bias in enumerate(self.biases)
        ]
        return float(torch.cat(inputs).max())

    @torch.no_grad()
    def cancelled_share(self, layer: int = 0) -> Tensor:
        """Return the share of the frozen couplings into a layer that the learned ones cancel.

        The share is c in ``A = -c W + rest``, fitted by least squares over all couplings into the layer:
        ``c = -sum_ij A_ij W_ij / sum_ij W_ij^2``. So ``(1 - c) W + rest`` drives the layer. A negative c means that the
        learned couplings strengthen the frozen ones. Within a layer A is symmetric, so it cancels at most the symmetric
        half of J, and c is at most about 1/2.

        Learning cancels the frozen input of visible units. In the free phase ``W_ij phi_j`` makes them follow hidden
        units in a way in which images do not, and the Hebbian difference unlearns this.

        Args:
            layer: index of the layer, by default of the visible one.

        Returns:
            c, a scalar; 0 before training and without frozen couplings.
        """
        into = [each for each in self.connections if layer in (each.lower, each.upper)]
        frozen = [each.frozen_down if each.lower == layer else each.frozen_up for each in into]
        learned = [each.learned if each.lower == layer or each.learned is None else each.learned.T for each in into]
        # Sums, not products of vectors: mixed precision would round those.
        square = torch.stack([each.square().sum() for each in frozen]).sum()
        products = [
            (one * -other).sum() if other is not None else one.new_zeros(())
            for one, other in zip(frozen, learned, strict=True)
        ]
        cancelled = torch.stack(products).sum()
        return cancelled / square.clamp(min=torch.finfo(square.dtype).tiny)

    def all_afferents(self, dropout: Dropout = NO_DROPOUT) -> list[Afferents]:
        """List the sources of the input of each layer, see :meth:`afferents`."""
        return [self.afferents(layer, dropout) for layer in range(self.num_layers)]

    def afferents(self, layer: int, dropout: Dropout = NO_DROPOUT) -> Afferents:
        """List the sources of a layer's input: pairs of source layer and total coupling, in new memory.

        A total coupling has the shape ``(units of layer, units of source)``.
        """
        learned = iter(dropout.carried(self.learned))
        sources = []
        for connection in self.connections:
            couplings = None if connection.learned is None else next(learned)
            if layer in (connection.lower, connection.upper):
                total = connection.into(layer, couplings)
                if total is not None:
                    source = connection.upper if layer == connection.lower else connection.lower
                    sources.append((source, dropout.sent(source, total)))
        return sources
