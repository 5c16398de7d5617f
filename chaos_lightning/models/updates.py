"""Manual optimisation: one optimiser and one schedule, stepped by hand once a training step."""

from collections.abc import Iterable, Mapping
from typing import Any

import torch
from lightning.pytorch import LightningModule
from lightning.pytorch.cli import LRSchedulerCallable, OptimizerCallable
from lightning.pytorch.utilities.rank_zero import rank_zero_warn
from torch import Tensor, nn


class ManualUpdates(LightningModule):
    """A module that steps an injected optimiser and schedule by hand, on gradients averaged over all processes."""

    _make_optimizer: OptimizerCallable
    _make_lr_scheduler: LRSchedulerCallable | None
    _trained: list[nn.Parameter]
    _loaded_step: int

    def trainable(self) -> list[nn.Parameter]:
        """List the parameters that training changes."""
        return [parameter for parameter in self.parameters() if parameter.requires_grad]

    def make_optimizer(self) -> torch.optim.Optimizer:
        """Make a new optimiser of the trainable parameters."""
        return self._make_optimizer(self.trainable())

    def configure_optimizers(self) -> Any:
        """Make the injected optimiser over the trainable parameters, and the injected schedule.

        Raises:
            ValueError: for an optimiser or schedule that cannot be stepped without a loss or a measure, or a decay
                without an end.
        """
        optimizer = self.make_optimizer()
        self._trained = self.trainable()  # once, for finding them takes a while
        if isinstance(optimizer, torch.optim.LBFGS):
            raise ValueError("LBFGS evaluates a loss, and there is none here: take another optimiser, such as Adam")
        if self._make_lr_scheduler is None:
            return optimizer
        schedule = self._make_lr_scheduler(optimizer)
        if isinstance(schedule, torch.optim.lr_scheduler.ReduceLROnPlateau):
            raise ValueError(
                "ReduceLROnPlateau waits for a measure, but schedules are stepped once a training step: take another, "
                "such as CosineAnnealingLR"
            )
        self._check_length(schedule)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def _check_length(self, schedule: Any) -> None:
        """Refuse a decay without an end; warn of one that training does not reach."""
        lengths = (getattr(schedule, name, None) for name in ("T_max", "total_iters"))
        decay_steps = next((length for length in lengths if length is not None), None)
        if decay_steps is None:
            return
        if decay_steps < 1:
            raise ValueError(
                f"the learning rate is to decay over {decay_steps} steps: set max_steps (--trainer.max_steps) to the "
                "number of training steps"
            )
        max_epochs = self.trainer.max_epochs
        if max_epochs is not None and max_epochs > 0 and not self.trainer.fast_dev_run:  # type: ignore[attr-defined]
            num_steps = int(self.trainer.estimated_stepping_batches)
            if num_steps < decay_steps:
                rank_zero_warn(
                    f"training ends after {num_steps:,} steps (max_epochs={max_epochs}), but the learning rate decays "
                    f"until step {decay_steps:,}: set max_steps instead (--trainer.max_steps {num_steps})"
                )

    def descend(self, gradients: Iterable[Tensor]) -> None:
        """Step the optimiser once.

        Args:
            gradients: gradients of the trainable parameters, in their order, from the minibatch of this process; they
                are averaged over all processes, and may be overwritten.
        """
        for parameter, gradient in zip(self._trained, gradients, strict=True):
            parameter.grad = self.averaged(gradient)
        self.optimizers().step()  # type: ignore[union-attr]

    def step_schedule(self) -> None:
        """Step the learning rate schedule, if there is one."""
        if self._make_lr_scheduler is not None:
            self.lr_schedulers().step()  # type: ignore[union-attr]

    def averaged(self, values: Tensor) -> Tensor:
        """Return the mean over all processes; DDP averages nothing here, as there is no backward pass."""
        if self.trainer.world_size > 1:
            values = self.trainer.strategy.reduce(values, reduce_op="mean")
        return values

    @property
    def learning_rate(self) -> float:
        """Learning rate of the next update; k of the paper for plain SGD."""
        return float(self.trainer.optimizers[0].param_groups[0]["lr"])

    def is_logging_step(self, step: int) -> bool:
        """Return whether the trainer's logging interval ends with a step."""
        interval: int = self.trainer.log_every_n_steps  # type: ignore[attr-defined]
        return interval > 0 and (step + 1) % interval == 0

    def may_wait_for_device(self, step: int) -> bool:
        """Return whether a step may read numbers from the device: any step on a CPU, else only logged steps."""
        return self.device.type == "cpu" or self.is_logging_step(step)

    def log_now(self, values: Mapping[str, Any]) -> None:
        """Log values; in training at once, without waiting for Lightning, so that a checkpoint has its step's logs.

        Args:
            values: scalars by name, the same on every process.
        """
        step = self.global_step or self._loaded_step
        if self.trainer.state.fn != "fit":
            self.log_dict({**values, "step": float(step)}, batch_size=1)  # Lightning takes the step from there
            return
        self.log_dict(values, batch_size=1, logger=False)
        for logger in self.loggers:
            logger.log_metrics({name: float(value) for name, value in values.items()}, step)
            logger.save()
