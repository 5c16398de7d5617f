"""Trained networks from the package, from files and from the Hugging Face Hub, and the way back to the Hub."""

import os
import re
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from types import ModuleType
from typing import Any, Self

import lightning.pytorch as pl

from chaos_lightning.checkpoints import without_places, write_weights_file
from chaos_lightning.models.model_card import model_card
from chaos_lightning.models.training import HebbianTraining
from chaos_lightning.pretrained import PREFIX, pretrained_file

WEIGHTS = "model.safetensors"
"""Name of the weights in a repository of the Hub."""


class Shared(HebbianTraining):
    """A network that others can load by a name."""

    @classmethod
    def from_pretrained(cls, name: str | os.PathLike[str], *, revision: str | None = None, **settings: Any) -> Self:
        """Load a trained network.

        Args:
            name: a file of weights or checkpoint; a network that comes with the package, such as ``mnist``; or
                ``owner/repository`` on the Hugging Face Hub.
            revision: commit, branch or tag on the Hub.
            **settings: settings that differ from the saved ones, as for ``load_from_checkpoint``.

        Raises:
            ModuleNotFoundError: for a name on the Hub if huggingface_hub is not installed.
            OSError: if the Hub cannot be reached or has no such network.
            ValueError: for an unknown name, with the known ones, or if the file does not fit.

        Example:
            >>> from chaos_lightning import ChaoticGenerator
            >>> ChaoticGenerator.from_pretrained("mnist").sample(2, seed=0).shape
            torch.Size([2, 1, 28, 28])
        """
        name = os.fspath(name)
        if os.path.exists(name):
            path = name
        elif re.fullmatch(r"[\w.-]+/[\w.-]+", name):
            path = _on_hub(f"fetch {name} from", "hf_hub_download", name, WEIGHTS, revision=revision)
        else:
            path = os.fspath(pretrained_file(name.removeprefix(PREFIX)))
        return cls.load_from_checkpoint(path, map_location="cpu", **settings)

    def push_to_hub(self, repo_id: str, *, licence: str, private: bool = False) -> str:
        """Upload the network to the Hugging Face Hub, with a model card that states measures, floors and settings.

        Measure it first, by ``Trainer().test(network, datamodule=data)``: the card states the last measures. Where the
        images lay on this machine is left out of the file.

        Args:
            repo_id: ``owner/repository``, made if need be.
            licence: licence of the weights, by its name on the Hub; that of the training images may bind it.
            private: whether a new repository is private.

        Returns:
            The address of the upload.

        Raises:
            ModuleNotFoundError: if huggingface_hub is not installed.
            OSError: if the Hub cannot be reached, or refuses.
            ValueError: if the network has not been measured.
        """
        if self.evaluation is None:
            raise ValueError(
                "the model card states measures, and this network has none yet: measure it first, by "
                "Trainer().test(network, datamodule=data)"
            )
        checkpoint: dict[str, Any] = {
            "state_dict": self.state_dict(),
            "hyper_parameters": dict(self.hparams),
            "global_step": self.evaluation.step,
            "pytorch-lightning_version": pl.__version__,
        }
        data = getattr(self._trainer, "datamodule", None)
        if data is not None:
            checkpoint["datamodule_hyper_parameters"] = dict(data.hparams)
        self.on_save_checkpoint(checkpoint)
        checkpoint = without_places(checkpoint)
        with TemporaryDirectory() as folder:
            write_weights_file(checkpoint, Path(folder) / WEIGHTS)
            card = model_card(checkpoint, self.evaluation, repo_id, licence)
            (Path(folder) / "README.md").write_text(card, encoding="utf-8")
            _on_hub(f"make {repo_id} on", "create_repo", repo_id, exist_ok=True, private=private)
            return str(_on_hub(f"write to {repo_id} on", "upload_folder", repo_id=repo_id, folder_path=folder))


def _on_hub(action: str, function: str, *arguments: Any, **options: Any) -> Any:
    """Call a function of huggingface_hub."""
    try:
        hub: ModuleType = import_module("huggingface_hub")
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            "the Hugging Face Hub needs huggingface_hub, which is not installed: pip install chaos-lightning[hub]"
        ) from error
    try:
        return getattr(hub, function)(*arguments, **options)
    except Exception as error:  # of the network, of the Hub and of its client, in many kinds
        cause = str(error).strip().partition("\n")[0]
        raise OSError(
            f"cannot {action} the Hugging Face Hub, is the network there and the name right? {cause}"
        ) from error
