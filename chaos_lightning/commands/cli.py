"""The commands that need a trainer: ``chaos-lightning fit | validate | test | predict``."""

import json
import os
import sys
import time
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from inspect import Parameter, signature
from pathlib import Path
from pydoc import locate
from typing import Any, Literal

import lightning.pytorch as pl
import torch
import yaml
from jsonargparse import Namespace
from lightning.fabric.plugins import CheckpointIO
from lightning.pytorch.cli import LightningArgumentParser, LightningCLI, SaveConfigCallback
from lightning.pytorch.loggers import TensorBoardLogger
from lightning.pytorch.utilities.rank_zero import rank_zero_info, rank_zero_only, rank_zero_warn

import chaos_lightning.baselines  # noqa: F401 - makes their names known to --model
from chaos_lightning.callbacks import (
    EvaluationSignals,
    MeasuresFile,
    StepProgressBar,
    TrainingAlarms,
    TrainingCheckpoint,
    TrainingPictures,
)
from chaos_lightning.callbacks.folder import folder_of_run
from chaos_lightning.callbacks.measures import print_evaluation
from chaos_lightning.commands.faults import is_out_of_memory, memory_advice, not_known
from chaos_lightning.commands.last_run import take_newest_run
from chaos_lightning.data import ImageDataModule
from chaos_lightning.data.of_training import is_at_hand, require_at_hand, training_data
from chaos_lightning.metrics.record import RECORD
from chaos_lightning.metrics.report import SYMBOLS
from chaos_lightning.models import ImageGenerator
from chaos_lightning.models.checkpoint import (
    WholeFileIO,
    check_architecture,
    read_checkpoint,
    read_header,
)
from chaos_lightning.models.generator import subclasses
from chaos_lightning.trainer import NoProfiler, Trainer
from chaos_lightning.version import __version__

SPECIAL_CHECKPOINTS = ("last", "best", "hpc", "registry")
"""What Lightning takes in place of a checkpoint's path."""

DEFAULTS = {"model": "chaos_lightning.TwoLayer", "data": "chaos_lightning.MNISTDataModule"}
"""Classes of model and data."""


class Parser(LightningArgumentParser):
    """Says what is wrong with an argument without hundreds of lines on how all of them are used."""

    def print_usage(self, file: Any = None) -> None:
        """Nothing beside an error; it is followed by how to get help."""
        if file is not sys.stderr:
            super().print_usage(file)


class SettingsFile(SaveConfigCallback):
    """Writes the settings of a run into its folder, in such a way that they make a run of their own.

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
        """Write them; a resumed run that goes on in the same folder does so again."""
        if self._folder is not None:
            self._folder.mkdir(parents=True, exist_ok=True)
            path = self._folder / self.config_filename
            self.parser.save(self.config, path, skip_none=False, overwrite=True, multifile=False)


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
            trainer_defaults={
                "max_steps": 300_000,  # the published run
                "val_check_interval": 5_000,
                "check_val_every_n_epoch": None,
                "num_sanity_val_steps": 0,
                "log_every_n_steps": 50,
                "logger": {
                    "class_path": "lightning.pytorch.loggers.TensorBoardLogger",
                    "init_args": {"save_dir": "logs", "name": "runs", "default_hp_metric": False},
                },
                "callbacks": [MeasuresFile()],
            },
            parser_kwargs={
                "version": __version__,
                "description": "Trains chaotic recurrent neural networks as generative models. fit trains, validate "
                "and test measure, predict generates images.",
                "epilog": "Further commands, each with a --help of its own: complete fills in hidden parts of images; "
                "report draws what a trained network does; "
                "measure measures the images of any generator; export writes trained weights as .safetensors; "
                "sweep compares networks with other settings; compare holds generators of any kind against each other.",
            },
            args=args,
            run=run,
        )

    def init_parser(self, **kwargs: Any) -> LightningArgumentParser:
        """Note the versions in configs that are written."""
        versions = [f"chaos_lightning=={__version__}", f"lightning.pytorch=={pl.__version__}"]
        return super().init_parser(dump_header=versions, **kwargs)

    @staticmethod
    def subcommands() -> dict[str, set[str]]:
        """The subcommands, and the arguments of the trainer's methods that are not the user's."""
        evaluate = {"model", "dataloaders", "datamodule", "verbose", "weights_only"}
        return {
            "fit": {"model", "train_dataloaders", "val_dataloaders", "datamodule", "weights_only"},
            "validate": evaluate,
            "test": evaluate,
            "predict": {"model"},
        }

    def _prepare_subcommand_parser(self, klass: type, subcommand: str, **kwargs: Any) -> LightningArgumentParser:
        """The parser of a subcommand, which stays empty if another one was asked for: filling it takes a while."""
        asked = self._arguments[0] if isinstance(self._arguments, list) and self._arguments else None
        if asked in self.subcommands() and asked != subcommand:
            return self.init_parser(**kwargs)
        return super()._prepare_subcommand_parser(klass, subcommand, **kwargs)

    def add_core_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        """Add trainer, model and data; model and data have defaults."""
        super().add_core_arguments_to_parser(parser)
        # Settings of the default, its optimiser among them, would be carried over to another class that is asked for.
        classes_of: dict[str, list[type]] = {
            "model": [*subclasses(ImageGenerator)],
            "data": [*subclasses(ImageDataModule)],
        }
        for section, classes in classes_of.items():
            known = {class_.__name__: f"{class_.__module__}.{class_.__name__}" for class_ in classes}
            self._check_name(section, known)
            asked = self._asked_class(section, "config", section) or DEFAULTS[section]
            path = known.get(asked, asked)
            is_class = isinstance(locate(path), type)  # else the parser complains of it
            parser.set_defaults({section: {"class_path": path if is_class else DEFAULTS[section]}})

    def add_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        """Add the callbacks that have settings, and what follows from other settings."""
        parser.add_lightning_class_args(TrainingCheckpoint, "checkpoint")
        parser.set_defaults({"checkpoint.every_n_train_steps": 1_000, "checkpoint.save_last": True})
        parser.add_lightning_class_args(TrainingPictures, "pictures")
        parser.add_lightning_class_args(TrainingAlarms, "alarms")
        parser.add_argument(
            "--matmul_precision",
            type=Literal["highest", "high"],
            default="highest",
            help="how float32 products are made: of factors as they are, or on GPUs that can (high) of factors rounded "
            "to TF32, three digits, which is faster; see torch.set_float32_matmul_precision",
        )
        parser.link_arguments("seed_everything", "model.init_args.seed")
        parser.link_arguments("seed_everything", "data.init_args.seed")
        # A decay is over when training is.
        parser.link_arguments("trainer.max_steps", "model.init_args.lr_scheduler.init_args.T_max")
        parser.link_arguments("trainer.max_steps", "model.init_args.lr_scheduler.init_args.total_iters")

    def instantiate_trainer(self, **kwargs: Any) -> pl.Trainer:
        """Make the trainer, without the callbacks that the user switched off, and set how products are made."""
        torch.set_float32_matmul_precision(self._get(self.config_init, "matmul_precision"))
        config = {**self._get(self.config_init, "trainer", default={}), **kwargs}
        plugins = config["plugins"] or []
        plugins = list(plugins) if isinstance(plugins, (list, tuple)) else [plugins]
        if not any(isinstance(plugin, CheckpointIO) for plugin in plugins):
            config["plugins"] = [*plugins, WholeFileIO()]
        config["profiler"] = config["profiler"] or NoProfiler()
        callbacks = [self._get(self.config_init, key) for key in self._parser(self.subcommand).callback_keys]
        callbacks.append(EvaluationSignals())
        if config["enable_checkpointing"] is False:
            callbacks = [callback for callback in callbacks if not isinstance(callback, TrainingCheckpoint)]
        if self.subcommand == "predict":  # its file holds all that there is to keep
            config["logger"] = False
            self.save_config_callback = None
        if config["enable_progress_bar"] is not False:
            callbacks.append(StepProgressBar())
        return self._instantiate_trainer(config, callbacks)

    def _parse_ckpt_path(self) -> None:
        """Find the checkpoint that is meant, and take settings of model and data from it, so that its path says all.

        Those that the user gives count more. Not for ``fit``, where all settings are the user's and have to agree with
        the checkpoint.

        Raises:
            ValueError: if the user asked for another architecture, or the file cannot be read.
            FileNotFoundError: if there is no such file.
        """
        subcommand = self.config.get("subcommand")
        if subcommand is None:  # with run=False
            return
        config = self.config[subcommand]
        if config.get("ckpt_path") == "last":
            searched = take_newest_run(config, goes_on=subcommand == "fit")
            if searched is not None and subcommand != "fit":
                raise FileNotFoundError(f"there is no last checkpoint under {searched}: give --ckpt_path FILE")
            if searched is not None:  # so that the same command starts a run and goes on with it
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
        asked = self._asked_class("model", "model")
        if asked is not None:
            check_architecture(checkpoint, asked.rpartition(".")[2])
        parser, logger = self._parser(subcommand), config.trainer.logger
        parser.set_defaults(_settings_of(checkpoint, other_data=self._asked_class("data", "config", "data")))
        self.parse_arguments(self.parser, self._args)
        for name, value in {"ckpt_path": path, "trainer.logger": logger}.items():
            self.config[subcommand][name] = value

    def _asked_class(self, section: str, *options: str) -> str | None:
        """The class that the user asks for: parsed settings do not tell it from the default.

        Args:
            section: "model" or "data".
            options: where to look, the section itself (``--model``) or ``config``; the last one that has it counts.
        """
        for option in reversed(options):
            given = self._given(option)
            found = given if option == section else [_class_in_config(value, section) for value in given]
            class_paths = [class_path for class_path in found if class_path]
            if class_paths:
                return class_paths[-1]
        return None

    def _given(self, option: str) -> list[str]:
        """The values that the user gives an option, in their order; empty ones where a value is missing."""
        values = []
        for position, argument in enumerate(self._arguments):
            name, _, value = argument.partition("=")
            if name == f"--{option}":
                values.append(value or "".join(self._arguments[position + 1 : position + 2]))
        return values

    def _check_name(self, option: str, known: Iterable[str]) -> None:
        """Refuse a misspelt class; one with a module is left to the parser, and so is a file."""
        for value in self._given(option):
            if value.isidentifier() and value not in known and not os.path.exists(value):
                raise ValueError(not_known(option, value, known))

    def validate(self, **arguments: Any) -> None:
        """Measure on validation images; the table is ours, not Lightning's."""
        self.trainer.validate(**arguments, verbose=False)

    def test(self, **arguments: Any) -> None:
        """Measure on test images; the table is ours, not Lightning's."""
        self.trainer.test(**arguments, verbose=False)

    def predict(self, model: ImageGenerator, datamodule: ImageDataModule, **arguments: Any) -> None:
        """Generate samples, for which no real images are needed."""
        self.trainer.predict(model, **arguments)

    def before_instantiate_classes(self) -> None:
        """Refuse what the parser lets pass: null where a value belongs, and anything but settings where those belong.

        Raises:
            ValueError: saying which setting to leave out.
        """
        for section in self._parser(self.subcommand).callback_keys:
            settings = self._get(self.config, section)
            if not isinstance(settings, Namespace):
                raise ValueError(
                    f"{section} is {json.dumps(settings)}, but takes settings of its own: leave it out for the defaults"
                )
        for section in ("model", "data"):
            settings = self._get(self.config, section)
            for name in _needed_values(locate(settings.class_path)):
                if settings.get("init_args", {}).get(name, "left out") is None:
                    raise ValueError(f"{section}.{name} is null, but needs a value: leave it out for the default")

    def instantiate_classes(self) -> None:
        """Make trainer, model and data."""
        with self._memory_explained():
            super().instantiate_classes()

    def _run_subcommand(self, subcommand: str) -> None:
        with self._memory_explained():
            super()._run_subcommand(subcommand)

    @contextmanager
    def _memory_explained(self) -> Iterator[None]:
        """Say what to lower when memory runs out."""
        try:
            yield
        except Exception as error:
            if not is_out_of_memory(error):
                raise
            config = self.config[self.config.subcommand]
            model, data = config.model.init_args, config.data.init_args
            sizes = {name: value for name, value in vars(model).items() if name.endswith("_units")}
            training = {"--data.batch_size": data.batch_size}
            if "num_chains" in model:
                training["--model.num_chains"] = model.num_chains or "one an image"
            settings = {
                "fit": {**training, "--data.eval_batch_size": data.eval_batch_size},
                "predict": {"--chains_at_once": config.get("chains_at_once")},
            }.get(self.config.subcommand, {"--data.eval_batch_size": data.eval_batch_size})
            layers = ", ".join(f"{value} {name}" for name, value in sizes.items())
            raise MemoryError(memory_advice(self.config.subcommand, layers, settings)) from error

    def before_fit(self) -> None:
        """Note when training starts."""
        self._start = time.monotonic()

    def after_fit(self) -> None:
        """Measure the final network if that has not been done, and say what was reached and where the files are."""
        if self.trainer.interrupted:
            return
        evaluation = self.model.evaluation
        if not self.trainer.limit_val_batches or not len(self.datamodule.validation):
            pass  # not to be measured
        elif evaluation is None or evaluation.step != self.trainer.global_step:
            self.validate(model=self.model, datamodule=self.datamodule)
        else:
            print_evaluation(evaluation)
        self._report(folder_of_run(self.trainer))

    @rank_zero_only
    def _report(self, folder: Path | None) -> None:
        seconds = round(time.monotonic() - self._start)
        model, trainer = self.model, self.trainer
        evaluation = model.evaluation
        print(
            f"Trained {type(model).__name__} on {self.datamodule.name} for {trainer.global_step:,} steps in "
            f"{timedelta(seconds=seconds)}."
        )
        if evaluation is None:
            print("It was not measured, for that takes validation images.")
        else:
            reached, floors = (
                ", ".join(f"{symbol} = {values[name]:.2g}" for name, symbol in SYMBOLS.items())
                for values in (evaluation.measures[evaluation.sampling_time], evaluation.floors)
            )
            print(f"Its samples reach {reached}; 0 is perfect, and real images reach {floors}.")
        for label, name in (("samples    ", "samples.png"), ("measures   ", RECORD)):
            if folder is not None and (folder / name).exists():
                print(f"{label} {folder / name}")
        print(f"checkpoint  {getattr(trainer.checkpoint_callback, 'last_model_path', None) or 'none was written'}")
        for logger in trainer.loggers:
            if isinstance(logger, TensorBoardLogger):
                print(f"TensorBoard tensorboard --logdir {logger.log_dir}")


def _settings_of(checkpoint: dict[str, Any], *, other_data: str | None) -> dict[str, Any]:
    """Model, data and seed of a training, as defaults of the command line.

    Args:
        checkpoint: of the training.
        other_data: data that the user asks for instead, if any.

    Raises:
        ValueError: if the data module of the training is not at hand, and nothing else was asked for.
    """
    saved, header = checkpoint["hyper_parameters"], read_header(checkpoint)
    # The seed of both comes from that of everything.
    settings = {name: value for name, value in saved.items() if name != "seed" and not name.startswith("_")}
    class_path = saved.get("_class_path", header.get("class_path", header["architecture"]))
    defaults = {"model": {"class_path": class_path, "init_args": settings}, "seed_everything": saved.get("seed", 0)}
    data = training_data(checkpoint)
    if data is not None and other_data is None:
        require_at_hand(data)
    if data is not None and is_at_hand(data):
        data["init_args"].pop("seed", None)
        defaults["data"] = data
    return defaults


def _class_in_config(config: str, section: str) -> str | None:
    """The class path of the model or data in a config, which is a file or its contents.

    None without one, or where the parser will complain of the config.
    """
    try:
        contents = Path(config).read_text() if os.path.isfile(config) else config
        settings = yaml.safe_load(contents)[section]
        class_path = settings if isinstance(settings, str) else settings["class_path"]
        return str(class_path)
    except (OSError, ValueError, KeyError, TypeError, yaml.YAMLError):
        return None


def _needed_values(class_: Any) -> list[str]:
    """The arguments of a class, and of those it inherits from, that None says nothing about."""
    bases = reversed(class_.__mro__)
    defaults = {name: value.default for base in bases for name, value in signature(base.__init__).parameters.items()}
    return [name for name, default in defaults.items() if default is not None and default is not Parameter.empty]
