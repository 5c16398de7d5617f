"""Pictures over training: generated images, the learned couplings, the spectra; and the measures as a table."""

from pathlib import Path
from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.loggers import Logger, TensorBoardLogger
from lightning.pytorch.utilities.rank_zero import rank_zero_only
from tensorboard.compat.proto.event_pb2 import Event, SessionLog
from torchvision.utils import save_image

from chaos_lightning.callbacks.folder import folder_of_run
from chaos_lightning.callbacks.generator import as_generator
from chaos_lightning.callbacks.loggers import log_figure, log_picture, log_table
from chaos_lightning.files import written_at_once
from chaos_lightning.metrics.catalogue import ERRORS
from chaos_lightning.metrics.evaluation import Evaluation
from chaos_lightning.pictures.grids import image_grid
from chaos_lightning.pictures.spectra import spectra_figure
from chaos_lightning.shapes import is_image


class TrainingPictures(Callback):
    """Pictures at every validation: a grid of samples, histograms of the couplings, the spectra.

    Grid and spectra go to TensorBoard, Weights & Biases, MLflow and Comet, whichever is the logger; histograms to
    TensorBoard alone; a table of the measures to the others, since TensorBoard has no tables. The grid is also written
    to the run's folder: to ``samples.png``, which shows the newest network, and to ``samples/step_….png``, which stay.
    Without a logger a run has no folder. The chains are the same each time, so the pictures show how the same starts
    come out as the network learns. Of vectors that are no images there is no grid.

    Args:
        num_images: Images in the grid.
        seed: Seed of the random initial states.

    Raises:
        ValueError: If ``num_images`` is below 1.
    """

    def __init__(self, num_images: int = 100, seed: int = 0) -> None:
        if num_images < 1:
            raise ValueError(f"num_images must be at least 1, but is {num_images}")
        self.num_images = num_images
        self.seed = seed
        self._folder: Path | None = None

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Note the run's folder; all processes must ask for it together."""
        self._folder = folder_of_run(trainer)

    def on_load_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        """Let TensorBoard forget the steps that training repeats."""
        if trainer.state.fn == "fit" and trainer.is_global_zero:
            for logger in trainer.loggers:
                if isinstance(logger, TensorBoardLogger):
                    start = Event(session_log=SessionLog(status=SessionLog.START))
                    logger.experiment._get_file_writer().add_event(start, checkpoint["global_step"] + 1)

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Draw the pictures."""
        if not trainer.sanity_checking:
            self._draw(trainer, pl_module)

    @rank_zero_only
    def _draw(self, trainer: Trainer, pl_module: LightningModule) -> None:
        generator = as_generator(pl_module)
        step = trainer.global_step
        grid = None
        if is_image(generator.image_shape):
            grid = image_grid(generator.sample(self.num_images, seed=self.seed))
        if self._folder is not None and grid is not None:
            history = self._folder / "samples" / f"step_{step:07d}.png"
            for path in (history, self._folder / "samples.png"):
                with written_at_once(path) as temporary:
                    save_image(grid, temporary, format="png")
        for logger in trainer.loggers:
            if grid is not None:
                log_picture(logger, "samples", grid, step)
            if isinstance(logger, TensorBoardLogger):
                for name, parameter in pl_module.named_parameters():
                    if name.endswith("learned"):
                        logger.experiment.add_histogram(f"couplings/{name}", parameter.detach().float(), step)
            if generator.evaluation is not None:
                self._log_evaluation(logger, generator.evaluation, step)

    def _log_evaluation(self, logger: Logger, evaluation: Evaluation, step: int) -> None:
        figure = spectra_figure(evaluation.real_spectrum, evaluation.generated_spectrum)
        log_figure(logger, "spectrum", figure, step)
        rows = [
            (time, name, value, evaluation.floors[name])
            for time, values in evaluation.measures.items()
            for name, value in values.items()
        ]
        log_table(logger, "measures", ("sampling_time", "measure", "value", "floor"), rows, step)

    def on_fit_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Log the settings of network and data with the measures reached, the four of accuracy first."""
        evaluation = as_generator(pl_module).evaluation
        if evaluation is None:
            return
        measures = evaluation.measures[evaluation.sampling_time]
        reached = {f"reached/{name}": measures[name] for name in sorted(measures, key=_place)}
        settings = dict(pl_module.hparams_initial)
        if trainer.datamodule is not None:  # type: ignore[attr-defined]
            settings |= trainer.datamodule.hparams_initial  # type: ignore[attr-defined]
        for logger in trainer.loggers:
            if isinstance(logger, TensorBoardLogger):
                logger.log_hyperparams(settings, reached)


def _place(measure: str) -> int:
    return ERRORS.index(measure) if measure in ERRORS else len(ERRORS)
