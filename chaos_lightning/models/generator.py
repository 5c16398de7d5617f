"""What every module that generates images has in common: its settings, its updates, its measures, its checkpoints."""

from collections.abc import Iterable, Mapping, Sequence
from inspect import signature
from io import BytesIO
from math import isqrt
from pydoc import locate
from typing import TYPE_CHECKING, Any, ClassVar, Self, TypeVar

import torch
from lightning.pytorch import LightningModule
from lightning.pytorch.cli import LRSchedulerCallable, OptimizerCallable
from lightning.pytorch.utilities.rank_zero import rank_zero_warn
from torch import Tensor, nn
from torchmetrics import MetricCollection

from chaos_lightning.data.of_training import check_unseen, training_data_name
from chaos_lightning.functional.checks import check_seed
from chaos_lightning.metrics.class_measures import ClassMeasures
from chaos_lightning.metrics.evaluation import Evaluation, StageMeasures, four_measures
from chaos_lightning.models.checkpoint import check_architecture, plain, read_checkpoint, read_header, write_header
from chaos_lightning.models.divergence import TrainingDivergedError, check_potentials
from chaos_lightning.models.weights_file import is_weights_file

if TYPE_CHECKING:
    from chaos_lightning.data import EvaluationBatch


Class = TypeVar("Class")

PRECISIONS = ("32-true", "bf16-mixed", "64-true")
"""Precisions of the trainer in which weights keep what they learn."""

SETTINGS_OF_OPTIMIZERS = ("lr", "momentum", "dampening", "nesterov", "betas", "eps", "alpha", "weight_decay", "amsgrad")
"""Settings of torch's optimisers that change what is learnt."""

WITHOUT_BFLOAT16 = ("AVX2", "NO AVX")
"""Instruction sets of processors on which torch multiplies in bfloat16 far more slowly than in float32."""


class ImageGenerator(LightningModule):
    """A module that generates square images with pixels in [-1, 1] and measures them against real ones.

    The command line, the callbacks and the comparison know generators by this class alone. Training is by manual
    optimisation with one optimiser, stepped once a minibatch, see :meth:`descend`.

    Args:
        num_pixels: pixels of an image.
        seed: of everything random.
        optimizer: makes the optimiser from the parameters.
        lr_scheduler: makes a learning rate schedule from the optimiser, stepped once a training step.

    Attributes:
        learns: whether more training steps make a better generator.
        image_shape: channels, rows and columns of an image.
        sampling_time: T, when the activity is read out as an image; 0 for generators that have no such time.
        measure_times: times at which validation and test measure, T among them.
        evaluation: what the last validation or test has measured.

    Raises:
        ValueError: if the pixels make no square image, or for a negative seed.
    """

    learns: ClassVar[bool] = True
    sampling_time: float
    measure_times: list[float]

    def __init__(
        self,
        num_pixels: int,
        *,
        seed: int,
        optimizer: OptimizerCallable,
        lr_scheduler: LRSchedulerCallable | None,
    ) -> None:
        super().__init__()
        self.automatic_optimization = False
        # A checkpoint must not run code when it is loaded, so functions stay out of it. (The command line passes the
        # optimiser as class path and settings, and those are kept. A schedule belongs to a run, not to a network.)
        left_out = ["num_pixels", "lr_scheduler"]
        if "layer_sizes" not in signature(type(self)).parameters:
            left_out.append("layer_sizes")  # the architectures have arguments of their own for them
        self.save_hyperparameters(ignore=left_out)
        if callable(self.hparams.get("optimizer")):
            self.save_hyperparameters(ignore=[*left_out, "optimizer"])

        check_seed(seed)
        side = isqrt(max(num_pixels, 0))
        if side == 0 or side * side != num_pixels:
            raise ValueError(
                f"visible_units must be the number of pixels of a square image, but is {num_pixels}; "
                "28 x 28 pixels make 784"
            )
        self.image_shape = (1, side, side)
        self.seed = seed
        self.evaluation: Evaluation | None = None
        self._make_optimizer = optimizer
        self._make_lr_scheduler = lr_scheduler
        self._stage_measures: dict[str, StageMeasures] = {}  # made when first needed: they are large
        self._loaded_step = 0
        self._trained: list[nn.Parameter] = []

    def __setattr__(self, name: str, value: Any) -> None:
        """As every module, but without a look at the running hook's name, which Lightning sets twenty times a step."""
        if name == "_current_fx_name":
            self.__dict__[name] = value
        else:
            super().__setattr__(name, value)

    @property
    def num_pixels(self) -> int:
        """Pixels of an image."""
        return torch.Size(self.image_shape).numel()

    @property
    def layer_sizes(self) -> list[int]:
        """Units of each layer, that of the pixels first."""
        raise NotImplementedError

    @property
    def largest_potential(self) -> float | None:
        """Largest absolute potential of a training step; None for a generator without potentials."""
        return None

    def trainable(self) -> list[nn.Parameter]:
        """The parameters that training changes."""
        return [parameter for parameter in self.parameters() if parameter.requires_grad]

    def largest_input(self) -> float:
        """Largest absolute input that the weights can give a unit, whatever the activity; 0 where units have none."""
        return 0.0

    def check_weights(self) -> None:
        """Refuse weights with which no network works.

        Raises:
            TrainingDivergedError: if one is not finite, or units can get inputs beyond LARGEST_POTENTIAL.
        """
        for name, parameter in self.named_parameters():
            if not torch.isfinite(parameter).all():
                raise TrainingDivergedError(
                    f"training diverged at step {self.global_step}: {name} is not finite. {self.advice_on_divergence}"
                )
        check_potentials(self.largest_input(), self.global_step, self.advice_on_divergence)

    @property
    def advice_on_divergence(self) -> str:
        """What to do when training has diverged."""
        if self._trainer is None or not self.trainer.optimizers:
            return "Train again with a lower learning rate"
        kept = getattr(self.trainer.checkpoint_callback, "last_model_path", "") or "none was written yet"
        return f"Train again with a lower learning rate than {self.learning_rate:g}. The last good checkpoint: {kept}"

    def setup(self, stage: str) -> None:
        """Check before any work starts that data and precision fit.

        Weights are float32 or float64: steps far below a two-hundredth of a weight do not change it in bfloat16, and
        float16 would need a loss to scale.

        Raises:
            ValueError: if they do not, with what to change.
        """
        image_shape = getattr(self.trainer.datamodule, "image_shape", self.image_shape)  # type: ignore[attr-defined]
        if tuple(image_shape) != self.image_shape:
            pixels = torch.Size(image_shape).numel()
            raise ValueError(
                f"the network has {self.num_pixels} visible units, but the images have {pixels} pixels "
                f"{tuple(image_shape)}: set visible_units={pixels}"
            )
        if self.trainer.precision not in PRECISIONS:
            raise ValueError(
                f"precision {self.trainer.precision} would lose the small updates of the weights: use "
                f"{', '.join(PRECISIONS[:-1])} or {PRECISIONS[-1]}"
            )
        processor = torch.backends.cpu.get_cpu_capability()
        if (
            self.trainer.precision == "bf16-mixed"
            and self.trainer.strategy.root_device.type == "cpu"
            and processor in WITHOUT_BFLOAT16
        ):
            rank_zero_warn(
                f"this processor ({processor}) has no fast bfloat16 products, so that bf16-mixed takes several times "
                "as long as float32: set --trainer.precision 32-true"
            )
        self._stage_measures.clear()  # their floors belong to the data of another run

    # Updates

    def make_optimizer(self) -> torch.optim.Optimizer:
        """A new optimiser of the trainable parameters."""
        return self._make_optimizer(self.trainable())

    def configure_optimizers(self) -> Any:
        """The injected optimiser over the trainable parameters, and the injected schedule.

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
            gradients: of the trainable parameters, in their order, from the minibatch of this process; they are
                averaged over all processes, and may be overwritten.
        """
        for parameter, gradient in zip(self._trained, gradients, strict=True):
            parameter.grad = self.averaged(gradient)
        self.optimizers().step()  # type: ignore[union-attr]

    def step_schedule(self) -> None:
        """Step the learning rate schedule, if there is one."""
        if self._make_lr_scheduler is not None:
            self.lr_schedulers().step()  # type: ignore[union-attr]

    def averaged(self, values: Tensor) -> Tensor:
        """The mean over all processes; nobody else takes it, for the optimiser is stepped by hand."""
        if self.trainer.world_size > 1:
            values = self.trainer.strategy.reduce(values, reduce_op="mean")
        return values

    @property
    def learning_rate(self) -> float:
        """Learning rate of the next update; k of the paper for plain SGD."""
        return float(self.trainer.optimizers[0].param_groups[0]["lr"])

    def is_logging_step(self, step: int) -> bool:
        """Whether the trainer's logging interval ends with this step."""
        interval: int = self.trainer.log_every_n_steps  # type: ignore[attr-defined]
        return interval > 0 and (step + 1) % interval == 0

    def may_wait_for_device(self, step: int) -> bool:
        """Whether numbers may be looked at in this step: every one where that costs nothing, else those logged."""
        return self.device.type == "cpu" or self.is_logging_step(step)

    def log_now(self, values: Mapping[str, Any]) -> None:
        """Log; in training at once, not when Lightning comes to it: a checkpoint must have the logs of its step.

        Args:
            values: name to scalar, the same on every process.
        """
        step = self.global_step or self._loaded_step
        if self.trainer.state.fn != "fit":
            self.log_dict({**values, "step": float(step)}, batch_size=1)  # Lightning takes the step from there
            return
        self.log_dict(values, batch_size=1, logger=False)
        for logger in self.loggers:
            logger.log_metrics({name: float(value) for name, value in values.items()}, step)
            logger.save()

    # Sampling

    def sample(self, num_samples: int, *, seed: int | None = None, chains_at_once: int = 500) -> Any:
        """Generate images; sample i depends on the seed and on i alone.

        Args:
            num_samples: number of images.
            seed: of the samples; None draws one from torch's global generator.
            chains_at_once: samples made together; bounds the memory, does not change the result.

        Returns:
            Images in [-1, 1], ``(num_samples, 1, side, side)``.
        """
        raise NotImplementedError

    def classes(self, asked: int | str | Sequence[int]) -> tuple[int, ...]:
        """The classes that a user asks for.

        Raises:
            ValueError: if images cannot be asked for by class.
        """
        raise ValueError(f"{type(self).__name__} knows no classes: leave labels out")

    # Measuring

    def evaluation_images(self, batch: "EvaluationBatch") -> dict[float, Tensor]:
        """As many generated images as there are real ones, ``(B, 1, side, side)`` at each of the measure times.

        They are the same in every validation but for the weights: a difference between two validations is one of the
        weights.
        """
        raise NotImplementedError

    def make_measures(self) -> MetricCollection:
        """The measures of validation and test, the four of accuracy; subclasses may add their own.

        Each is a metric with ``update(images, real=...)``, whose value is a scalar.
        """
        return four_measures(self.num_pixels)

    def class_measures(self) -> ClassMeasures | None:
        """What is measured class by class besides; None for generators that know no classes."""
        return None

    def validation_step(self, batch: "EvaluationBatch", batch_idx: int) -> Tensor:
        """Generate as many images as there are real ones, take both into the measures, return those at time T."""
        return self._measure("val", batch)

    def test_step(self, batch: "EvaluationBatch", batch_idx: int) -> Tensor:
        """As in validation."""
        return self._measure("test", batch)

    def on_validation_epoch_start(self) -> None:
        """Start from no images, whatever a run that was broken off has left."""
        self._start_measuring("val")

    def on_test_epoch_start(self) -> None:
        """As in validation."""
        self._start_measuring("test")

    def on_validation_epoch_end(self) -> None:
        """Compute and log the measures."""
        if not self.trainer.sanity_checking:
            self._log_measures("val")

    def on_test_epoch_end(self) -> None:
        """Compute and log the measures."""
        self._log_measures("test")

    def _start_measuring(self, stage: str) -> None:
        if stage not in self._stage_measures:
            self._stage_measures[stage] = StageMeasures(self.measure_times, self.make_measures, self.class_measures())
        self._stage_measures[stage].to(self.device).reset()

    @torch.no_grad()
    def _measure(self, stage: str, batch: "EvaluationBatch") -> Tensor:
        generated = self.evaluation_images(batch)
        measures = self._stage_measures[stage]
        measures.update(batch.images, generated, batch.floor_images)
        if measures.classes is not None:
            self.measure_classes(measures.classes, batch)
        return generated[self.sampling_time]

    def measure_classes(self, measures: ClassMeasures, batch: "EvaluationBatch") -> None:
        """Take a batch into the measures of :meth:`class_measures`."""
        raise NotImplementedError

    def _log_measures(self, stage: str) -> None:
        measures = self._stage_measures[stage]
        num_samples = torch.tensor(measures.num_samples, device=self.device)
        num_samples = self.trainer.strategy.reduce(num_samples, reduce_op="sum")
        step = self.global_step or self._loaded_step
        evaluation = measures.compute(stage, step, self.sampling_time, int(num_samples))
        self.evaluation = evaluation
        logged = {f"{stage}_floor/{name}": value for name, value in evaluation.floors.items()}
        for time, values in evaluation.measures.items():
            at_time = time == self.sampling_time
            logged |= {
                f"{stage}/{name}" if at_time else f"{stage}_at_t/{name}/t={time:g}": value
                for name, value in values.items()
            }
        if evaluation.classes is not None:
            overall = evaluation.classes.overall.values
            logged |= {f"{stage}_classes/{name}": value for name, value in overall.items()}
        self.log_now(logged)

    # Checkpoints

    @classmethod
    def load_from_checkpoint(cls, checkpoint_path: Any, *args: Any, **kwargs: Any) -> Self:
        """Load a trained generator; called on a class with subclasses, of whichever of them it is.

        Arguments are those of :meth:`lightning.pytorch.LightningModule.load_from_checkpoint`; the file may also be
        one of exported weights (.safetensors).

        Raises:
            FileNotFoundError: if there is no such file.
            ValueError: if the file is damaged, or holds another architecture, or nothing of this package.
        """
        checkpoint = read_checkpoint(checkpoint_path)
        saved = checkpoint.get("hyper_parameters", {})
        _check_gain(saved, {**saved, **kwargs})
        header = read_header(checkpoint)
        architecture = header["architecture"]
        locate(header.get("class_path", ""))  # imports the module that defines it, if that is at hand
        architectures = {subclass.__name__: subclass for subclass in subclasses(cls)}
        if architecture in architectures:
            loaded: Any = architectures[architecture].load_from_checkpoint(checkpoint_path, *args, **kwargs)
        elif architectures and architecture != cls.__name__:
            is_known = architecture in {subclass.__name__ for subclass in subclasses(ImageGenerator)}
            advice = "" if is_known else f". Import the module that defines {architecture} first"
            check_architecture(checkpoint, *sorted(architectures), advice=advice)
        else:
            check_architecture(checkpoint, cls.__name__)
            if is_weights_file(checkpoint_path):
                checkpoint_path = BytesIO()
                torch.save(checkpoint, checkpoint_path)
                checkpoint_path.seek(0)
            loaded = super().load_from_checkpoint(checkpoint_path, *args, **kwargs)
        return loaded  # type: ignore[no-any-return]

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Say what the file holds; refuse to save a network that has diverged.

        Raises:
            TrainingDivergedError: if it has.
        """
        self.check_weights()
        data = getattr(self._trainer, "datamodule", None)
        write_header(
            checkpoint,
            network=type(self),
            layer_sizes=self.layer_sizes,
            optimizer=self._optimizer_name(),
            data=None if data is None else type(data),
        )

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Check that the file is of this architecture and size, and of the optimiser if training is to go on.

        A run goes on with its own seed, and no longer than its learning rate decays. Warns of other settings that
        differ, where a trainer loads the file into a module that was made before.

        Raises:
            ValueError: if it is not, saying what it is.
        """
        check_architecture(checkpoint, type(self).__name__)
        header = read_header(checkpoint)
        if self._trainer is not None and self.trainer.training and "optimizer_states" not in checkpoint:
            raise ValueError("training cannot go on from exported weights: give the checkpoint that they came from")
        if header["layer_sizes"] != self.layer_sizes:
            raise ValueError(
                f"the checkpoint holds a network with layers of {header['layer_sizes']} units, "
                f"but this one has {self.layer_sizes}"
            )
        self._compare_settings(checkpoint.get("hyper_parameters", {}))
        if self._trainer is not None:
            self._compare_data(checkpoint)
        if self._trainer is not None and self.trainer.training:
            self._check_decay(checkpoint.get("lr_schedulers", []))
        self._loaded_step = checkpoint["global_step"]
        if self._trainer is not None and self.trainer.precision == "64-true":
            self.double()  # Lightning would do it after loading, when float32 has rounded the weights
        optimizer = self._optimizer_name()
        if self._trainer is not None and self.trainer.training and header["optimizer"] != optimizer:
            raise ValueError(
                f"the checkpoint was trained with {header['optimizer']}, but this run uses {optimizer}: training can "
                "go on only with the same optimiser"
            )
        if self._trainer is not None and self.trainer.training:
            self._compare_optimizers(checkpoint["optimizer_states"][0]["param_groups"])

    def _compare_settings(self, saved: Mapping[str, Any]) -> None:
        own = self.hparams
        _check_gain(saved, own)
        if self._trainer is None:  # whoever loads the file names the settings
            return
        if self.trainer.training and own.get("seed") != saved.get("seed"):
            raise ValueError(
                f"the checkpoint is of a run with seed {saved.get('seed')}, and it cannot go on with seed "
                f"{own.get('seed')}: its frozen couplings and its data are those of its own seed"
            )
        compared = {name for name in own if not name.startswith("_") and name != "optimizer"}
        unsaid = sorted(compared - saved.keys())
        if unsaid and self.trainer.training:
            rank_zero_warn(
                f"the checkpoint does not say {', '.join(unsaid)}: training goes on with "
                + ", ".join(f"{name}={own[name]}" for name in unsaid)
            )
        differing = sorted(name for name in compared & saved.keys() - {"seed"} if plain(own[name]) != saved[name])
        if differing:
            now = ", ".join(f"{name}={own[name]}" for name in differing)
            before = ", ".join(f"{name}={saved[name]}" for name in differing)
            rank_zero_warn(f"the checkpoint comes from a network with {before}, and goes on with {now}")

    def _compare_data(self, checkpoint: dict[str, Any]) -> None:
        """Warn where training goes on with other data, refuse to validate with images that it has seen."""
        data = getattr(self.trainer, "datamodule", None)
        if data is None:
            return
        if self.trainer.state.fn == "validate":
            check_unseen(checkpoint, data)
        before, now = training_data_name(checkpoint), type(data).__name__
        if before not in ("", now) and self.trainer.training:
            rank_zero_warn(f"the checkpoint was trained on {before}, and goes on with {now}")

    def _check_decay(self, schedules: Sequence[Mapping[str, Any]]) -> None:
        for schedule in schedules:
            end = schedule.get("T_max")
            if end is not None and self.trainer.max_steps > end > 0:
                raise ValueError(
                    f"the learning rate of the checkpoint's run decays until step {end:,}, after which it would rise "
                    f"again, but max_steps={self.trainer.max_steps:,}: train a new network for as long"
                )

    def _compare_optimizers(self, saved: Sequence[Mapping[str, Any]]) -> None:
        """Refuse settings that would have no effect: torch takes those of the checkpoint."""
        own = self.make_optimizer().param_groups
        for asked, before in zip(own, saved, strict=False):
            # A schedule keeps beside the rate that it has reached the one that it began with.
            before = {**before, "lr": before.get("initial_lr", before["lr"])}
            names = [name for name in SETTINGS_OF_OPTIMIZERS if name in asked and name in before]
            differing = [name for name in names if plain(asked[name]) != before[name]]
            if differing:
                kept, other = (", ".join(f"{n}={group[n]}" for n in differing) for group in (before, asked))
                raise ValueError(
                    f"the checkpoint's optimiser has {kept}, but {other} was asked for: training goes on with the "
                    "settings that it began with. Ask for these, or train a new network"
                )

    def _optimizer_name(self) -> str:
        return type(self.make_optimizer()).__name__


def _check_gain(saved: Mapping[str, Any], asked: Mapping[str, Any]) -> None:
    """The frozen couplings come from the file, so what is said of them must be true."""
    if saved.get("gain") != asked.get("gain"):
        raise ValueError(
            f"the checkpoint holds frozen couplings of gain {saved.get('gain')}, but gain={asked.get('gain')} was "
            f"asked for: set gain={saved.get('gain')}"
        )


def subclasses(cls: type[Class]) -> list[type[Class]]:
    """All classes below one."""
    return [below for subclass in cls.__subclasses__() for below in (subclass, *subclasses(subclass))]
