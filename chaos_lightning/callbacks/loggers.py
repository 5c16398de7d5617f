"""Pictures and tables to loggers: TensorBoard, Weights & Biases, MLflow and Comet each have words of their own."""

import csv
import io
from collections.abc import Sequence
from typing import Any

from lightning.pytorch.loggers import CometLogger, Logger, MLFlowLogger, TensorBoardLogger, WandbLogger
from matplotlib.figure import Figure
from torch import Tensor

from chaos_lightning.pixels import to_pixels


def log_picture(logger: Logger, name: str, picture: Tensor, step: int) -> None:
    """Log a picture.

    Args:
        logger: a logger; those that take no pictures get none.
        name: name of the picture.
        picture: colours in [0, 1], ``(3, height, width)``.
        step: training step.
    """
    if isinstance(logger, TensorBoardLogger):
        logger.experiment.add_image(name, picture, step)
        return
    levels = to_pixels(picture * 2 - 1).permute(1, 2, 0).cpu().numpy()
    if isinstance(logger, WandbLogger):
        logger.log_image(name, [levels], step)
    elif isinstance(logger, MLFlowLogger):
        logger.experiment.log_image(logger.run_id, levels, key=name, step=step)
    elif isinstance(logger, CometLogger):
        logger.experiment.log_image(levels, name=name, step=step)


def log_figure(logger: Logger, name: str, figure: Figure, step: int) -> None:
    """Log a figure; loggers that take no figures get none."""
    if isinstance(logger, TensorBoardLogger):
        logger.experiment.add_figure(name, figure, step)
    elif isinstance(logger, WandbLogger):
        logger.log_image(name, [figure], step)
    elif isinstance(logger, MLFlowLogger):
        logger.experiment.log_figure(logger.run_id, figure, f"{name}/step_{step:07d}.png")
    elif isinstance(logger, CometLogger):
        logger.experiment.log_figure(name, figure, step=step)


def log_table(logger: Logger, name: str, columns: Sequence[str], rows: Sequence[Sequence[Any]], step: int) -> None:
    """Log a table; TensorBoard and other loggers without tables get none."""
    if isinstance(logger, WandbLogger):
        logger.log_table(name, columns=list(columns), data=[list(row) for row in rows], step=step)
    elif isinstance(logger, MLFlowLogger):
        text = io.StringIO()
        csv.writer(text).writerows([columns, *rows])
        logger.experiment.log_text(logger.run_id, text.getvalue(), f"{name}/step_{step:07d}.csv")
    elif isinstance(logger, CometLogger):
        logger.experiment.log_table(f"{name}_step_{step:07d}.csv", tabular_data=list(rows), headers=list(columns))
