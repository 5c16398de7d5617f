"""Learning rules: frozen settings; memory goes in and comes out."""

from collections.abc import Callable, Mapping
from typing import Literal, NamedTuple

from torch import Tensor

from chaos_lightning.dynamics import ChaoticNetwork, State, Stream
from chaos_lightning.learning.phases import Phases

Memory = Mapping[str, Tensor]
"""Tensors that a rule remembers between steps, by name."""


RateUnit = Literal["1", "1/sqrt(N)", "1/N"]
"""Unit in which a learning rate is given. N is the number of units of the visible layer in every architecture."""


def rate_in_units(unit: RateUnit, num_visible: int) -> float:
    """Return the value of a unit of the learning rate.

    Hebbian terms in this field carry a unit: ``A_ij <- A_ij + (k / N) phi_i phi_j`` in Hopfield networks and in D. G.
    Clark, L. F. Abbott, Phys. Rev. X 14, 021001 (2024); couplings of order ``1 / sqrt(N)`` suggest ``k / sqrt(N)``.

    Args:
        unit: unit of the learning rate.
        num_visible: N, the number of units of the visible layer, label units included.

    Raises:
        ValueError: for an unknown unit.
    """
    exponents = {"1": 0.0, "1/sqrt(N)": 0.5, "1/N": 1.0}
    if unit not in exponents:
        raise ValueError(f"rate_unit must be one of {', '.join(exponents)}, but is {unit!r}")
    return float(1 / num_visible ** exponents[unit])


class Difference(NamedTuple):
    """The difference of the two phases, or the direction of the update that a rule makes of it.

    Attributes:
        couplings: part for the learned couplings, one matrix ``(lower units, upper units)`` each, in the order of
            ``network.pairs``.
        biases: part for the biases, one vector ``(units,)`` per layer.
        noted: further tensors for the rule's memory, by name; they are averaged over all processes.
    """

    couplings: list[Tensor]
    biases: list[Tensor]
    noted: dict[str, Tensor] = {}  # noqa: RUF012 - nobody changes it


class LearningRule:
    """A learning rule, as a frozen dataclass of its settings.

    A training step calls the methods of a rule in the order in which they stand here. The rule itself keeps no state.
    Tensors that it remembers between steps (its memory) come from :meth:`init`, are passed to its methods, and are
    saved in checkpoints. On a GPU :meth:`run` and :meth:`compare` become one graph, so they must not wait for the
    device or depend on anything but their arguments and the settings.

    Attributes:
        bias_rate: learning rate of the biases as a multiple of the couplings' rate, at the start of training; schedules
            act on both.
        rate_unit: factor that turns the optimiser's learning rate into the rule's, see :func:`rate_in_units`.
    """

    bias_rate: float = 1.0
    rate_unit: RateUnit = "1"

    @property
    def streams(self) -> tuple[int, ...]:
        """Streams of the random starts that :meth:`run` needs, see :class:`Stream`."""
        return Stream.CLAMPED_PHASE, Stream.FREE_PHASE

    def check(self, network: ChaoticNetwork) -> None:
        """Refuse a network that the rule cannot train.

        Raises:
            ValueError: if it cannot, with advice.
        """

    def init(self, network: ChaoticNetwork) -> dict[str, Tensor]:
        """Return the rule's memory as it is before the first step: tensors by name."""
        return {}

    def run(self, phases: Phases) -> tuple[State, State]:
        """Run the phases of a step; return the two states to compare, clamped and free."""
        return phases.clamped_and_free()

    def compare(self, phases: Phases, clamped: State, free: State) -> Difference:
        """Return the difference of two states, clamped minus free, in float32 or float64."""
        raise NotImplementedError(f"{type(self).__name__} needs a method compare that gives a Difference")

    def follow(self, memory: Memory, noted: Memory, step: int) -> Memory:
        """Return the memory after a step.

        Args:
            memory: memory before the step.
            noted: tensors noted by :meth:`compare`, averaged over all processes.
            step: number of steps taken before, from 0.
        """
        return memory

    def direction(self, phases: Phases, difference: Difference, memory: Memory) -> Difference:
        """Return the direction in which the optimiser takes its step; may overwrite the difference."""
        return difference

    def update(
        self, network: ChaoticNetwork, memory: Memory, learning_rate: float, descend: Callable[[], None]
    ) -> None:
        """Change the weights.

        Args:
            network: network to change.
            memory: memory after :meth:`follow`.
            learning_rate: k, the learning rate of the couplings in this step.
            descend: function that takes the optimiser's step.
        """
        descend()
