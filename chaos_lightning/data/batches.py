"""Minibatches cut out of one tensor of images.

The loaders are plain iterables. Lightning leaves plain iterables as they are: it adds no distributed sampler, and
because their length is known it fetches no batch ahead.
"""

import itertools
import math
from collections.abc import Callable, Iterator
from typing import NamedTuple

import torch
from lightning.pytorch.utilities import rank_zero_warn
from torch import Tensor

from chaos_lightning.data.draws import Draw, permutation
from chaos_lightning.data.images import ImageSet
from chaos_lightning.pixels import to_rates
from chaos_lightning.shapes import num_values

_CPU = torch.device("cpu")

BYTES_AT_ONCE = 2**25
"""Bytes of training images that are gathered and converted together; minibatches are views of them. On a GPU, gathering
each minibatch by itself would take too long."""


class Minibatch(NamedTuple):
    """One process's share of a training minibatch.

    Attributes:
        images: (B, *shape), float32 in [-1, 1].
        labels: (B,), int64.
        first_index: Place of the first row in the minibatch of all processes together.
    """

    images: Tensor
    labels: Tensor
    first_index: int


class EvaluationBatch(NamedTuple):
    """A batch of held-out images, with as many training images beside them.

    Attributes:
        images: (B, *shape), float32 in [-1, 1], held out from training.
        labels: (B,), int64, labels of `images`.
        first_index: Place of the first row in the evaluation set of all processes together.
        floor_images: (B, *shape), float32 in [-1, 1], training images: the measures between them and
            `images` are the floor.
    """

    images: Tensor
    labels: Tensor
    first_index: int
    floor_images: Tensor


class TrainingBatches:
    """Minibatches of the training images in an order that depends on `(seed, epoch)` only.

    The minibatch is a function of the number of steps taken so far: step s is minibatch `s % L` of epoch
    `s // L`, with L minibatches an epoch. A run that goes on from a checkpoint therefore sees exactly what
    the uninterrupted run would have seen, in the middle of an epoch too. This takes one optimiser step a
    minibatch.

    Rows that do not fill a last minibatch are left out of that epoch, so that every step averages over
    equally many images. The process of rank r among W takes rows `[r B/W, (r+1) B/W)` of every minibatch.

    Args:
        images: The training set, on any device.
        batch_size: B, images in a minibatch of all processes together.
        seed: Seed of the order, not negative.
        step: Returns the number of steps taken so far; called before every minibatch. Default: counts the
            minibatches so far.
        rank: Rank of this process.
        world_size: Number of processes.
        device: Where the minibatches go.

    Raises:
        ValueError: `batch_size` exceeds the number of images or is not a multiple of `world_size`.
    """

    def __init__(
        self,
        images: ImageSet,
        batch_size: int,
        *,
        seed: int,
        step: Callable[[], int] | None = None,
        rank: int = 0,
        world_size: int = 1,
        device: torch.device = _CPU,
    ) -> None:
        if batch_size > len(images):
            raise ValueError(
                f"batch_size={batch_size} is larger than the training set of {len(images)} images, so an "
                "epoch would have no minibatch: lower batch_size, or num_validation, the images held out."
            )
        if batch_size % world_size:
            raise ValueError(
                f"batch_size={batch_size} counts the images of all processes together and cannot be shared "
                f"equally by {world_size} processes: make it a multiple of {world_size}, or say with --trainer.devices "
                "how many to take."
            )
        self._images = images
        self._batch_size = batch_size
        self._seed = seed
        self._step = itertools.count().__next__ if step is None else step
        self._local_size = batch_size // world_size
        self._first_index = rank * self._local_size
        self._device = device
        bytes_of_image = num_values(images.shape) * torch.float32.itemsize
        self._batches_at_once = max(1, BYTES_AT_ONCE // (self._local_size * bytes_of_image))
        self._epoch = -1
        self._order = torch.empty(0, dtype=torch.int64)
        self._gathered: tuple[int, int] | None = None  # epoch and part of it
        self._rates, self._labels = torch.empty(0), torch.empty(0)

    def __len__(self) -> int:
        """Count the minibatches of an epoch, L."""
        return len(self._images) // self._batch_size

    def __iter__(self) -> Iterator[Minibatch]:
        for _ in range(len(self)):
            yield self.minibatch(self._step())

    def minibatch(self, step: int) -> Minibatch:
        """Cut out the minibatch of one step, counted from 0 over all epochs; its tensors share memory with others."""
        epoch, place = divmod(step, len(self))
        part, place_in_part = divmod(place, self._batches_at_once)
        if (epoch, part) != self._gathered:
            self._gather(epoch, part)
        rows = slice(place_in_part * self._local_size, (place_in_part + 1) * self._local_size)
        return Minibatch(self._rates[rows], self._labels[rows], self._first_index)

    def state_dict(self) -> dict[str, int]:
        """Return the settings of the order, for checkpoints; the place in it follows from the number of steps."""
        return {"num_images": len(self._images), "batch_size": self._batch_size, "seed": self._seed}

    def load_state_dict(self, state_dict: dict[str, int]) -> None:
        """Warn if a resumed run does not go on in the order of the checkpoint."""
        changes = [
            f"{name} was {state_dict[name]} and is {value}"
            for name, value in self.state_dict().items()
            if state_dict[name] != value
        ]
        if changes:
            rank_zero_warn(
                f"The run goes on with other minibatches than it started with: {', '.join(changes)}. "
                "Some images may be seen more often than others in this epoch."
            )

    def _gather(self, epoch: int, part: int) -> None:
        """Gather this process's rows of some minibatches of an epoch."""
        self._gathered, self._rates = None, torch.empty(0)  # makes room
        batches = self._order_of(epoch)[: len(self) * self._batch_size].view(len(self), self._batch_size)
        batches = batches[part * self._batches_at_once :][: self._batches_at_once]
        local = self._images.take(batches[:, self._first_index :][:, : self._local_size].flatten())
        self._rates = to_rates(local.pixels.to(self._device))
        self._labels = local.labels.to(self._device)
        self._gathered = (epoch, part)

    def _order_of(self, epoch: int) -> Tensor:
        if epoch != self._epoch:
            device = self._images.device
            self._order = permutation(len(self._images), Draw.TRAINING_ORDER, self._seed, epoch, device=device)
            self._epoch = epoch
        return self._order


class EvaluationBatches:
    """Held-out images and as many training images, shared by the processes without padding or repetition.

    Every process gets a contiguous share, and sizes differ by one at most. All processes cut their shares into equally
    many batches: with different numbers they would wait for one another for ever.

    Args:
        images: The N held-out images, on any device.
        floor: N training images, on the same device.
        batch_size: Largest number of images in a batch of one process.
        rank: Rank of this process.
        world_size: Number of processes.
        device: Where the batches go.

    Raises:
        ValueError: There are fewer images than processes.
    """

    def __init__(
        self,
        images: ImageSet,
        floor: ImageSet,
        batch_size: int,
        *,
        rank: int = 0,
        world_size: int = 1,
        device: torch.device = _CPU,
    ) -> None:
        if len(images) < world_size:
            raise ValueError(
                f"{len(images)} evaluation images cannot be shared by {world_size} processes: "
                "raise num_eval_images or use fewer processes."
            )
        self._images = images
        self._floor = floor
        self._device = device
        start, stop = _part(0, len(images), rank, world_size)
        # The second bound only acts when batch_size is 1 and the shares differ: no batch may be empty.
        self._num_batches = min(math.ceil(len(images) / (world_size * batch_size)), len(images) // world_size)
        self._bounds = [_part(start, stop, batch, self._num_batches) for batch in range(self._num_batches)]

    def __len__(self) -> int:
        """Count the batches, the same on every process."""
        return self._num_batches

    def __iter__(self) -> Iterator[EvaluationBatch]:
        for start, stop in self._bounds:
            yield EvaluationBatch(
                images=to_rates(self._images.pixels[start:stop].to(self._device)),
                labels=self._images.labels[start:stop].to(self._device),
                first_index=start,
                floor_images=to_rates(self._floor.pixels[start:stop].to(self._device)),
            )


def _part(start: int, stop: int, part: int, num_parts: int) -> tuple[int, int]:
    """Find the bounds of one of `num_parts` contiguous parts of `[start, stop)`, the larger ones first."""
    size, left_over = divmod(stop - start, num_parts)
    first = start + part * size + min(part, left_over)
    return first, first + size + (part < left_over)
