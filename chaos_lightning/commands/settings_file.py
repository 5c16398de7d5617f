"""The settings of a run as a file in its folder."""

import os
from pathlib import Path

import lightning.pytorch as pl
from jsonargparse import Namespace
from lightning.pytorch.cli import LightningArgumentParser, SaveConfigCallback

from chaos_lightning.callbacks.folder import folder_of_run
from chaos_lightning.files import written_at_once


class SettingsFile(SaveConfigCallback):
    """Writes the settings of a run into its folder, such that they start a new run and do not resume this one.

    Without a logger a run has no folder, and nothing is written: a config.yaml elsewhere may be one of the user's own.
    """

    def __init__(self, parser: LightningArgumentParser, config: Namespace) -> None:
        config = config.clone()
        config["ckpt_path"] = None
        if "version" in (config.get("trainer.logger.init_args") or {}):
            config["trainer.logger.init_args.version"] = None
        super().__init__(parser, config, save_to_log_dir=False)
        self._folder: Path | None = None

    def setup(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        """Note the run's folder, which all processes must ask for together."""
        self._folder = folder_of_run(trainer)
        super().setup(trainer, pl_module, stage)

    def save_config(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        """Write the settings; a resumed run that goes on in the same folder writes them again."""
        if self._folder is not None:
            self._name_data_wherever_used(trainer)
            with written_at_once(self._folder / self.config_filename) as path:
                text = self.parser.dump(self.config, skip_none=False)
                path.write_text(text, encoding="utf-8")

    def _name_data_wherever_used(self, trainer: pl.Trainer) -> None:
        """Write the paths of data as the data module has noted them, so that they hold in any folder."""
        noted = getattr(trainer.datamodule, "hparams", {})  # type: ignore[attr-defined]
        settings = self.config.get("data.init_args") or Namespace()
        for name, value in vars(settings).items():
            if isinstance(value, str) and noted.get(name) == os.fspath(Path(value).absolute()):
                settings[name] = noted[name]
