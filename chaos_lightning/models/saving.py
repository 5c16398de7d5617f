"""Checkpoints of a generator: saved with a description of their content, checked before loading and resuming."""

from collections.abc import Mapping
from io import BytesIO
from pydoc import locate
from typing import Any, Self, TypeVar

import torch
from lightning.fabric.utilities.types import _PATH

from chaos_lightning.checkpoints import check_architecture, migrate, plain, read_checkpoint, read_header, write_header
from chaos_lightning.checkpoints.resuming import (
    check_data,
    check_decay,
    check_frozen_couplings,
    check_optimizer,
    check_schedule,
    check_settings_of_run,
    warn_of_other_settings,
)
from chaos_lightning.models.measuring import Measured
from chaos_lightning.models.settings import accepted_settings

Class = TypeVar("Class")


class Saved(Measured):
    """A module that describes its content in checkpoints, and refuses checkpoints that do not fit."""

    @property
    def layer_sizes(self) -> list[int]:
        """Units of each layer, the layer of the pixels first."""
        raise NotImplementedError

    def check_weights(self) -> None:
        """Refuse weights of a training that has diverged."""

    @classmethod
    def load_from_checkpoint(cls, checkpoint_path: _PATH, *args: Any, **kwargs: Any) -> Self:  # type: ignore[override]
        """Load a trained generator; on a class with subclasses, the subclass that the file names.

        See :meth:`lightning.pytorch.LightningModule.load_from_checkpoint` for the arguments. The file may also hold
        exported weights (.safetensors).

        Raises:
            FileNotFoundError: if there is no such file.
            ValueError: if the file is damaged, holds another architecture, or was not written by this package.
        """
        checkpoint = read_checkpoint(checkpoint_path)
        header = read_header(checkpoint)
        saved = checkpoint.get("hyper_parameters", {})
        check_frozen_couplings(saved, {**saved, **kwargs}, header["layer_sizes"])
        architecture = header["architecture"]
        locate(header.get("class_path", ""))  # imports the module that defines the class, if possible
        architectures = {subclass.__name__: subclass for subclass in subclasses(cls)}
        if architecture in architectures:
            loaded: Any = architectures[architecture].load_from_checkpoint(checkpoint_path, *args, **kwargs)
        elif architectures and architecture != cls.__name__:
            is_known = architecture in {subclass.__name__ for subclass in subclasses(Saved)}
            advice = "" if is_known else f". Import the module that defines {architecture} first"
            check_architecture(checkpoint, *sorted(architectures), advice=advice)
        else:
            check_architecture(checkpoint, cls.__name__)
            # A class of a user's own may fix settings in its constructor: it makes them anew.
            fixed = {name: saved.pop(name) for name in saved.keys() - accepted_settings(cls) if name[0] != "_"}
            contents = BytesIO()  # Lightning gets the checkpoint as read, which is migrated to the present format
            torch.save(checkpoint, contents)
            contents.seek(0)
            loaded = super().load_from_checkpoint(contents, *args, **kwargs)
            differing = [name for name, value in fixed.items() if plain(loaded.hparams.get(name)) != value]
            if differing:
                raise ValueError(
                    f"{cls.__name__} takes no {', '.join(differing)}, but the checkpoint holds other values than it "
                    "makes by itself: add them to its constructor"
                )
        return loaded  # type: ignore[no-any-return]

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Describe the content of the file in it; refuse to save a network that has diverged.

        Raises:
            TrainingDivergedError: if it has diverged.
        """
        self.check_weights()
        data = getattr(self._trainer, "datamodule", None)
        write_header(
            checkpoint,
            network=type(self),
            layer_sizes=self.layer_sizes,
            optimizer=self._optimizer_name(),
            data=None if data is None else type(data),
        )

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Check that the file fits this architecture and size, and this optimiser if training goes on.

        Training goes on only with the seed in the file, and not beyond the decay of its learning rate. If a trainer
        loads the file into a module that exists already, other settings that differ give warnings.

        Raises:
            ValueError: if the file does not fit; the message says what it holds.
        """
        migrate(checkpoint)
        check_architecture(checkpoint, type(self).__name__)
        header, saved = read_header(checkpoint), checkpoint.get("hyper_parameters", {})
        has_trainer = self._trainer is not None
        goes_on = has_trainer and self.trainer.training
        if goes_on and "optimizer_states" not in checkpoint:
            raise ValueError("training cannot go on from exported weights: give the checkpoint that they came from")
        if header["layer_sizes"] != self.layer_sizes:
            raise ValueError(
                f"the checkpoint holds a network with layers of {header['layer_sizes']} units, "
                f"but this one has {self.layer_sizes}"
            )
        self._loaded_step = checkpoint["global_step"]
        if has_trainer:  # without one, load_from_checkpoint has checked the frozen couplings
            check_frozen_couplings(saved, self.hparams, self.layer_sizes)
            self._check_fit(checkpoint, saved, goes_on=goes_on)
        if has_trainer and self.trainer.precision == "64-true":
            self.double()  # Lightning would do it only after loading, when float32 has rounded the weights

    def _check_fit(self, checkpoint: dict[str, Any], saved: Mapping[str, Any], *, goes_on: bool) -> None:
        """Compare a checkpoint with this module, its data and its optimiser."""
        if goes_on:
            check_settings_of_run(saved, self.hparams)
        warn_of_other_settings(saved, self.hparams)
        data = getattr(self.trainer, "datamodule", None)
        if data is not None:
            check_data(checkpoint, data, "fit" if goes_on else self.trainer.state.fn)
        if not goes_on:
            return
        check_decay(checkpoint.get("lr_schedulers", []), self.trainer.max_steps)
        before, now = read_header(checkpoint)["optimizer"], self._optimizer_name()
        if before != now:
            raise ValueError(
                f"the checkpoint was trained with {before}, but this run uses {now}: training can go on only with the "
                "same optimiser"
            )
        optimizer = self.make_optimizer()
        schedule = None if self._make_lr_scheduler is None else self._make_lr_scheduler(optimizer)
        check_optimizer(checkpoint["optimizer_states"][0]["param_groups"], optimizer.param_groups)
        check_schedule(checkpoint.get("lr_schedulers", []), schedule, self.trainer.max_steps)

    def _optimizer_name(self) -> str:
        return type(self.make_optimizer()).__name__


def subclasses(cls: type[Class]) -> list[type[Class]]:
    """List all classes below one."""
    return [below for subclass in cls.__subclasses__() for below in (subclass, *subclasses(subclass))]
