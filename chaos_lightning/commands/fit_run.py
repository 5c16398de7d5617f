"""``fit`` as one run of an experiment, within this process."""

from collections.abc import Sequence

from torch import nn

from chaos_lightning.callbacks import FeatureMeasures, TrainingClock
from chaos_lightning.commands.cli import ChaosCLI
from chaos_lightning.experiments.log import quiet
from chaos_lightning.experiments.workers import be_alone

CLOCK = "chaos_lightning.callbacks.TrainingClock"


def fit(arguments: Sequence[str]) -> tuple[ChaosCLI, float]:
    """Do ``chaos-lightning fit``; a run that was broken off goes on from its last checkpoint.

    Returns:
        The finished command, and the seconds of training.
    """
    cli = ChaosCLI(["fit", *arguments, f"--trainer.callbacks+={CLOCK}", "--ckpt_path=last"])
    callbacks = cli.trainer.callbacks  # type: ignore[attr-defined]
    (clock,) = (callback for callback in callbacks if isinstance(callback, TrainingClock))
    return cli, clock.seconds


def without_training(arguments: Sequence[str]) -> ChaosCLI:
    """Make model, data module and trainer of a run.

    Raises:
        ValueError: if the settings make no model, or ask for several processes.
    """
    be_alone()
    with quiet(None):
        cli = ChaosCLI([*arguments], run=False)
    if cli.trainer.world_size > 1:
        raise ValueError(
            f"a run would share its work out over {cli.trainer.world_size} processes, but here whole runs go side by "
            "side: leave --trainer.devices and --trainer.num_nodes out, and set --workers"
        )
    return cli


def features_of(cli: ChaosCLI) -> nn.Module | None:
    """Find the network in whose feature space runs are measured; None if none is asked for.

    Raises:
        FileNotFoundError: if there is no such file, or the data set has no classifier yet.
        ValueError: if there is no such class, or the network cannot read the images.
    """
    callbacks = cli.trainer.callbacks  # type: ignore[attr-defined]
    (asked,) = (callback for callback in callbacks if isinstance(callback, FeatureMeasures))
    return asked.find(cli.datamodule.image_shape, cli.datamodule)
