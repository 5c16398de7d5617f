"""Configurations of the two-dimensional Ising model, simulated when they are needed."""

import math
from typing import Any

import numpy as np
import torch
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from chaos_lightning.data.datamodule import ImageDataModule
from chaos_lightning.data.draws import Draw, uniform, uniform_stream
from chaos_lightning.data.images import ImageSet

CRITICAL_TEMPERATURE = 2 / math.log(1 + math.sqrt(2))
"""Critical temperature of the infinite square lattice in units of J / k_B (L. Onsager, Phys. Rev. 65, 117, 1944)."""

_SPINS_AT_ONCE = 2**19


class IsingDataModule(ImageDataModule):
    """Configurations of the ferromagnetic Ising model on a square lattice with periodic boundaries, as images.

    Each configuration comes from a chain of its own, which starts at random and takes cluster updates of Swendsen and
    Wang, so that configurations are independent. They follow from the seed; nothing is downloaded or kept on disk.

    :func:`chaos_lightning.functional.energy_per_spin` and :func:`chaos_lightning.functional.magnetisation` measure
    configurations and samples.

    Args:
        side: Spins in a row, and rows: 8 for 64 spins, so that ``visible_units`` of a network is 64. At least 3.
        temperature: In units of J / k_B; the default is critical for an infinite lattice.
        num_training: Configurations for training and validation.
        num_testing: Configurations for testing.
        num_updates: Cluster updates from the random start on. At the critical temperature the energy takes some 4
            updates to forget its start for a side of 8, and a quarter power of the side longer for others.
        **settings: Settings of every data set, see :class:`ImageDataModule`.

    Raises:
        ValueError: A number is too small.

    Source:
        R. H. Swendsen, J.-S. Wang, Phys. Rev. Lett. 58, 86 (1987).

    Example:
        >>> data = IsingDataModule(side=4, num_training=20, num_testing=5)
        >>> data.test.images.shape, data.test.images.unique().tolist()
        (torch.Size([5, 1, 4, 4]), [-1.0, 1.0])
    """

    def __init__(
        self,
        side: int = 8,
        temperature: float = CRITICAL_TEMPERATURE,
        num_training: int = 12_000,
        num_testing: int = 2_000,
        num_updates: int = 30,
        **settings: Any,
    ) -> None:
        super().__init__(**settings)
        for name, number, least in (
            ("side", side, 3),
            ("num_training", num_training, 1),
            ("num_testing", num_testing, 1),
            ("num_updates", num_updates, 1),
        ):
            if number < least:
                raise ValueError(f"{name} must be at least {least}, but is {number}")
        if not 0 < temperature < math.inf:
            raise ValueError(f"temperature must be positive, in units of J / k_B, but is {temperature}")
        self._side, self._temperature, self._num_updates = side, temperature, num_updates
        self._counts = num_training, num_testing
        self.name = "Ising"

    @property
    def origin(self) -> str:
        """Source of the images."""
        return f"simulated on a lattice of {self._side} x {self._side} at temperature {self._temperature:g}"

    def read_image_sets(self) -> tuple[ImageSet, ImageSet]:
        """Simulate the configurations."""
        train, test = (self._simulate(part, count) for part, count in enumerate(self._counts))
        return train, test

    def _simulate(self, part: int, count: int) -> ImageSet:
        stream = uniform_stream(Draw.ISING, self._seed, part)
        at_once = max(1, _SPINS_AT_ONCE // self._side**2)
        spins = np.concatenate(
            [
                swendsen_wang(min(at_once, count - start), self._side, self._temperature, self._num_updates, stream)
                for start in range(0, count, at_once)
            ]
        )
        return ImageSet.from_arrays(torch.from_numpy(spins))


def swendsen_wang(
    num_chains: int, side: int, temperature: float, num_updates: int, stream: np.random.Philox
) -> np.ndarray:
    """Simulate independent chains from random starts.

    In each update, neighbours of equal spin are joined with probability ``1 - exp(-2 / temperature)``, and each cluster
    of joined spins gets a random spin.

    Args:
        num_chains: Chains.
        side: Spins in a row, and rows.
        temperature: In units of J / k_B.
        num_updates: Updates of each chain.
        stream: Stream of random numbers.

    Returns:
        Spins after the last update, true for up, ``(num_chains, side, side)``.
    """
    places = np.arange(num_chains * side**2).reshape(num_chains, side, side)
    neighbours = np.concatenate([np.roll(places, -1, axis).ravel() for axis in (1, 2)])
    places = np.concatenate([places.ravel()] * 2)
    size = num_chains * side**2
    spins = uniform(stream, size) < 0.5
    for _ in range(num_updates):
        joined = (spins[places] == spins[neighbours]) & (uniform(stream, 2 * size) < 1 - math.exp(-2 / temperature))
        pairs = places[joined], neighbours[joined]
        graph = coo_matrix((np.ones(len(pairs[0]), dtype=np.int8), pairs), shape=(size, size))
        num_clusters, cluster = connected_components(graph, directed=False)
        spins = (uniform(stream, num_clusters) < 0.5)[cluster]
    return spins.reshape(num_chains, side, side)
