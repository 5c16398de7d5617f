"""Sampling with a chaotic network: its chains generate, complete and classify images."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from chaos_lightning.dynamics import ChaoticNetwork, Clock, State, Stream
from chaos_lightning.functional.checks import as_image_rows
from chaos_lightning.metrics.class_measures import ClassMeasures
from chaos_lightning.models.generator import ImageGenerator
from chaos_lightning.sampling import (
    ChainLoader,
    ChainRange,
    Complete,
    Generate,
    GenerateByClass,
    ReadClass,
    Sampler,
    Task,
    VisibleLayout,
)

if TYPE_CHECKING:
    from chaos_lightning.data import EvaluationBatch

READINGS = 8
"""Number of chains that read the class of an image; twice as many were right for 1 to 2 % more of the images."""

Labels = int | str | Sequence[int] | Tensor
"""A class to ask for, several classes in turn, or "all"."""


class ChainSampler(ImageGenerator):
    """A generator whose chains perform tasks.

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
    noise: float
    noise_layers: list[int] | None

    @torch.no_grad()
    def perform(
        self,
        task: Task,
        num_chains: int,
        times: Sequence[float] | None = None,
        seed: int | None = None,
        *,
        examples: Tensor | None = None,
        repeats: int = 1,
        chains_at_once: int = 500,
    ) -> Any:
        """Let chains perform a task: run them from random states with some visible rates held, and read the answers.

        On one kind of device, chain i depends on the seed and on i alone. So asking for more chains, or for other
        times, does not change the chains from before.

        Args:
            task: task that says which rates to hold and how to read the answers.
            num_chains: number of chains.
            times: times at which to read, 0 or more, in any order; None takes the T of training.
            seed: seed of the random initial states; None draws one from torch's global generator.
            examples: visible rates to hold, ``(examples, visible units)``, which chains take in turn; None takes the
                task's own.
            repeats: number of consecutive chains that take the same example.
            chains_at_once: chains that run together; bounds the memory. Results differ by rounding, which chaos
                amplifies: one pixel of 156,800 by one grey level in a trained network at T = 100, more at larger g.

        Returns:
            Answers as the task reads them, ``(num_chains, ...)``; if times are given, a dict from time to such answers,
            all of one run.

        Raises:
            ValueError: if a number is not positive, a time is not a whole number of time steps, or the network cannot
                do the task.
        """
        if seed is None:
            seed = int(torch.randint(2**31, ()))
        if examples is None:
            examples = task.examples(self.layout)
        asked = [self.sampling_time] if times is None else list(times)
        ranges = ChainLoader(num_chains, chains_at_once, seed, task, examples)
        parts = [self.sampler.answers_of(chains, asked, repeats) for chains in ranges]
        answers = {time: torch.cat([part[time] for part in parts]) for time in asked}
        return answers[self.sampling_time] if times is None else answers

    def sample(
        self,
        num_samples: int,
        times: Sequence[float] | None = None,
        seed: int | None = None,
        *,
        labels: Labels | None = None,
        chains_at_once: int = 500,
    ) -> Any:
        """Generate images as :meth:`perform` does; refuse a class that the network does not know.

        Args:
            num_samples: number of images.
            times: sampling times, 0 or more, in any order; None takes the T of training.
            seed: seed of the random initial states; None draws one from torch's global generator.
            labels: class to hold, or several in turn (image i is of class ``labels[i % len(labels)]``), or "all" for
                all classes in turn; None holds nothing.
            chains_at_once: chains that run together; bounds the memory, and changes results by rounding alone.

        Returns:
            Images in [-1, 1], ``(num_samples, *image_shape)``; if times are given, a dict from time to such images.
        """
        return self.perform(self.task_for(labels), num_samples, times, seed, chains_at_once=chains_at_once)

    @torch.no_grad()
    def states(
        self, num_chains: int, times: Sequence[float], seed: int, *, labels: Labels | None = None
    ) -> dict[float, State]:
        """Return the activity of all layers along the runs of :meth:`sample`.

        All chains run together, and the activity at all times is kept: for very many chains, ask for a few times only.

        Args:
            num_chains: number of chains.
            times: times at which to note the activity, 0 or more, in any order.
            seed: seed of the random initial states; chain i is the chain of sample i of the same seed.
            labels: classes to hold, as in :meth:`sample`.

        Returns:
            Time to potentials and rates of each layer, ``(num_chains, units)``, visible first.
        """
        task = self.task_for(labels)
        (chains,) = ChainLoader(num_chains, num_chains, seed, task, task.examples(self.layout))
        held = chains.examples_in_turn()
        return self.sampler.run(task, num_chains, times, (seed, Stream.SAMPLING), examples=held)

    def classify(
        self, images: Tensor, num_samples: int = READINGS, seed: int = 0, *, chains_at_once: int = 500
    ) -> Tensor:
        """Read the class of images: hold their pixels, run the network for the time T and look at the label units.

        Args:
            images: ``(images, *image_shape)`` in [-1, 1].
            num_samples: chains that read each image, from different random states. The mean of their probabilities is
                taken, because a single chain is nearly always sure of some class.
            seed: seed of the random initial states.
            chains_at_once: chains that run together; bounds the memory, and changes results by rounding alone.

        Returns:
            Probabilities of the classes, ``(images, classes)``.

        Raises:
            ValueError: if the network has no label units, a number is not positive, or the images are of another size
                or range.
        """
        self.layout.require_labels()
        rates = self._rates_of(images)
        num_chains = len(rates) * num_samples
        probabilities = self.perform(
            ReadClass(), num_chains, seed=seed, examples=rates, repeats=num_samples, chains_at_once=chains_at_once
        )
        return probabilities.view(len(rates), num_samples, -1).mean(dim=1)  # type: ignore[no-any-return]

    def complete(
        self, images: Tensor, mask: Tensor, num_samples: int = 8, seed: int = 0, *, chains_at_once: int = 500
    ) -> Tensor:
        """Fill in the hidden pixels of images: hold the others and run the network for the time T.

        Args:
            images: ``(images, *image_shape)`` in [-1, 1]; hidden pixels are not looked at.
            mask: True where a pixel is hidden, ``(height, width)`` for all channels or the shape of a sample; the same
                for all images.
            num_samples: completions of each image. Asking for more does not change the first ones.
            seed: seed of the random initial states.
            chains_at_once: chains that run together; bounds the memory, and changes results by rounding alone.

        Returns:
            Completed images, ``(images, num_samples, *image_shape)``, on the network's device.

        Raises:
            ValueError: if a number is not positive, the images are of another size or range, or the mask is of another
                size, not of truth values, or hides everything or nothing.
        """
        task, rates = Complete(mask), self._rates_of(images)
        # Chains take the images in turn, so that more completions leave the first ones as they are.
        num_chains = len(rates) * num_samples
        completed = self.perform(task, num_chains, seed=seed, examples=rates, chains_at_once=chains_at_once)
        return completed.view(num_samples, len(rates), *self.image_shape).transpose(0, 1)  # type: ignore[no-any-return]

    def classes(self, asked: Labels) -> tuple[int, ...]:
        """Return the classes that a user asks for: one, several, or ``"all"``."""
        return self.layout.classes(asked)

    def task_for(self, labels: Labels | None) -> Task:
        """Return the task of generating images, by class if labels are given."""
        return Generate() if labels is None else GenerateByClass(self.classes(labels))

    def predict_step(self, batch: ChainRange, batch_idx: int) -> Tensor:
        """Return the answers of a range of chains at time T, with chains numbered as in :meth:`perform`."""
        return self.sampler.answers_of(batch, [self.sampling_time])[self.sampling_time]

    @property
    def sampler(self) -> Sampler:
        """The sampling loop over this network."""
        return Sampler(self.network, self.layout, self.clock, self.noise, self.noise_layers)

    def _rates_of(self, images: Tensor) -> Tensor:
        """Check a user's images and return their visible rates, on the network's device."""
        return self.layout.rates_of(as_image_rows(images, "images", self.layout.num_pixels).to(self.device))

    # Measuring

    def evaluation_images(self, batch: "EvaluationBatch") -> dict[float, Tensor]:
        """Generate images of the same chains in every validation, at each of the measure times."""
        seed = self.seed, Stream.EVALUATION
        return self.sampler.answers(Generate(), len(batch.images), self.measure_times, seed, batch.first_index)

    def class_measures(self) -> ClassMeasures | None:
        """Return the measures of generation by class and of classification.

        None for a network without label units, and for data without training images.
        """
        if not self.layout.num_classes:
            return None
        training = getattr(self.trainer.datamodule, "train", None)  # type: ignore[attr-defined]
        if training is None:
            return None
        return ClassMeasures(training.images, training.labels, self.layout.num_classes)

    def measure_classes(self, measures: ClassMeasures, batch: "EvaluationBatch") -> None:
        """Generate an image for each label of a batch, read the class of each of its images, and measure both.

        The generating chains have the same random starts as in :meth:`evaluation_images`, so that only the labels make
        a difference.
        """
        sampler, times, first_image = self.sampler, [self.sampling_time], batch.first_index
        labels, seed = self.layout.rates_of_labels(batch.labels), (self.seed, Stream.EVALUATION)
        asked = sampler.answers(GenerateByClass(), len(labels), times, seed, first_image, labels)
        images = self.layout.rates_of(batch.images)
        readers = ChainLoader(len(images) * READINGS, 500, self.seed, ReadClass(), images)
        readings = [
            sampler.answers_of(chains, times, READINGS, offset=first_image * READINGS)[self.sampling_time]
            for chains in readers
        ]
        probabilities = torch.cat(readings).view(len(images), READINGS, -1).mean(dim=1)
        measures.update(batch.images, batch.labels, asked[self.sampling_time], probabilities)
