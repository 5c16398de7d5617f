"""Checks of a comparison before any run starts."""

from collections.abc import Sequence

from chaos_lightning.checkpoints import read_checkpoint, training_data_name
from chaos_lightning.commands.cli import ChaosCLI
from chaos_lightning.commands.compare.contestants import NAME, Comparison
from chaos_lightning.commands.fit_run import features_of, without_training
from chaos_lightning.experiments.plan import Run
from chaos_lightning.models import ImageGenerator
from chaos_lightning.shapes import described


def check(plan: Comparison) -> None:
    """Make every contestant and its data, and check that there are enough images, and the network of features.

    Raises:
        FileNotFoundError: if there is no such checkpoint, or no such network.
        ValueError: if a contestant cannot be made or measured, with advice.
    """
    for name, entrant in plan.contestants.items():
        if entrant.checkpoint and (entrant.base or entrant.settings):
            raise ValueError(f"contestant {name} has a checkpoint, so it can have neither base nor settings")
        if not (entrant.checkpoint or entrant.base or entrant.settings):
            raise ValueError(f"contestant {name} needs a base, settings or a checkpoint")
    names: dict[str, str] = {}
    for run in (run for run in plan.runs() if run.seed == plan.seeds[0]):
        name, path = run.settings[NAME], plan.checkpoint(run)
        cli = make_untrained(plan, run)
        data = cli.datamodule
        num_validation = data.hparams["num_validation"]
        names.setdefault(f"{type(data).__name__}, {data.origin}, with num_validation={num_validation}", name)
        if path is not None:
            model = ImageGenerator.load_from_checkpoint(path, map_location="cpu")
            if tuple(data.image_shape) != model.image_shape:
                raise ValueError(
                    f"contestant {name} makes samples of {described(model.image_shape)}, but those of the data have "
                    f"{described(tuple(data.image_shape))}"
                )
            learned = training_data_name(read_checkpoint(path))
            if learned not in ("", type(data).__name__):
                raise ValueError(f"contestant {name} has learned from {learned}, not from {type(data).__name__}")
    if len(names) > 1:
        differ = ", ".join(f"{name}: {description}" for description, name in names.items())
        raise ValueError(f"all contestants must have the same data, so name it in settings. Now {differ}")
    data.prepare_data()
    features_of(cli)
    available = min(len(data.test), len(data.train), len(data.validation))
    if not 4 <= plan.num_samples <= available:
        raise ValueError(
            f"num_samples must be from 4 to {available}, the images that each split of the data has, but is "
            f"{plan.num_samples}"
        )


def make_untrained(plan: Comparison, run: Run) -> ChaosCLI:
    """Make model, data module and trainer of a run.

    A run with a checkpoint needs only data and trainer. They follow the shared settings; its model is the default one.
    """
    arguments = plan.fit_arguments(run)
    if plan.checkpoint(run) is not None:
        arguments = _of_data_and_trainer(arguments)
    return without_training(arguments)


_KEPT = ("--data", "--features", "--seed_everything", "--trainer.accelerator", "--trainer.devices")


def _of_data_and_trainer(arguments: Sequence[str]) -> list[str]:
    """Keep the options of data, features, seed and device, each with its values."""
    wanted = False
    kept = []
    for argument in arguments:
        if argument.startswith("--"):
            wanted = argument.startswith(_KEPT)
        if wanted:
            kept.append(argument)
    return kept
