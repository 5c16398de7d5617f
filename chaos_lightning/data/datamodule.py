"""The data module that serves real images to training and evaluation."""

import os
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import ClassVar, NamedTuple

import numpy as np
import torch
from lightning.fabric.utilities.data import AttributeDict
from lightning.pytorch import LightningDataModule
from torchvision.datasets import MNIST

from chaos_lightning.data.batches import EvaluationBatches, TrainingBatches
from chaos_lightning.data.download import ensure_raw_files, has_raw_files, missing_message, raw_folder
from chaos_lightning.data.draws import Draw, permutation
from chaos_lightning.data.errors import DataError
from chaos_lightning.data.idx import TEST, TRAIN, read_image_set
from chaos_lightning.data.images import ImageSet

_SAMPLE_FOLDER = Path(__file__).parent / "sample"


class _Splits(NamedTuple):
    train: ImageSet
    validation: ImageSet
    test: ImageSet


class ImageDataModule(LightningDataModule):
    """Training, validation and test images of one data set, which never overlap.

    Validation images are drawn at random from the training file; the test file is used for testing only. The
    splits can be read without a Trainer: `data.train`, `data.validation` and `data.test` read the files when
    first used.

    Args:
        data_dir: Folder that holds the full data set in torchvision's layout, `<data_dir>/<name>/raw`; it is
            downloaded there if absent. None: the sample of 5,000 training and 1,000 test images that ships
            with this package.
        batch_size: Training images in a minibatch of all processes together, M.
        num_validation: Images held out from the training file. None: as many as there are test images.
        num_eval_images: Images that a validation or test run compares with, drawn at random. None: all.
        eval_batch_size: Largest number of images in a validation or test batch of one process.
        seed: Of the split, the order of training and the evaluation draws. Not negative.

    Attributes:
        source: The torchvision class of the data set: its name, servers and checksums.
        sample_file: Name of the bundled sample.
        image_shape: Channels, rows and columns of an image.
        num_classes: Labels are 0 to ``num_classes - 1``.

    Raises:
        ValueError: A count is not positive, or `seed` is negative.
    """

    source: ClassVar[type[MNIST]]
    sample_file: ClassVar[str]
    image_shape: ClassVar[tuple[int, int, int]] = (1, 28, 28)
    num_classes: ClassVar[int] = 10

    def __init__(
        self,
        data_dir: str | None = None,
        batch_size: int = 500,
        num_validation: int | None = None,
        num_eval_images: int | None = None,
        eval_batch_size: int = 500,
        seed: int = 0,
    ) -> None:
        super().__init__()
        # A Path among the hyperparameters would make checkpoints unreadable with weights_only=True.
        data_dir = None if data_dir is None else os.fspath(data_dir)
        _check_at_least(1, batch_size=batch_size, eval_batch_size=eval_batch_size)
        _check_at_least(2, num_eval_images=num_eval_images)
        _check_at_least(0, num_validation=num_validation, seed=seed)
        self.save_hyperparameters()
        self._data_dir = None if data_dir is None else Path(data_dir).expanduser().absolute()
        self._batch_size = batch_size
        self._num_validation = num_validation
        self._num_eval_images = num_eval_images
        self._eval_batch_size = eval_batch_size
        self._seed = seed

    @property
    def train(self) -> ImageSet:
        """Training images, without the validation images."""
        return self._splits.train

    @property
    def validation(self) -> ImageSet:
        """Images held out from the training file."""
        return self._splits.validation

    @property
    def test(self) -> ImageSet:
        """Images of the test file."""
        return self._splits.test

    @property
    def hparams_initial(self) -> AttributeDict:
        """Hyperparameters as loggers get them, named `data/...`.

        Loggers merge them with those of the model, and Lightning stops a run in which both have one name,
        such as `seed`, with different values.
        """
        hparams = super().hparams_initial
        return AttributeDict({f"data/{name}": hparams[name] for name in hparams if not name.startswith("_")})

    def prepare_data(self) -> None:
        """Download the full data set if `data_dir` lacks it.

        Raises:
            DataError: It is not there and cannot be fetched.
        """
        if self._data_dir is not None:
            ensure_raw_files(self._data_dir, self.source)

    def setup(self, stage: str | None = None) -> None:
        """Read the files and check the counts against them, before any work starts.

        Args:
            stage: "fit", "validate" or "test"; None only reads the files.

        Raises:
            DataError: A file is missing or damaged.
            ValueError: A count exceeds the images there are.
        """
        num_validation = len(self.validation)
        if stage == "fit":
            self._training_batches(self.train)
        if stage == "validate" and num_validation == 0:
            raise ValueError("num_validation=0 leaves no images to validate with: raise it, or test instead.")
        if stage in ("fit", "validate") and num_validation > 0:
            self.draw_evaluation(self.validation)
        if stage == "test":
            self.draw_evaluation(self.test)

    def train_dataloader(self) -> TrainingBatches:
        """Minibatches of the training images, on the training device if they fit there."""
        return self._training_batches(self.train.to(self._device))

    def val_dataloader(self) -> EvaluationBatches | list[EvaluationBatches]:
        """Batches of validation images and as many training images; none if `num_validation` is 0."""
        return self._evaluation_batches(self.validation) if len(self.validation) else []

    def test_dataloader(self) -> EvaluationBatches:
        """Batches of test images and as many training images."""
        return self._evaluation_batches(self.test)

    @cached_property
    def _splits(self) -> _Splits:
        train, test = self._read_files()
        num_validation = len(test) if self._num_validation is None else self._num_validation
        if num_validation >= len(train):
            raise ValueError(
                f"num_validation={num_validation} leaves nothing to train on: the training file holds "
                f"{len(train)} images. Lower num_validation."
            )
        order = permutation(len(train), Draw.VALIDATION_SPLIT, self._seed)
        return _Splits(train.take(order[num_validation:]), train.take(order[:num_validation]), test)

    def _read_files(self) -> tuple[ImageSet, ImageSet]:
        """Read all images of the training file and of the test file."""
        if self._data_dir is None:
            with np.load(_SAMPLE_FOLDER / self.sample_file, allow_pickle=False) as sample:
                return _sample_set(sample, "train"), _sample_set(sample, "test")
        if not has_raw_files(self._data_dir, self.source):
            raise DataError(f"{missing_message(self._data_dir, self.source)} prepare_data() downloads it.")
        folder, image_size = raw_folder(self._data_dir, self.source), self.image_shape[1:]
        train, test = (read_image_set(folder, prefix, image_size, self.num_classes) for prefix in (TRAIN, TEST))
        return train, test

    def draw_evaluation(self, held_out: ImageSet, num_images: int | None = None) -> tuple[ImageSet, ImageSet]:
        """Draw held-out images and as many training images, neither with repetition.

        The whole split is shuffled too: the rows of a test file need not be equally hard, and a run limited
        to some batches should see a fair part of them.

        Args:
            held_out: validation or test images.
            num_images: to draw from each; None draws `num_eval_images`, or as many as are held out.

        Raises:
            ValueError: There are fewer images.
        """
        name = "num_images" if num_images is not None else "num_eval_images"
        if num_images is None:
            num_images = len(held_out) if self._num_eval_images is None else self._num_eval_images
        for split, available in (("held-out", len(held_out)), ("training", len(self.train))):
            if num_images > available:
                raise ValueError(
                    f"{name}={num_images} asks for as many held-out and as many training images, but there are only "
                    f"{available} {split} images: lower {name}."
                )
        rows = permutation(len(held_out), Draw.EVALUATION_ROWS, self._seed)[:num_images]
        floor_rows = permutation(len(self.train), Draw.FLOOR_ROWS, self._seed)[:num_images]
        return held_out.take(rows), self.train.take(floor_rows)

    def _training_batches(self, images: ImageSet) -> TrainingBatches:
        if self.trainer is None:
            return TrainingBatches(images, self._batch_size, seed=self._seed)
        if self.trainer.accumulate_grad_batches != 1:
            raise ValueError("accumulate_grad_batches must be 1: every minibatch takes one optimiser step.")
        return TrainingBatches(
            images,
            self._batch_size,
            seed=self._seed,
            step=self._steps_taken,
            rank=self.trainer.global_rank,
            world_size=self.trainer.world_size,
            device=self._device,
        )

    def _steps_taken(self) -> int:
        """Count the Trainer's steps, from 0 in every epoch if it overfits on some batches."""
        trainer = self.trainer
        assert trainer is not None
        overfits = bool(trainer.overfit_batches)  # type: ignore[attr-defined]
        return trainer.global_step % int(trainer.num_training_batches) if overfits else trainer.global_step

    def _evaluation_batches(self, held_out: ImageSet) -> EvaluationBatches:
        images, floor = (part.to(self._device) for part in self.draw_evaluation(held_out))
        return EvaluationBatches(
            images,
            floor,
            self._eval_batch_size,
            rank=0 if self.trainer is None else self.trainer.global_rank,
            world_size=1 if self.trainer is None else self.trainer.world_size,
            device=self._device,
        )

    @property
    def _device(self) -> torch.device:
        return torch.device("cpu") if self.trainer is None else self.trainer.strategy.root_device


def _sample_set(sample: Mapping[str, np.ndarray], name: str) -> ImageSet:
    pixels, labels = sample[f"{name}_images"], sample[f"{name}_labels"]
    return ImageSet(torch.from_numpy(pixels).unsqueeze(1), torch.from_numpy(labels.astype(np.int64)))


def _check_at_least(minimum: int, **counts: int | None) -> None:
    for name, count in counts.items():
        if count is not None and count < minimum:
            raise ValueError(f"{name}={count} is not possible: it must be at least {minimum}.")
