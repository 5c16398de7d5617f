"""The phases of a training step: the network held at images, and the network by itself."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from chaos_lightning.dynamics import (
    NO_DROPOUT,
    Afferents,
    ChaoticNetwork,
    Clock,
    Dropout,
    Held,
    Start,
    State,
    Stream,
    run_from,
    side_by_side,
)


@dataclass(frozen=True)
class Phases:
    """The phases of one training step, for a learning rule to run and to compare.

    All phases run on the weights of the first one: the couplings are summed once.

    Attributes:
        network: the network that learns.
        clock: times of the network, from which alpha and the number of time steps of a phase follow.
        visible: rates of the images, with labels if there are label units, ``(images, visible units)``.
        starts: random start of the chains, by stream.
        held: visible rates that some chains of the free phase hold; None for none.
        dropout: parts of the network that are dropped in this step.
        watch: function to call with the potentials of every free phase, one tensor ``(chains, units)`` per layer.
    """

    network: ChaoticNetwork
    clock: Clock
    visible: Tensor
    starts: Mapping[int, Start]
    held: Held | None = None
    dropout: Dropout = NO_DROPOUT
    watch: Callable[[Sequence[Tensor]], None] = lambda potentials: None

    @cached_property
    def afferents(self) -> list[Afferents]:
        """Sources of the input of each layer, without the parts that are dropped in this step."""
        with torch.no_grad(), torch.autocast(self.network.biases[0].device.type, enabled=False):
            return self.network.all_afferents(self.dropout)

    def clamped(self, visible: Tensor | None = None, stream: int = Stream.CLAMPED_PHASE) -> State:
        """Hold all visible rates and let the hidden layers relax for the time T.

        Args:
            visible: rates to hold, ``(chains, visible units)``; None holds the images.
            stream: stream of the random start.
        """
        return self._run(stream, Held(self.visible if visible is None else visible))

    def free(self, stream: int = Stream.FREE_PHASE) -> State:
        """Let chains run by themselves for the time T, except for held visible rates."""
        state = self._run(stream, self.held)
        self.watch(state.potentials)
        return state

    def clamped_and_free(self) -> tuple[State, State]:
        """Run the clamped and the free phase; on a GPU at the same time."""
        _ = self.afferents  # before a GPU's streams part
        return side_by_side(self.visible.device, self.clamped, self.free)

    def sent(self, rates: Sequence[Tensor]) -> list[Tensor]:
        """Return the values that the units of each layer send, given rates: dropped units send nothing."""
        return [self.dropout.sent(layer, values) for layer, values in enumerate(rates)]

    def _run(self, stream: int, held: Held | None) -> State:
        if stream not in self.starts:
            raise ValueError(
                f"the learning rule runs chains of stream {stream}, but its streams are {list(map(int, self.starts))}"
            )
        steps, start = [self.clock.num_steps], self.starts[stream]
        if held is not None and held.mask is None:
            start = start._replace(num_chains=len(held.values))  # a chain for each row that is held
        return run_from(self.network, self.clock.alpha, start, steps, held=held, afferents=self.afferents)[0]
