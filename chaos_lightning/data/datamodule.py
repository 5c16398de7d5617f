"""The base of all data modules."""

from functools import cached_property
from typing import Any, NamedTuple

import torch
from lightning.fabric.utilities.data import AttributeDict
from lightning.pytorch import LightningDataModule

from chaos_lightning.data.batches import EvaluationBatch, EvaluationBatches, Minibatch, TrainingBatches
from chaos_lightning.data.draws import Draw, permutation
from chaos_lightning.data.images import ImageSet, check_image_sets
from chaos_lightning.data.loader_settings import unknown_settings
from chaos_lightning.shapes import Shape


class _Splits(NamedTuple):
    train: ImageSet
    validation: ImageSet
    test: ImageSet


class ImageDataModule(LightningDataModule):
    """Training, validation and test images of one data set. No image is in two of these splits.

    Equal images count as different ones if the data set holds them under different numbers. Full Fashion-MNIST does:
    by default 12 validation images have an equal among the 50,000 training images, 8 of the 10,000 test images have
    one, and 2 test images have one among the validation images. Full MNIST has no equal images.

    A subclass reads its images in :meth:`read_image_sets`. Its own arguments are noted in checkpoints and logs, so
    they should be names of files rather than arrays.

    Validation images are drawn at random from the training images; the test images are used for testing only.
    The splits can be read without a Trainer: `data.train`, `data.validation` and `data.test` read the images
    when first used.

    Args:
        batch_size: Training images in a minibatch of all processes together, M.
        num_validation: Images held out from the training images. None: as many as there are test images.
        num_eval_images: Images that a validation or test run compares with, drawn at random. None: all.
        eval_batch_size: Largest number of images in a validation or test batch of one process.
        seed: Seed of the split, the order of training and the evaluation draws. Not negative.

    Attributes:
        name: Name of the data set in reports.

    Raises:
        TypeError: A setting is not known, as those of a DataLoader.
        ValueError: A count is not positive, or `seed` is negative.
    """

    def __init__(
        self,
        *,
        batch_size: int = 500,
        num_validation: int | None = None,
        num_eval_images: int | None = None,
        eval_batch_size: int = 500,
        seed: int = 0,
        **unknown: Any,
    ) -> None:
        if unknown:
            raise TypeError(unknown_settings(type(self).__name__, unknown))
        super().__init__()
        _check_at_least(1, batch_size=batch_size, eval_batch_size=eval_batch_size)
        _check_at_least(2, num_eval_images=num_eval_images)
        _check_at_least(0, num_validation=num_validation, seed=seed)
        self.save_hyperparameters()
        self.name = type(self).__name__.removesuffix("DataModule")
        self._batch_size = batch_size
        self._num_validation = num_validation
        self._num_eval_images = num_eval_images
        self._eval_batch_size = eval_batch_size
        self._seed = seed

    def read_image_sets(self) -> tuple[ImageSet, ImageSet]:
        """Read the images; every data set has its own way.

        Returns:
            All images for training, validation images among them, and all images for testing, of the same size.

        Raises:
            DataError: They cannot be read.
        """
        raise NotImplementedError(f"{type(self).__name__} needs a method read_image_sets that returns its images")

    @property
    def origin(self) -> str:
        """Source of the images, which reports state after the name."""
        return f"made by {type(self).__module__}.{type(self).__qualname__}"

    @property
    def image_shape(self) -> Shape:
        """Shape of a sample: ``(channels, height, width)``, or ``(units,)`` of vectors that are no images."""
        return self.train.shape

    @property
    def num_classes(self) -> int:
        """Number of classes: labels are 0 to ``num_classes - 1``; 1 where images have no labels."""
        return max(split.num_classes for split in self._splits)

    @property
    def empty_classes(self) -> list[int]:
        """Classes below :attr:`num_classes` of which there is no image, as class 0 where labels count from 1."""
        labels = torch.cat([split.labels.unique() for split in self._splits])
        return sorted(set(range(self.num_classes)) - set(labels.tolist()))

    @property
    def train(self) -> ImageSet:
        """Training images, without the validation images."""
        return self._splits.train

    @property
    def validation(self) -> ImageSet:
        """Images held out from the training images."""
        return self._splits.validation

    @property
    def test(self) -> ImageSet:
        """Test images."""
        return self._splits.test

    @property
    def hparams_initial(self) -> AttributeDict:
        """Hyperparameters as loggers get them, named `data/...`.

        Loggers merge them with the hyperparameters of the model, and Lightning stops a run if both have one name,
        such as `seed`, with different values.
        """
        hparams = super().hparams_initial
        return AttributeDict({f"data/{name}": hparams[name] for name in hparams if not name.startswith("_")})

    def setup(self, stage: str | None = None) -> None:
        """Read the images and check the counts against them, before any work starts.

        Args:
            stage: "fit", "validate" or "test"; None only reads the images.

        Raises:
            DataError: The images cannot be read, differ in size, or are all alike.
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
        """Make minibatches of the training images, on the training device if they fit there."""
        return self._training_batches(self.train.to(self._device))

    def val_dataloader(self) -> EvaluationBatches | list[EvaluationBatches]:
        """Make batches of validation images and as many training images; none if `num_validation` is 0."""
        return self._evaluation_batches(self.validation) if len(self.validation) else []

    def test_dataloader(self) -> EvaluationBatches:
        """Make batches of test images and as many training images."""
        return self._evaluation_batches(self.test)

    def transfer_batch_to_device(self, batch: Any, device: torch.device, dataloader_idx: int) -> Any:
        """Leave batches of this package where they are: they are made on the device."""
        if isinstance(batch, Minibatch | EvaluationBatch):
            return batch
        return super().transfer_batch_to_device(batch, device, dataloader_idx)

    @cached_property
    def _splits(self) -> _Splits:
        train, test = self.read_image_sets()
        check_image_sets(train, test, self.origin)
        num_validation = len(test) if self._num_validation is None else self._num_validation
        if num_validation >= len(train):
            raise ValueError(
                f"num_validation={num_validation} leaves nothing to train on: there are {len(train)} training "
                "images. Lower num_validation."
            )
        order = permutation(len(train), Draw.VALIDATION_SPLIT, self._seed)
        return _Splits(train.part(order[num_validation:]), train.part(order[:num_validation]), test)

    def draw_evaluation(self, held_out: ImageSet, num_images: int | None = None) -> tuple[ImageSet, ImageSet]:
        """Draw held-out images and as many training images, neither with repetition.

        Even a whole split is shuffled: test images need not be equally hard, and a run limited to some batches
        should see a fair part of them.

        Args:
            held_out: Validation or test images.
            num_images: Images to draw from each; None draws `num_eval_images`, or as many as are held out.

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


def _check_at_least(minimum: int, **counts: int | None) -> None:
    for name, count in counts.items():
        if count is not None and count < minimum:
            raise ValueError(f"{name}={count} is not possible: it must be at least {minimum}.")
