"""The commands that need a trainer: ``chaos-lightning fit | validate | test | predict``."""

import sys
import time
import warnings
from pydoc import locate
from typing import Any, Literal

import lightning.pytorch as pl
import torch
from lightning.fabric.plugins import CheckpointIO
from lightning.pytorch.callbacks import ModelCheckpoint, ProgressBar
from lightning.pytorch.cli import LightningArgumentParser, LightningCLI
from lightning.pytorch.loggers import CSVLogger, TensorBoardLogger
from lightning.pytorch.strategies.launchers.multiprocessing import _MultiProcessingLauncher
from lightning.pytorch.utilities.rank_zero import rank_zero_info, rank_zero_warn

import chaos_lightning.baselines  # noqa: F401 - makes their names known to --model
from chaos_lightning.callbacks import (
    EvaluationSignals,
    FeatureMeasures,
    StepProgressBar,
    TrainingAlarms,
    TrainingCheckpoint,
    TrainingPictures,
)
from chaos_lightning.callbacks.folder import folder_of_run
from chaos_lightning.callbacks.measures import print_evaluation
from chaos_lightning.checkpoints import WholeFileIO, check_architecture, read_checkpoint, read_header
from chaos_lightning.commands.closing_report import print_closing_report, print_places
from chaos_lightning.commands.faults import memory_explained
from chaos_lightning.commands.given_options import asked_class, check_name
from chaos_lightning.commands.last_run import take_newest_run
from chaos_lightning.commands.parser import DEFAULT_CLASSES, Parser, trainer_defaults
from chaos_lightning.commands.settings_check import check_settings
from chaos_lightning.commands.settings_file import SettingsFile
from chaos_lightning.commands.settings_of_checkpoint import settings_of
from chaos_lightning.data import ImageDataModule
from chaos_lightning.files import expand_paths
from chaos_lightning.models import ImageGenerator
from chaos_lightning.models.saving import subclasses
from chaos_lightning.trainer import NoProfiler, Trainer
from chaos_lightning.version import __version__

SPECIAL_CHECKPOINTS = ("last", "best", "hpc", "registry")
"""Words that Lightning takes in place of a checkpoint's path."""


class ChaosCLI(LightningCLI):
    """LightningCLI with the defaults of this package and a closing report after training."""

    def __init__(self, args: list[str] | None = None, run: bool = True) -> None:
        self._args = args
        self._arguments = sys.argv[1:] if args is None else args
        super().__init__(
            ImageGenerator,
            ImageDataModule,
            subclass_mode_model=True,
            subclass_mode_data=True,
            trainer_class=Trainer,
            seed_everything_default=0,
            auto_configure_optimizers=False,
            parser_class=Parser,
            save_config_callback=SettingsFile,
            trainer_defaults=trainer_defaults(),
            parser_kwargs={"version": __version__},
            args=args,
            run=run,
        )

    def init_parser(self, **kwargs: Any) -> LightningArgumentParser:
        """Make a parser that notes the versions in written configs."""
        versions = [f"chaos_lightning=={__version__}", f"lightning.pytorch=={pl.__version__}"]
        return super().init_parser(dump_header=versions, **kwargs)

    @staticmethod
    def subcommands() -> dict[str, set[str]]:
        """Name the subcommands, and the arguments of the trainer's methods that are no options."""
        evaluate = {"model", "dataloaders", "datamodule", "verbose", "weights_only"}
        return {
            "fit": {"model", "train_dataloaders", "val_dataloaders", "datamodule", "weights_only"},
            "validate": evaluate,
            "test": evaluate,
            "predict": {"model"},
        }

    def _prepare_subcommand_parser(self, klass: type, subcommand: str, **kwargs: Any) -> LightningArgumentParser:
        """Make the parser of a subcommand; it stays empty if another was asked for, since filling it takes a while."""
        asked = self._arguments[0] if isinstance(self._arguments, list) and self._arguments else None
        if asked in self.subcommands() and asked != subcommand:
            return self.init_parser(**kwargs)
        return super()._prepare_subcommand_parser(klass, subcommand, **kwargs)

    def add_core_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        """Add trainer, model and data; model and data have defaults."""
        super().add_core_arguments_to_parser(parser)
        # The class must be known before: settings of a default class, such as its optimiser, would be kept otherwise.
        classes_of: dict[str, list[type]] = {
            "model": [*subclasses(ImageGenerator)],
            "data": [*subclasses(ImageDataModule)],
        }
        for section, classes in classes_of.items():
            known = {each.__name__: f"{each.__module__}.{each.__name__}" for each in classes}
            check_name(self._arguments, section, known)
            asked = asked_class(self._arguments, section, "config", section) or DEFAULT_CLASSES[section]
            path = known.get(asked, asked)
            is_class = isinstance(locate(path), type)  # otherwise the parser complains
            parser.set_defaults({section: {"class_path": path if is_class else DEFAULT_CLASSES[section]}})

    def add_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        """Add the callbacks that have settings, the precision of products, and links between settings."""
        parser.add_lightning_class_args(TrainingCheckpoint, "checkpoint")
        parser.set_defaults({"checkpoint.every_n_train_steps": 1_000, "checkpoint.save_last": True})
        parser.add_lightning_class_args(TrainingPictures, "pictures")
        parser.add_lightning_class_args(TrainingAlarms, "alarms")
        parser.add_lightning_class_args(FeatureMeasures, "features")
        parser.add_argument(
            "--matmul_precision",
            type=Literal["highest", "high"],
            default="highest",
            help="how float32 products are made: of factors as they are, or on GPUs that can (high) of factors rounded "
            "to TF32, three digits, which is faster; see torch.set_float32_matmul_precision",
        )
        parser.link_arguments("seed_everything", "model.init_args.seed")
        parser.link_arguments("seed_everything", "data.init_args.seed")
        # A decay ends with training.
        parser.link_arguments("trainer.max_steps", "model.init_args.lr_scheduler.init_args.T_max")
        parser.link_arguments("trainer.max_steps", "model.init_args.lr_scheduler.init_args.total_iters")

    def instantiate_trainer(self, **kwargs: Any) -> pl.Trainer:
        """Make the trainer without the callbacks that the user switched off, and set the precision of products."""
        torch.set_float32_matmul_precision(self._get(self.config_init, "matmul_precision"))
        config = {**self._get(self.config_init, "trainer", default={}), **kwargs}
        plugins = config["plugins"] or []
        plugins = list(plugins) if isinstance(plugins, (list, tuple)) else [plugins]
        if not any(isinstance(plugin, CheckpointIO) for plugin in plugins):
            config["plugins"] = [*plugins, WholeFileIO()]
        config["profiler"] = config["profiler"] or NoProfiler()
        callbacks = [self._get(self.config_init, key) for key in self._parser(self.subcommand).callback_keys]
        callbacks.append(EvaluationSignals())
        own = config["callbacks"] or []
        own = list(own) if isinstance(own, (list, tuple)) else [own]
        if config["enable_checkpointing"] is False:
            callbacks = [callback for callback in callbacks if not isinstance(callback, TrainingCheckpoint)]
        if config["fast_dev_run"]:  # where Lightning's own would write a last checkpoint nevertheless
            own, callbacks = ([c for c in each if not isinstance(c, ModelCheckpoint)] for each in (own, callbacks))
        if self.subcommand == "predict":  # its file holds everything worth keeping
            config["logger"] = False
            self.save_config_callback = None
        if config["enable_progress_bar"] is not False and not any(isinstance(c, ProgressBar) for c in own):
            callbacks.append(StepProgressBar())
        # The checkpoint of the command goes first: it is the one that messages name.
        config["callbacks"] = [*(callback for callback in callbacks if isinstance(callback, ModelCheckpoint)), *own]
        callbacks = [callback for callback in callbacks if not isinstance(callback, ModelCheckpoint)]
        return self._instantiate_trainer(config, callbacks)

    def parse_arguments(self, parser: LightningArgumentParser, args: Any) -> None:
        """Parse, and replace ``~`` and variables in paths.

        Raises:
            ValueError: for a variable that is not set.
        """
        super().parse_arguments(parser, args)
        self.config = expand_paths(self.config)

    def _parse_ckpt_path(self) -> None:
        """Find the checkpoint, and take settings of model and data from it as defaults, so that its path is enough.

        ``fit`` takes none: there all settings are the user's and have to agree with the checkpoint.

        Raises:
            ValueError: if the user asked for another architecture, or the file cannot be read.
            FileNotFoundError: if there is no such file.
        """
        subcommand = self.config.get("subcommand")
        if subcommand is None:  # with run=False
            return
        config = self.config[subcommand]
        if subcommand == "predict" and config.seed is None:
            config.seed = config.seed_everything  # as the user has it, not as the checkpoint does
        if config.get("ckpt_path") == "last":
            searched = take_newest_run(config, goes_on=subcommand == "fit")
            if searched is not None and subcommand != "fit":
                raise FileNotFoundError(f"there is no last checkpoint under {searched}: give --ckpt_path FILE")
            if searched is not None:  # the same command starts a run and goes on with it
                config.ckpt_path = None
                rank_zero_info(f"There is no checkpoint under {searched} yet: training starts from the beginning.")
        path = config.get("ckpt_path")
        if path in (None, *SPECIAL_CHECKPOINTS):
            if subcommand != "fit" and path is None:
                rank_zero_warn(
                    "no checkpoint file was given (--ckpt_path FILE): the network is untrained, its samples noise"
                )
            return
        checkpoint = read_checkpoint(path)
        read_header(checkpoint)
        if subcommand == "fit":
            # That a run goes on in its own folder is no surprise.
            warnings.filterwarnings("ignore", "Checkpoint directory .* exists and is not empty")
            return
        asked = asked_class(self._arguments, "model", "model")
        if asked is not None:
            check_architecture(checkpoint, asked.rpartition(".")[2])
        parser, logger = self._parser(subcommand), config.trainer.logger
        parser.set_defaults(settings_of(checkpoint, other_data=asked_class(self._arguments, "data", "config", "data")))
        self.parse_arguments(self.parser, self._args)
        kept = {"ckpt_path": path, "trainer.logger": logger}
        if subcommand == "predict":
            kept["seed"] = config.seed
        for name, value in kept.items():
            self.config[subcommand][name] = value

    def validate(self, **arguments: Any) -> None:
        """Measure on validation images; MeasuresFile prints the table, not Lightning."""
        self.trainer.validate(**arguments, verbose=False)

    def test(self, **arguments: Any) -> None:
        """Measure on test images; MeasuresFile prints the table, not Lightning."""
        self.trainer.test(**arguments, verbose=False)

    def predict(self, model: ImageGenerator, datamodule: ImageDataModule, **arguments: Any) -> None:
        """Generate samples, without any real images."""
        self.trainer.predict(model, **arguments)

    def before_instantiate_classes(self) -> None:
        """Refuse wrong settings that the parser lets pass, see :func:`check_settings`.

        Raises:
            ValueError: saying which setting to leave out.
        """
        config = self.config if self.subcommand is None else self.config[self.subcommand]
        check_settings(config, self._parser(self.subcommand).callback_keys)

    def instantiate_classes(self) -> None:
        """Make trainer, model and data."""
        with memory_explained(self.config):
            super().instantiate_classes()

    def _run_subcommand(self, subcommand: str) -> None:
        with memory_explained(self.config):
            super()._run_subcommand(subcommand)

    def _starts_processes(self) -> bool:
        """Whether training runs in processes that this one starts by itself, such as with ddp_spawn and ddp_fork."""
        return isinstance(self.trainer.strategy.launcher, _MultiProcessingLauncher)

    def before_fit(self) -> None:
        """Note when training starts; give processes that this one starts the number of the run."""
        self._start = time.monotonic()
        for logger in self.trainer.loggers if self._starts_processes() else ():
            if isinstance(logger, (TensorBoardLogger, CSVLogger)):
                _ = logger.version

    def after_fit(self) -> None:
        """Measure the final network unless that was done, and print the closing report."""
        if self.trainer.interrupted:
            return
        if self._starts_processes():  # which know what was reached, and this one does not
            print_places(self.trainer, folder_of_run(self.trainer))
            return
        evaluation = self.model.evaluation
        if not self.trainer.limit_val_batches or not len(self.datamodule.validation):
            pass  # the user wants no measures
        elif evaluation is None or evaluation.step != self.trainer.global_step:
            self.validate(model=self.model, datamodule=self.datamodule)
        else:
            print_evaluation(evaluation)
        seconds = time.monotonic() - self._start
        print_closing_report(self.model, self.datamodule, self.trainer, folder_of_run(self.trainer), seconds)
