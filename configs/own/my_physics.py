"""Physics of your own: a learning rule, a wiring, a rate function and a task."""

from dataclasses import dataclass

import torch

from chaos_lightning import Connection, ContrastiveHebbian, RateFunction, Task, ThreeLayer
from chaos_lightning.data import read_images


@dataclass(frozen=True)
class Averaged(ContrastiveHebbian):
    """Learning rule: follows a running mean of the Hebbian difference, and lets couplings decay."""

    weight: float = 0.1
    decay: float = 0.001

    def init(self, network):  # tensors to remember between steps; they are saved in checkpoints
        return {f"mean_{i}": torch.zeros_like(coupling) for i, coupling in enumerate(network.learned)}

    def compare(self, phases, clamped, free):  # <phi phi>_clamped - <phi phi>_free, and what to remember of it
        difference = super().compare(phases, clamped, free)
        noted = {f"mean_{i}": matrix.clone() for i, matrix in enumerate(difference.couplings)}
        return difference._replace(noted=noted)

    def follow(self, memory, noted, step):  # noted comes averaged over all processes
        return {name: torch.lerp(memory[name], noted[name], self.weight) for name in memory}

    def direction(self, phases, difference, memory):  # of the optimiser's step
        pairs = zip(memory.values(), phases.network.learned, strict=True)
        return difference._replace(couplings=[mean - self.decay * coupling for mean, coupling in pairs])


class ChaosAbove(ThreeLayer):
    """Wiring: weak frozen couplings reach the visible layer (0), recurrent ones make the hidden layer (1) chaotic."""

    default_wiring = (Connection(0, 1, gain_down=0.5), Connection(1, 1, gain_down=2, learned=False), Connection(1, 2))


class Softsign(RateFunction):
    """Rate function phi, and its derivative as a function of the rate."""

    def __call__(self, potential):
        return potential / (1 + potential.abs())

    def derivative(self, rate):
        return (1 - rate.abs()).square()


@dataclass(frozen=True)
class LeftHalf(Task):
    """Task: hold the left half of images from a file (and their labels, if the network has any), read whole images."""

    file: str

    def held_units(self, layout):
        left = torch.zeros(layout.image_shape, dtype=torch.bool)
        left[..., : layout.image_shape[-1] // 2] = True
        return layout.units(pixels=left, labels=True)

    def examples(self, layout):
        images, labels = read_images(self.file)
        if layout.num_classes and labels is None:
            raise ValueError(f"{self.file} has no labels to hold")
        return layout.rates_of(images, labels)
