"""The sampling loop: run chains from random states while some visible rates are held, and read them."""

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from chaos_lightning.dynamics import ChaoticNetwork, Clock, State, run_from, start_of
from chaos_lightning.sampling.chains import ChainRange
from chaos_lightning.sampling.layout import VisibleLayout
from chaos_lightning.sampling.tasks import Generate, Task, held_by


@dataclass(frozen=True, eq=False)
class Sampler:
    """A network with everything that its chains need to perform tasks.

    Attributes:
        network: the network.
        layout: layout of its visible layer.
        clock: time constant, time step and sampling time.
        noise: strength of injected noise.
        noise_layers: layers that get noise; None gives it to all.
    """

    network: ChaoticNetwork
    layout: VisibleLayout
    clock: Clock
    noise: float = 0.0
    noise_layers: Sequence[int] | None = None

    def run(
        self,
        task: Task,
        num_chains: int,
        times: Sequence[float],
        seed: Sequence[int],
        first_chain: int = 0,
        examples: Tensor | None = None,
    ) -> dict[float, State]:
        """Run chains once from their random start; return the state at each of the times.

        Args:
            task: task that says which visible rates to hold.
            num_chains: number of chains.
            times: times at which to note the state, 0 or more, in any order.
            seed: seed of the chains, see :func:`initial_potentials`.
            first_chain: index of the first chain.
            examples: visible rates to hold, one row a chain, ``(num_chains, visible units)``.
        """
        ascending = sorted(times)
        num_steps = [self.clock.steps_until(time) for time in ascending]
        start = start_of(
            num_chains, seed=seed, first_chain=first_chain, noise=self.noise, noise_layers=self.noise_layers
        )
        if examples is not None:
            examples = examples.to(self.network.biases[0].device)
        held = held_by(task, self.layout, examples)
        states = run_from(self.network, self.clock.alpha, start, num_steps, held=held)
        return dict(zip(ascending, states, strict=True))

    def answers(
        self,
        task: Task,
        num_chains: int,
        times: Sequence[float],
        seed: Sequence[int],
        first_chain: int = 0,
        examples: Tensor | None = None,
    ) -> dict[float, Tensor]:
        """Run chains as :meth:`run` does; return their answers at each of the times, ``(num_chains, ...)``."""
        states = self.run(task, num_chains, times, seed, first_chain, examples)
        return {time: task.read(self.layout, state.rates[0]) for time, state in states.items()}

    def answers_of(
        self, chains: ChainRange, times: Sequence[float], repeats: int = 1, offset: int = 0
    ) -> dict[float, Tensor]:
        """Return the answers of a range of chains.

        Args:
            chains: the range, with task and examples.
            times: times at which to read the answers, 0 or more, in any order.
            repeats: number of consecutive chains that take the same example.
            offset: index of the chain that the range counts as 0.
        """
        task = chains.task or Generate()
        examples, seed = chains.examples_in_turn(repeats), (chains.seed, task.stream)
        return self.answers(task, chains.num_chains, times, seed, offset + chains.first_chain, examples)
