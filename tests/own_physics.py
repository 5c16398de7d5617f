"""A learning rule, a rate function, a wiring and a task as a user writes them, outside the package."""

from dataclasses import dataclass

import torch

from chaos_lightning import Connection, ContrastiveHebbian, RateFunction, Task


@dataclass(frozen=True)
class Averaged(ContrastiveHebbian):
    """Follows a running mean of the Hebbian difference, and lets couplings decay."""

    memory_steps: int = 3
    decay: float = 0.01

    def __post_init__(self):
        super().__post_init__()
        if self.memory_steps < 1:
            raise ValueError(f"memory_steps must be at least 1, but is {self.memory_steps}")

    def init(self, network):
        return {f"difference_{i}": torch.zeros_like(learned) for i, learned in enumerate(network.learned)}

    def compare(self, phases, clamped, free):
        difference = super().compare(phases, clamped, free)
        noted = {f"difference_{i}": matrix.clone() for i, matrix in enumerate(difference.couplings)}
        return difference._replace(noted=noted)

    def follow(self, memory, noted, step):
        return {name: torch.lerp(memory[name], noted[name], 1 / self.memory_steps) for name in memory}

    def direction(self, phases, difference, memory):
        pairs = zip(memory.values(), phases.network.learned, strict=True)
        return difference._replace(couplings=[mean - self.decay * coupling for mean, coupling in pairs])


@dataclass(frozen=True)
class Softsign(RateFunction):
    """A rate function with a setting."""

    half: float = 1.0

    def __call__(self, potential):
        return potential / (self.half + potential.abs())

    def derivative(self, rate):
        return (1 - rate.abs()).square() / self.half


CHAOS_ABOVE = [Connection(0, 1, gain_down=0.5), Connection(1, 1, gain_down=2.0, learned=False)]
"""Frozen recurrent couplings within the hidden layer, and few that reach the visible one."""


@dataclass(frozen=True)
class LeftHalfAndLabel(Task):
    """Holds the left half of images and their labels, reads whole images."""

    def held_units(self, layout):
        left = torch.zeros(layout.image_shape, dtype=torch.bool)
        left[..., : layout.image_shape[-1] // 2] = True
        return layout.units(pixels=left, labels=True)
