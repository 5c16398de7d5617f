"""The base of every module that generates images: its settings, and the methods on which other parts rely."""

from collections.abc import Sequence
from inspect import signature
from typing import Any, ClassVar

import torch
from lightning.fabric.utilities.data import AttributeDict
from lightning.pytorch import Callback
from lightning.pytorch.cli import LRSchedulerCallable, OptimizerCallable
from lightning.pytorch.utilities.rank_zero import rank_zero_info, rank_zero_warn

from chaos_lightning.functional.checks import check_seed
from chaos_lightning.models.divergence import TrainingDivergedError, check_potentials
from chaos_lightning.models.refusals import check_callbacks, check_trainer
from chaos_lightning.models.saving import Saved
from chaos_lightning.models.speed import bfloat16_slowdown, threads_slowdown
from chaos_lightning.shapes import described, setting_of, shape_of

PRECISIONS = ("32-true", "bf16-mixed", "64-true")
"""Precisions of the trainer in which small updates of the weights are not lost."""

SLOW = 1.2
"""Ratio of times from which on a slower way of multiplying is told."""


class ImageGenerator(Saved):
    """A module that generates images, or vectors that are no images, in [-1, 1] and measures them against real ones.

    The command line, the callbacks and the comparison know generators by this class alone. Training is by manual
    optimisation with one optimiser, stepped once a minibatch, see :meth:`descend`.

    Args:
        shape: shape of a sample, or the number of pixels of a square grey image, see :func:`shape_of`.
        seed: seed of all random numbers.
        optimizer: function that makes the optimiser from the parameters.
        lr_scheduler: function that makes a learning rate schedule from the optimiser; the schedule is stepped once per
            training step.

    Attributes:
        learns: whether more training steps make a better generator.
        image_shape: shape of a sample: ``(channels, height, width)``, or ``(units,)`` of vectors that are no images.

    Raises:
        ValueError: if there is no such shape, or if the seed is negative.
    """

    learns: ClassVar[bool] = True

    def __init__(
        self,
        shape: int | Sequence[int],
        *,
        seed: int,
        optimizer: OptimizerCallable,
        lr_scheduler: LRSchedulerCallable | None,
    ) -> None:
        super().__init__()
        self.automatic_optimization = False
        # A checkpoint must not run code when it is loaded, so functions stay out of it. (The command line passes the
        # optimiser as class path and settings, and those are kept. A schedule belongs to a run, not to a network.)
        left_out = ["shape", "lr_scheduler"]
        if "layer_sizes" not in signature(type(self)).parameters:
            left_out.append("layer_sizes")  # the architectures have arguments of their own for them
        self.save_hyperparameters(ignore=left_out)
        if callable(self.hparams.get("optimizer")):
            self.save_hyperparameters(ignore=[*left_out, "optimizer"])

        check_seed(seed)
        self.image_shape = shape_of(shape)
        self.seed = seed
        self.evaluation = None
        self.further_measures = {}
        self._make_optimizer = optimizer
        self._make_lr_scheduler = lr_scheduler
        self._stage_measures = {}  # made when first needed: they are large
        self._loaded_step = 0
        self._trained = []

    def __setattr__(self, name: str, value: Any) -> None:
        """Set an attribute; skip torch's checks for the running hook's name, which Lightning sets 20 times per step."""
        if name == "_current_fx_name":
            self.__dict__[name] = value
        else:
            super().__setattr__(name, value)

    @property
    def hparams_initial(self) -> AttributeDict:
        """Settings for loggers, without the notes that the command line makes for itself."""
        return AttributeDict({name: value for name, value in self.hparams.items() if not name.startswith("_")})

    @property
    def largest_potential(self) -> float | None:
        """Largest absolute potential of a training step; None for a generator without potentials."""
        return None

    def largest_input(self) -> float:
        """Return the largest absolute input that the weights can give a unit; 0 where units have none."""
        return 0.0

    def check_weights(self) -> None:
        """Refuse weights of a training that has diverged.

        Raises:
            TrainingDivergedError: if a weight is not finite, or units can get inputs beyond LARGEST_POTENTIAL.
        """
        for name, parameter in self.named_parameters():
            if not torch.isfinite(parameter).all():
                raise TrainingDivergedError(
                    f"training diverged at step {self.global_step}: {name} is not finite. {self.advice_on_divergence}"
                )
        check_potentials(self.largest_input(), self.global_step, self.advice_on_divergence)

    @property
    def advice_on_divergence(self) -> str:
        """Advice for a training that has diverged."""
        if self._trainer is None or not self.trainer.optimizers:
            return "Train again with a lower learning rate"
        kept = getattr(self.trainer.checkpoint_callback, "last_model_path", "") or "none was written yet"
        return f"Train again with a lower learning rate than {self.learning_rate:g}. The last good checkpoint: {kept}"

    def configure_callbacks(self) -> list[Callback]:
        """Add no callbacks; refuse those that do not work, see :func:`check_callbacks`."""
        check_callbacks(self.trainer)
        return []

    def setup(self, stage: str) -> None:
        """Check before any work starts that data and precision fit.

        Weights must be float32 or float64: in bfloat16, steps far below a two-hundredth of a weight do not change it,
        and float16 would need a loss to scale.

        Raises:
            ValueError: if they do not fit, or callbacks and settings of the trainer would be ignored, with advice.
        """
        check_trainer(self.trainer, self)
        shape = tuple(getattr(self.trainer.datamodule, "image_shape", self.image_shape))  # type: ignore[attr-defined]
        if shape != self.image_shape:
            raise ValueError(
                f"the network makes samples of {described(self.image_shape)}, but those of the data have "
                f"{described(shape)}: set visible_units={setting_of(shape)}"
            )
        if self.trainer.precision not in PRECISIONS:
            raise ValueError(
                f"precision {self.trainer.precision} would lose the small updates of the weights: use "
                f"{', '.join(PRECISIONS[:-1])} or {PRECISIONS[-1]}"
            )
        if self.trainer.strategy.root_device.type == "cpu":
            self._tell_what_is_slow(stage)
        self._stage_measures.clear()  # their floors belong to the data of another run

    def _tell_what_is_slow(self, stage: str) -> None:
        """Measure whether another precision or another number of threads would be faster, and say so."""
        if self.trainer.precision == "bf16-mixed" and (slowdown := bfloat16_slowdown()) > SLOW:
            rank_zero_warn(
                f"products in bfloat16 take {slowdown:.1f} times as long as in float32 on this processor: set "
                "--trainer.precision 32-true"
            )
        # The number stays as it is, for rounding depends on it: a run repeated on a busy machine should be the same.
        threads = torch.get_num_threads()
        if stage == "fit" and threads > 1 and (slowdown := threads_slowdown()) > SLOW:
            rank_zero_info(
                f"Products on {threads} threads take {slowdown:.1f} times as long as on one: other programs seem to "
                "use the processor too. The environment variable OMP_NUM_THREADS=1 makes training faster beside them."
            )

    # Sampling

    def sample(self, num_samples: int, *, seed: int | None = None, chains_at_once: int = 500) -> Any:
        """Generate images; sample i depends on the seed and on i alone.

        Args:
            num_samples: number of images.
            seed: seed of the samples; None draws one from torch's global generator.
            chains_at_once: samples made together; bounds the memory, and changes results by rounding alone.

        Returns:
            Images in [-1, 1], ``(num_samples, *image_shape)``.
        """
        raise NotImplementedError

    def classes(self, asked: int | str | Sequence[int]) -> tuple[int, ...]:
        """Return the classes that a user asks for.

        Raises:
            ValueError: if images cannot be asked for by class.
        """
        raise ValueError(f"{type(self).__name__} knows no classes: leave labels out")
