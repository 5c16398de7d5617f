"""Lightning's trainer: it can choose its precision, and ``predict`` writes a file; a profiler that costs nothing."""

from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import Any, Literal

import lightning.pytorch as pl
from lightning.fabric.connector import _PRECISION_INPUT
from lightning.pytorch import LightningDataModule, LightningModule
from lightning.pytorch.profilers import PassThroughProfiler
from lightning.pytorch.utilities.rank_zero import rank_zero_info
from torch import Tensor

from chaos_lightning.callbacks import SampleWriter
from chaos_lightning.models import ImageGenerator
from chaos_lightning.models.chains import ChainSampler
from chaos_lightning.models.speed import faster_precision
from chaos_lightning.sampling import ChainLoader, GenerateByClass, Task


class Chains(LightningDataModule):
    """The data of a prediction run: ranges of chains, see :class:`ChainLoader`."""

    def __init__(
        self,
        num_samples: int,
        chains_at_once: int,
        seed: int,
        task: Task | None = None,
        examples: Tensor | None = None,
    ) -> None:
        super().__init__()
        self._make_loader = partial(ChainLoader, num_samples, chains_at_once, seed, task, examples)
        self._make_loader()  # refuses bad numbers now, before work starts

    def predict_dataloader(self) -> ChainLoader:
        """Return the ranges of chains of this process."""
        assert self.trainer is not None
        return self._make_loader(rank=self.trainer.global_rank, world_size=self.trainer.world_size)


class NoProfiler(PassThroughProfiler):
    """A profiler that measures nothing, like Lightning's default, but makes a small training step a tenth faster.

    Lightning wraps every hook of every callback in it, some forty times per step.
    """

    _nothing = nullcontext()

    def profile(self, action_name: str) -> AbstractContextManager[Any]:  # type: ignore[override]
        """Return a context that does nothing."""
        return self._nothing


class Trainer(pl.Trainer):
    """Lightning's trainer, with a precision that it can choose and arguments of its own for ``predict``.

    Args:
        precision: data type of the products. ``auto`` takes bfloat16 (``bf16-mixed``) where it is faster, on a CPU
            by a measurement of some hundredths of a second, and float32 (``32-true``) elsewhere.
        arguments: the arguments of :class:`lightning.pytorch.Trainer`.
    """

    def __init__(self, *, precision: Literal["auto"] | _PRECISION_INPUT | None = None, **arguments: Any) -> None:
        if precision == "auto":
            precision = faster_precision(arguments.get("accelerator", "auto"))
            name = "bfloat16" if precision == "bf16-mixed" else "float32"
            rank_zero_info(f"Products are in {name} (precision {precision}), which is faster here.")
        super().__init__(precision=precision, **arguments)

    def predict(  # type: ignore[override]
        self,
        model: LightningModule | None = None,
        ckpt_path: str | None = None,
        output: str = "samples.npz",
        num_samples: int = 100,
        seed: int | None = None,
        labels: int | list[int] | Literal["all"] | None = None,
        task: Task | None = None,
        chains_at_once: int = 500,
    ) -> None:
        """Generate samples with a trained network and write them to a file.

        Args:
            model: the network.
            ckpt_path: checkpoint of the trained network.
            output: file to write: 8-bit images with seed and settings, and a picture beside it (.png).
            num_samples: number of images.
            seed: seed of the random initial states; by default that of seed_everything on the command line, or else 0.
            labels: class to ask for, or a list of classes that take turns, or all; for networks with label units.
            task: task to do in place of labels: a class that says which rates are held and how images are read.
            chains_at_once: chains that run together on each process; bounds the memory.
        """
        assert isinstance(model, ImageGenerator)
        seed = 0 if seed is None else seed
        if self.limit_predict_batches != 1.0 or isinstance(self.limit_predict_batches, int):  # 1 is a single batch
            raise ValueError(
                "limit_predict_batches and fast_dev_run would leave images out of the file: set num_samples instead"
            )
        if labels is not None:
            if task is not None:
                raise ValueError("labels and task both say what to hold: give one of them")
            task = GenerateByClass(model.classes(labels))
        examples = None
        if task is not None:
            if not isinstance(model, ChainSampler):
                raise ValueError(f"{type(model).__name__} holds nothing, so it has no tasks: leave task out")
            examples = task.examples(model.layout)
        chains = Chains(num_samples, chains_at_once, seed, task, examples)
        classes: tuple[int, ...] = ()
        own_task = "" if task is None else repr(task)
        if isinstance(task, GenerateByClass):
            classes, own_task = task.classes, ""
        writer = SampleWriter(output, num_samples, seed, classes, own_task)
        self.callbacks.append(writer)  # type: ignore[attr-defined]
        super().predict(model, datamodule=chains, return_predictions=False, ckpt_path=ckpt_path)
        rank_zero_info(
            f"Wrote {num_samples:,} images to {writer.path} and a picture of the first to "
            f"{writer.path.with_suffix('.png')}."
        )
