"""The four ways to spend a training step that are timed against one another."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from time import perf_counter
from typing import Any

import torch
from lightning.pytorch import Callback, Trainer
from lightning.pytorch.loggers import TensorBoardLogger
from torch import Tensor

from chaos_lightning.data import ImageDataModule, ImageSet
from chaos_lightning.dynamics import RATE_FUNCTIONS, Stream, initial_potentials
from chaos_lightning.models import ChaoticGenerator
from chaos_lightning.models.training import Step
from tests.benchmarks.plain import plain_training_step


def synchronise(device: torch.device) -> None:
    """Wait until the device has done all that was asked of it."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


class Contest:
    """One model, minibatch size and precision, with everything that the four contestants need.

    Each contestant is a method that does a number of training steps and returns the seconds a step took.

    Args:
        model: the network with its rule and optimiser.
        batch_size: M, images and chains.
        precision: 32-true or bf16-mixed, as the Trainer names it.
        device: where to run.
        folder: for what the Trainer writes.
    """

    def __init__(
        self, model: ChaoticGenerator, batch_size: int, precision: str, device: torch.device, folder: str
    ) -> None:
        self.batch_size, self.precision, self.device, self.folder = batch_size, precision, device, folder
        self.product_dtype = torch.bfloat16 if precision.startswith("bf16") else torch.float32
        self.model = model.to(device)
        self.network = self.model.network
        self.layer_sizes = self.network.layer_sizes
        self.num_steps, self.alpha = self.model.clock.num_steps, self.model.clock.alpha
        self.reclamps = Stream.RECLAMPED_PHASE in self.model.rule.streams
        generator = torch.Generator().manual_seed(0)
        self.images = (torch.rand(batch_size, self.layer_sizes[0], generator=generator) * 2 - 1).to(device)
        self.optimizer = self.model.make_optimizer()
        self.step = 0

    def in_trainer(self, num_steps: int) -> float:
        """(a) Inside ``Trainer.fit``, with data loading, logging and all."""
        stopwatch = Stopwatch(self.device)
        trainer = Trainer(
            max_steps=num_steps + 2,
            accelerator="gpu" if self.device.type == "cuda" else "cpu",
            devices=1,
            precision=self.precision,  # type: ignore[arg-type]
            callbacks=[stopwatch],
            logger=TensorBoardLogger(self.folder, name="benchmark"),
            limit_val_batches=0,
            enable_progress_bar=False,
            enable_model_summary=False,
            enable_checkpointing=False,
        )
        data = Noise(self.model.image_shape, batch_size=self.batch_size, num_validation=0)
        trainer.fit(self.model, datamodule=data)
        self.model.to(self.device)
        return stopwatch.seconds / num_steps

    @torch.no_grad()
    def without_lightning(self, num_steps: int) -> float:
        """(b) The same step, called directly."""

        rule, memory = self.model.rule, dict(self.model.memory.tensors())

        def training_step() -> None:
            nonlocal memory
            self.step += 1
            with self._autocast():
                starts = {
                    stream: self.model.start(self.batch_size, seed=(0, stream, self.step)) for stream in rule.streams
                }
                step = Step(self.images, starts)
                difference = self.model.compare_phases(step)
            memory = dict(rule.follow(memory, difference.noted or {}, self.step))
            direction = rule.direction(self.model.phases(step), difference, memory)
            for parameter, change in zip(
                self.network.trainable(), [*direction.couplings, *direction.biases], strict=True
            ):
                parameter.grad = change.neg_()
            rule.update(self.network, memory, self.optimizer.param_groups[0]["lr"], self.optimizer.step)

        return self._time(training_step, num_steps)

    @torch.no_grad()
    def bare_products(self, num_steps: int) -> float:
        """(c) Only the matrix products, of the same shapes and data types, in the same order; on a GPU as one graph."""
        clamped, free, hebbian = self._products()

        def products() -> None:
            for left, right, out in clamped * (2 if self.reclamps else 1):
                torch.mm(left, right, out=out)
            for _ in range(self.num_steps):
                for left, right, out in free:
                    torch.mm(left, right, out=out)
            for left, right, out in hebbian:
                torch.mm(left, right, out=out)

        if self.device.type == "cuda":
            products()  # what is met for the first time cannot be captured
            graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(graph):
                products()
            return self._time(graph.replay, num_steps)
        return self._time(products, num_steps)

    def plain_loop(self, num_steps: int) -> float:
        """(d) The step written straight from the equations."""
        start = [initial_potentials(self.layer_sizes, self.batch_size, seed=[i], device=self.device) for i in (0, 1)]
        arguments = (self.images, list(start[0]), list(start[1]), self.alpha, self.num_steps, 1e-4)
        phi = torch.tanh if self.network.rate == RATE_FUNCTIONS["tanh"] else torch.nn.functional.hardtanh

        def training_step() -> None:
            with self._autocast():
                plain_training_step(self.network, *arguments, phi=phi, reclamp=self.reclamps)

        return self._time(training_step, num_steps)

    def _products(self) -> tuple[list[tuple[Tensor, Tensor, Tensor]], ...]:
        """Operands and room for the results of a step's products: clamped phase, time step, Hebbian rule."""

        def product(rows: int, inner: int, columns: int, dtype: torch.dtype) -> tuple[Tensor, Tensor, Tensor]:
            sizes = (rows, inner), (inner, columns), (rows, columns)
            left, right, out = (torch.rand(size, device=self.device).to(dtype) for size in sizes)
            return left, right, out

        chains, exact = self.batch_size, torch.float32
        clamped, free, hebbian = [], [], []
        for connection in self.network.connections:
            lower, upper = self.layer_sizes[connection.lower], self.layer_sizes[connection.upper]
            free.append(product(chains, upper, lower, self.product_dtype))
            if not connection.is_recurrent:
                free.append(product(chains, lower, upper, self.product_dtype))
            hebbian += [product(lower, chains, upper, exact) for _ in range(2)]
            if connection.is_recurrent:
                continue
            if connection.lower == 0:  # the image's field, once
                clamped.append(product(chains, lower, upper, exact))
            else:
                clamped += free[-2:] * self.num_steps
        return clamped, free, hebbian

    def _autocast(self) -> AbstractContextManager[Any]:
        if self.product_dtype == torch.float32:
            return nullcontext()
        return torch.autocast(self.device.type, self.product_dtype)

    def _time(self, do: Callable[[], None], times: int) -> float:
        for _ in range(2):  # what is met for the first time, or captured the second, does not count
            do()
        synchronise(self.device)
        start = perf_counter()
        for _ in range(times):
            do()
        synchronise(self.device)
        return (perf_counter() - start) / times


class Noise(ImageDataModule):
    """As many images as the published networks are trained on, so that epochs are as long as theirs.

    Args:
        shape: shape of an image.
        settings: settings of the data module.
    """

    def __init__(self, shape: Sequence[int] = (1, 28, 28), **settings: Any) -> None:
        super().__init__(**settings)
        self._shape = tuple(shape)

    def read_image_sets(self) -> tuple[ImageSet, ImageSet]:
        """Random pixels."""
        generator = torch.Generator().manual_seed(0)
        pixels = torch.randint(256, (50_000, *self._shape), generator=generator, dtype=torch.uint8)
        return ImageSet.from_arrays(pixels), ImageSet.from_arrays(pixels[:1])


class Stopwatch(Callback):
    """Seconds from the end of the second training step, in which a GPU's graph is captured, to the end of the last."""

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self.start: float | None = None
        self.seconds = 0.0

    def on_train_batch_end(self, trainer: Trainer, *_: Any) -> None:
        """Note the time after the second and after the last step: in between nobody waits for the device."""
        if trainer.global_step not in (2, trainer.max_steps):
            return
        synchronise(self.device)
        if self.start is None:
            self.start = perf_counter()
        else:
            self.seconds = perf_counter() - self.start
