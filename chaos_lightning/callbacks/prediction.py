"""Writes predicted samples to a file without ever holding them all."""

import json
import secrets
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import BasePredictionWriter
from torch import Tensor
from torchvision.utils import save_image

from chaos_lightning.callbacks.generator import as_generator
from chaos_lightning.files import (
    make_writable,
    output_file,
    remove_left_behind,
    remove_quietly,
    temporary_beside,
    written_at_once,
)
from chaos_lightning.pictures.grids import image_grid
from chaos_lightning.pixels import to_rates, to_stored
from chaos_lightning.shapes import is_image
from chaos_lightning.version import __version__

_COPY_BYTES = 1 << 20
_COMPRESSION = 1  # files a tenth larger than with zlib's own 6, in a third of the time: most of predict's on a GPU
_LONGEST_ROW = 20


class SampleWriter(BasePredictionWriter):
    """Writes images as they are generated; memory does not grow with their number.

    The result is a compressed ``.npz`` file with ``images`` (``(num_samples, height, width)``, of several channels
    ``(num_samples, height, width, channels)``, 8-bit, 0 for -1 and 255 for 1), or ``vectors`` (``(num_samples,
    units)``, float32) where samples are no images, ``seed``, ``settings`` (the model's settings as JSON) and
    ``version`` of the package, for images asked for by class also ``labels`` (``(num_samples,)``, int64), and beside it
    a picture of the first images with the same name and the suffix ``.png``, a row a class where several are asked for;
    of vectors there is no picture. Each process writes its images into a part file, whose name no other run has; at the
    end the parts are put together, in order, into a temporary file that then takes the final name: the result is whole
    or not there, and of two runs with the same output that of the last one.

    Args:
        output: the file to write; ``.npz`` is appended if it is missing.
        num_samples: number of images over all processes.
        seed: noted in the file.
        classes: classes asked for, in turn; none for images not asked for by class.
        task: task of a user's own with its settings, as text, noted in the file; empty for none.
        images_in_picture: number of images in the picture, at most.

    Raises:
        ValueError: if the output is a folder, or has the ending of another kind of file.
    """

    def __init__(
        self,
        output: str | Path,
        num_samples: int,
        seed: int,
        classes: tuple[int, ...] = (),
        task: str = "",
        images_in_picture: int = 100,
    ) -> None:
        super().__init__(write_interval="batch")
        self.path = output_file(output, ".npz")
        self.num_samples = num_samples
        self.seed = seed
        self.classes = classes
        self.task = task
        self.images_in_picture = images_in_picture
        self._stored = np.empty(0, np.uint8)  # of no samples, as they are stored
        self._run = ""

    def _part(self, rank: int) -> Path:
        return temporary_beside(self.path, f"{self._run}.part{rank}")

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Open the part file, so that a folder that can't be written to is noticed before the work."""
        make_writable(self.path.parent)
        self._run = trainer.strategy.broadcast(secrets.token_hex(6))  # the same on all processes
        remove_left_behind(self.path)
        self._part(trainer.global_rank).touch()

    def write_on_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        prediction: Tensor,
        batch_indices: Sequence[int] | None,
        batch: Any,
        batch_idx: int,
        dataloader_idx: int,
    ) -> None:
        """Append the images of a batch to the part file."""
        shape = tuple(as_generator(pl_module).image_shape)
        if tuple(prediction.shape[1:]) != shape:
            raise ValueError(
                f"the answers of the task have the shape {tuple(prediction.shape[1:])}, and are no images of "
                f"{shape}: ask for them in Python, with perform"
            )
        stored = (to_stored(prediction.float()) if is_image(shape) else prediction.float()).cpu().numpy()
        self._stored = stored[:0]
        with self._part(trainer.global_rank).open("ab") as file:
            file.write(stored.tobytes())

    def on_predict_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Put the parts together."""
        trainer.strategy.barrier()
        if trainer.is_global_zero:
            parts = [self._part(rank) for rank in range(trainer.world_size)]
            with written_at_once(self.path) as samples:
                self._assemble(parts, pl_module, samples)
                if is_image(as_generator(pl_module).image_shape):
                    with written_at_once(self.path.with_suffix(".png")) as drawn:
                        save_image(self._picture(self._first_images(parts)), drawn, format="png")
            for part in parts:
                part.unlink()

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        """Leave no part file behind."""
        remove_quietly(self._part(trainer.global_rank))

    def _first_images(self, parts: list[Path]) -> Tensor:
        """The first images of all parts in order, as rates ``(images, channels, height, width)``."""
        image_bytes = int(np.prod(self._stored.shape[1:]))
        levels = b""
        for part in parts:
            with part.open("rb") as file:
                levels += file.read(self.images_in_picture * image_bytes - len(levels))
        images = torch.frombuffer(bytearray(levels), dtype=torch.uint8).view(-1, *self._stored.shape[1:])
        return to_rates(images.unsqueeze(1) if images.ndim == 3 else images.movedim(-1, 1))

    def _picture(self, images: Tensor) -> Tensor:
        """A grid of images; of several classes in turn, a row of each."""
        num_classes = len(set(self.classes))
        columns = min(len(images) // max(num_classes, 1), _LONGEST_ROW)
        if num_classes < 2 or num_classes < len(self.classes) or columns == 0:
            return image_grid(images)
        by_class = images[: columns * num_classes].unflatten(0, (columns, num_classes)).transpose(0, 1)
        return image_grid(by_class.flatten(0, 1), images_per_row=columns)

    def _assemble(self, parts: list[Path], pl_module: LightningModule, path: Path) -> None:
        settings = json.dumps(dict(pl_module.hparams), default=str, sort_keys=True)
        stored = self._stored
        name = "images.npy" if stored.dtype == np.uint8 else "vectors.npy"
        shape = (self.num_samples, *stored.shape[1:])
        header = {"descr": np.lib.format.dtype_to_descr(stored.dtype), "fortran_order": False, "shape": shape}
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=_COMPRESSION) as archive:
            with archive.open(name, "w", force_zip64=True) as target:
                np.lib.format.write_array_header_1_0(target, header)
                for part in parts:
                    with part.open("rb") as source:
                        while block := source.read(_COPY_BYTES):
                            target.write(block)
            entries = {"seed": np.array(self.seed), "settings": np.array(settings), "version": np.array(__version__)}
            if self.task:
                entries["task"] = np.array(self.task)
            if self.classes:
                entries["labels"] = np.resize(np.array(self.classes, dtype=np.int64), self.num_samples)  # in turn
            for name, value in entries.items():
                with archive.open(f"{name}.npy", "w") as target:
                    np.lib.format.write_array(target, value, allow_pickle=False)
