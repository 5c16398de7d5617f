"""The training step: clamped phase, free phase, update."""

from inspect import signature
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor

from chaos_lightning.dynamics import NO_DROPOUT, Dropout, Held, Start, Stream, draw_dropout, replay, start_of
from chaos_lightning.learning import Difference, Phases, RuleMemory, check_direction
from chaos_lightning.models.divergence import DivergenceWatch
from chaos_lightning.models.rule_rates import RuleRates
from chaos_lightning.sampling import GenerateByClass, ReadClass, held_in_turn, take_turns

if TYPE_CHECKING:
    from chaos_lightning.data import Minibatch

SHARED_TASKS = GenerateByClass(), ReadClass()
"""Tasks that shares of the free phase's chains perform, in the order of ``held_shares``."""


class Step(NamedTuple):
    """Everything that a training step draws at random or takes from its minibatch.

    Attributes:
        visible: rates of the images, with labels if there are label units, ``(images, visible units)``.
        starts: random start of the chains, by stream.
        held: labels or pixels that chains of the free phase hold; None if they hold none.
        dropout: parts of the network that are dropped.
        number: number of steps taken before.
    """

    visible: Tensor
    starts: dict[int, Start]
    held: Held | None = None
    dropout: Dropout = NO_DROPOUT
    number: int = 0


class HebbianTraining(RuleRates):
    """A chaotic network trained by a learning rule, by hand and without backpropagation.

    Attributes:
        memory: tensors that the rule remembers between steps.
        num_chains: chains of the free phase, over all processes; None takes as many as the minibatch has images.
        held_shares: share of these chains that hold labels, and share that hold pixels.
        coupling_dropout: probability that a learned coupling is dropped.
        hidden_dropout: probability that a hidden unit is dropped.
    """

    memory: RuleMemory
    num_chains: int | None
    held_shares: list[float]
    coupling_dropout: float
    hidden_dropout: float
    _divergence: DivergenceWatch
    _has_learnt: bool = False
    training_names = ("train/hebbian_difference", "train/learning_rate", "train/cancelled_share")

    @torch.no_grad()
    def training_step(self, batch: "Minibatch", batch_idx: int) -> None:
        """Take one step of contrastive learning: run the phases, compare them, update.

        With label units, a share s of the free phase's chains holds labels and a share r holds pixels. The update is
        ``<.>_clamped - (1 - s - r) <.>_free - s <.>_labels held - r <.>_pixels held``. The free chains
        serve to learn images and labels together, chains with held labels to learn images given their labels, and
        chains with held pixels to learn labels given their images. (This is our choice; the paper has no labels.)
        """
        step = self.draw_step(batch)
        difference = self.compare_phases(step)
        if self.may_wait_for_device(step.number):
            self.look_for_divergence()
        self.remember(step, difference)
        self.learn(step, difference)
        self.step_schedule()
        if self.is_logging_step(step.number):
            self.log_update()

    # Lightning asks for the method's arguments at every step, and finding them out without this takes long.
    training_step.__wrapped__.__signature__ = signature(training_step)  # type: ignore[attr-defined]

    def draw_step(self, batch: "Minibatch") -> Step:
        """Draw the random starts of a step and the parts to drop; find the rates to hold."""
        number, world_size = self.global_step, self.trainer.world_size
        visible = self.layout.rates_of(batch.images, batch.labels)
        num_chains, first_chain = len(visible), batch.first_index
        if self.num_chains is not None:
            num_chains = self.num_chains // world_size
            first_chain = num_chains * self.trainer.global_rank
        places = dict.fromkeys(self.rule.streams, (num_chains, first_chain))
        places[Stream.CLAMPED_PHASE] = len(visible), batch.first_index
        starts = {
            stream: self.start(count, seed=(self.seed, stream, number), first_chain=first)
            for stream, (count, first) in places.items()
        }
        held = self._hold_shares(visible, num_chains, first_chain, number)
        return Step(visible, starts, held, self._draw_dropout(number), number)

    def start(self, num_chains: int, *, seed: tuple[int, ...], first_chain: int = 0) -> Start:
        """Return the random start of chains for a seed, with the noise that drives this network.

        Args:
            num_chains: number of chains.
            seed: seed of the start, see :func:`initial_potentials`.
            first_chain: index of the first chain among the chains of all processes.
        """
        return start_of(
            num_chains, seed=seed, first_chain=first_chain, noise=self.noise, noise_layers=self.noise_layers
        )

    def phases(self, step: Step) -> Phases:
        """Return the phases of a step, ready to run; the free phase then notes potentials for the watch."""

        def watch(potentials: Any) -> None:
            self._divergence.take_in(step.visible, potentials)

        return Phases(self.network, self.clock, step.visible, step.starts, step.held, step.dropout, watch)

    def compare_phases(self, step: Step) -> Difference:
        """Run the phases of a step and compare them by the rule; on a GPU as one graph.

        Use the result before the next call: on a GPU it lies in the graph's memory.
        """
        self._divergence.to(step.visible.device)
        if self.noise > 0:  # a graph would inject the same noise at every replay
            return self._compare(step)
        counts = {stream: start.num_chains for stream, start in step.starts.items()}
        origins = torch.stack([start.origin for start in step.starts.values()])  # one copy to the GPU

        def run(visible: Tensor, origins: Tensor, held: Held | None, dropout: Dropout) -> Difference:
            starts = dict(zip(counts, map(Start, counts.values(), origins), strict=True))
            return self._compare(Step(visible, starts, held, dropout))

        key = self.clock, self.rule, self._divergence.largest.data_ptr(), *counts.items()
        difference: Difference = replay(
            self.network, run, step.visible, origins, step.held, step.dropout, key=key, keep=False
        )
        return difference

    def remember(self, step: Step, difference: Difference) -> None:
        """Update the rule's memory with the tensors that the comparison has noted, averaged over all processes."""
        noted = {name: self.averaged(value) for name, value in (difference.noted or {}).items()}
        self.memory.take(self.rule.follow(self.memory.tensors(), noted, step.number))

    def learn(self, step: Step, difference: Difference) -> None:
        """Change the weights: ask the rule for the direction, then let it update them with the optimiser's step."""
        memory, descents = self.memory.tensors(), 0

        def descend() -> None:
            nonlocal descents
            descents += 1
            self.descend(gradients)

        with torch.autocast(self.device.type, enabled=False):
            direction = self.rule.direction(self.phases(step), difference, memory)
            if not self._has_learnt:
                check_direction(self.network, direction)
            changes = step.dropout.carried(direction.couplings) + direction.biases
            gradients = [change.neg_() for change in changes]  # optimisers go downhill
            self.rule.update(self.network, memory, self.learning_rate, descend)
        if descents != 1:
            raise ValueError(f"the method update of {type(self.rule).__name__} must call descend exactly once")
        self._has_learnt = True

    def _compare(self, step: Step) -> Difference:
        phases = self.phases(step)
        clamped, free = self.rule.run(phases)
        with torch.autocast(self.device.type, enabled=False):
            return self.rule.compare(phases, clamped, free)

    def _draw_dropout(self, number: int) -> Dropout:
        """Draw the parts to drop in a step."""
        bias = self.network.biases[0]
        return draw_dropout(
            self.network.layer_sizes,
            self.network.pairs,
            coupling_rate=self.coupling_dropout,
            hidden_rate=self.hidden_dropout,
            seed=(self.seed, Stream.DROPOUT, number),
            device=bias.device,
            dtype=bias.dtype,
        )

    def _hold_shares(self, visible: Tensor, num_chains: int, first_chain: int, number: int) -> Held | None:
        """Return the labels or pixels that chains of the free phase hold; None if they hold none.

        Chain i takes them from image i of the minibatch of all processes. If there are more chains than images, chains
        take the images in turn.
        """
        if not self.layout.num_classes or not any(self.held_shares):
            return None
        chains = torch.arange(first_chain, first_chain + num_chains, device=visible.device)
        if self.num_chains is not None:  # otherwise each chain belongs to an image of this process
            if self.trainer.world_size > 1:
                visible = self.all_gather(visible).flatten(0, 1)  # type: ignore[union-attr]
            visible = visible[chains % len(visible)]
        so_far = chains + number * num_chains * self.trainer.world_size
        return held_in_turn(SHARED_TASKS, take_turns(so_far, self.held_shares), self.layout, visible)

    # Watching

    def look_for_divergence(self) -> None:
        """Refuse to go on if training has diverged since the last look, see :meth:`DivergenceWatch.look`."""
        self._divergence.look(self.global_step, self.advice_on_divergence)

    def log_update(self) -> None:
        """Log the size of the update, the learning rate and the share of the frozen couplings that is cancelled."""
        sizes = [coupling.grad.square().mean().sqrt() for coupling in self.network.learned if coupling.grad is not None]
        self.log_now(
            {
                "train/hebbian_difference": torch.stack(sizes).mean(),
                "train/learning_rate": self.learning_rate,
                "train/cancelled_share": self.network.cancelled_share(),
            }
        )

    def on_fit_start(self) -> None:
        """Start with a new watch, because another run may have left numbers in the old one, on another device."""
        super().on_fit_start()
        self._divergence = DivergenceWatch(self.network.num_layers)
        self._has_learnt = False

    def on_fit_end(self) -> None:
        """Move the watch to the CPU, so that nothing stays on the device."""
        super().on_fit_end()
        self._divergence.to(torch.device("cpu"))
