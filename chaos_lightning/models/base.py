"""What the architectures have in common: the training step, sampling and measuring."""

from collections.abc import Mapping, Sequence
from io import BytesIO
from math import isfinite, isqrt
from typing import TYPE_CHECKING, Any, Self

import torch
from lightning.pytorch import LightningModule
from lightning.pytorch.cli import LRSchedulerCallable, OptimizerCallable
from torch import Tensor

from chaos_lightning.dynamics import (
    ChaoticNetwork,
    Held,
    RateName,
    State,
    Thinning,
    draw_thinning,
    num_time_steps,
    run_chains,
)
from chaos_lightning.dynamics.thinning import WHOLE
from chaos_lightning.functional.checks import as_image_rows
from chaos_lightning.learning import hebbian_difference, shrink
from chaos_lightning.metrics.class_measures import ClassMeasures
from chaos_lightning.metrics.evaluation import Evaluation, StageMeasures
from chaos_lightning.models.checkpoint import check_architecture, read_checkpoint, read_header, write_header
from chaos_lightning.models.divergence import DivergenceWatch, TrainingDivergedError
from chaos_lightning.models.layout import VisibleLayout
from chaos_lightning.models.prediction import ChainLoader, ChainRange
from chaos_lightning.models.weights_file import is_weights_file

if TYPE_CHECKING:
    from chaos_lightning.data import EvaluationBatch, Minibatch

# What random numbers are drawn for: no two uses ever share them.
FREE_PHASE, CLAMPED_PHASE, EVALUATION, SAMPLING, CLASSIFICATION, COMPLETION, DROPOUT = range(7)


class ChaoticGenerator(LightningModule):
    """A chaotic network trained by contrastive Hebbian learning to look like the data at time T.

    Training is by manual optimisation without backpropagation: each step sets the gradient of the learned couplings
    and of the biases to minus the Hebbian difference and steps the optimiser once, so that plain SGD with ``lr=k``
    is the rule of arXiv:2405.10822 with learning rate k.

    The network integrates on its own from a random start; nothing random enters after that.

    Args:
        layer_sizes: units of each layer, visible first; label units come on top of the visible ones given here.
        gain: g of the frozen couplings; their entries have variance gain^2 / fan_in. Chaos without training: g > 1.
        tau: time constant of the units, in the units of every other time.
        dt: length of an Euler step, shorter than tau.
        sampling_time: T, when the activity is read out as an image; a whole number of steps.
        rate: rate function.
        num_classes: classes whose labels join the pixels in the visible layer; 0 trains on pixels alone.
        label_repetitions: label units of each class.
        num_chains: chains of the free phase, over all processes; None takes as many as the minibatch has images.
        l1: strength of the L1 penalty of the learned couplings: each step is followed by
            ``A <- sign(A) max(|A| - k l1, 0)``, k being the learning rate, see :func:`shrink`. (L2 is the optimiser's
            weight_decay.)
        coupling_dropout: probability that a learned coupling is left out of a training step.
        hidden_dropout: probability that a hidden unit sends nothing in a training step. What is dropped is drawn anew
            at every step and is the same for all chains and both phases, see :class:`Thinning`.
        measure_times: further sampling times at which validation and test measure; None takes T/2, 3T/2 and 2T.
        seed: of the frozen couplings and of every random initial state.
        optimizer: makes the optimiser from the parameters; plain SGD with the paper's k = 0.01 by default.
        lr_scheduler: makes a learning rate schedule from the optimiser, stepped once a training step.

    Raises:
        ValueError: for settings that make no network or no time step, with what to change.
    """

    def __init__(
        self,
        layer_sizes: Sequence[int],
        *,
        gain: float = 1.5,
        tau: float = 10.0,
        dt: float = 1.0,
        sampling_time: float = 100.0,
        rate: RateName = "tanh",
        num_classes: int = 0,
        label_repetitions: int = 10,
        num_chains: int | None = None,
        l1: float = 0.0,
        coupling_dropout: float = 0.0,
        hidden_dropout: float = 0.0,
        measure_times: list[float] | None = None,
        seed: int = 0,
        optimizer: OptimizerCallable = lambda parameters: torch.optim.SGD(parameters, lr=0.01),
        lr_scheduler: LRSchedulerCallable | None = None,
    ) -> None:
        super().__init__()
        self.automatic_optimization = False
        # A checkpoint must not run code when it is loaded, so functions stay out of it. (The command line passes the
        # optimiser as class path and settings, and those are kept. A schedule belongs to a run, not to a network.)
        self.save_hyperparameters(ignore=["layer_sizes", "lr_scheduler"])
        if callable(self.hparams["optimizer"]):
            self.save_hyperparameters(ignore=["layer_sizes", "lr_scheduler", "optimizer"])

        if not 0 < dt < tau:
            raise ValueError(
                f"dt must be positive and shorter than tau, but dt={dt} and tau={tau}; try dt={tau / 10:g}"
            )
        if not sampling_time >= dt:
            raise ValueError(f"sampling_time must be at least one time step, but is {sampling_time} with dt={dt}")
        for time in (tau, sampling_time, *(measure_times or [])):
            if not isfinite(time):
                raise ValueError(f"tau, sampling_time and measure_times must be finite numbers, but one is {time}")
        if num_chains is not None and num_chains < 1:
            raise ValueError(f"num_chains must be at least 1, but is {num_chains}; leave it out for one chain an image")
        if not 0 <= l1 < float("inf"):
            raise ValueError(f"l1 must be 0 or more, but is {l1}; 0 switches it off")
        for name, dropout in (("coupling_dropout", coupling_dropout), ("hidden_dropout", hidden_dropout)):
            if not 0 <= dropout < 1:
                raise ValueError(f"{name} is a probability from 0 to below 1, but is {dropout}; 0 switches it off")
        if hidden_dropout > 0 and len(layer_sizes) == 1:
            raise ValueError("hidden_dropout needs a hidden layer, and this network has none: use coupling_dropout")
        side = isqrt(max(layer_sizes[0], 0))
        if side == 0 or side * side != layer_sizes[0]:
            raise ValueError(
                f"visible_units must be the number of pixels of a square image, but is {layer_sizes[0]}; "
                "28 x 28 pixels make 784"
            )
        self.image_shape = (1, side, side)
        self.layout = VisibleLayout(layer_sizes[0], num_classes, label_repetitions)
        self.tau = tau
        self.dt = dt
        self.sampling_time = sampling_time
        self.num_chains = num_chains
        self.l1 = l1
        self.coupling_dropout = coupling_dropout
        self.hidden_dropout = hidden_dropout
        self.seed = seed
        num_steps = num_time_steps(sampling_time, dt)
        if measure_times is None:
            measure_times = [max(1, round(num_steps * fraction)) * dt for fraction in (0.5, 1.5, 2.0)]
        for time in measure_times:
            num_time_steps(time, dt, name="measure_times")
        self.measure_times = sorted({sampling_time, *measure_times})

        self.network = ChaoticNetwork([self.layout.num_units, *layer_sizes[1:]], gain=gain, rate=rate, seed=seed)
        self._make_optimizer = optimizer
        self._make_lr_scheduler = lr_scheduler
        self._stage_measures: dict[str, StageMeasures] = {}  # made when first needed: they are large
        self.evaluation: Evaluation | None = None
        self._loaded_step = 0
        self._divergence = DivergenceWatch()

    @classmethod
    def load_from_checkpoint(cls, checkpoint_path: Any, *args: Any, **kwargs: Any) -> Self:
        """Load a trained network; called on :class:`ChaoticGenerator` itself, of whichever architecture it is.

        Arguments are those of :meth:`lightning.pytorch.LightningModule.load_from_checkpoint`; the file may also be
        one of exported weights (.safetensors).

        Raises:
            FileNotFoundError: if there is no such file.
            ValueError: if the file is damaged, or holds another architecture, or nothing of this package.
        """
        checkpoint = read_checkpoint(checkpoint_path)
        architectures = {subclass.__name__: subclass for subclass in ChaoticGenerator.__subclasses__()}
        architecture = read_header(checkpoint)["architecture"]
        if cls is ChaoticGenerator and architecture in architectures:
            loaded: Any = architectures[architecture].load_from_checkpoint(checkpoint_path, *args, **kwargs)
        else:
            check_architecture(checkpoint, cls.__name__)
            if is_weights_file(checkpoint_path):
                checkpoint_path = BytesIO()
                torch.save(checkpoint, checkpoint_path)
                checkpoint_path.seek(0)
            loaded = super().load_from_checkpoint(checkpoint_path, *args, **kwargs)
        return loaded  # type: ignore[no-any-return]

    def setup(self, stage: str) -> None:
        """Check before any work starts that data, precision and number of processes fit the network."""
        image_shape = getattr(self.trainer.datamodule, "image_shape", self.image_shape)  # type: ignore[attr-defined]
        if tuple(image_shape) != self.image_shape:
            pixels = torch.Size(image_shape).numel()
            raise ValueError(
                f"the network has {self.layout.num_pixels} visible units, but the images have {pixels} pixels "
                f"{tuple(image_shape)}: set visible_units={pixels}"
            )
        num_classes = getattr(self.trainer.datamodule, "num_classes", self.layout.num_classes)  # type: ignore[attr-defined]
        if self.layout.num_classes not in (0, num_classes):
            raise ValueError(
                f"the network has label units for {self.layout.num_classes} classes, but the images are of "
                f"{num_classes}: set num_classes={num_classes}, or 0 for a network without label units"
            )
        if str(self.trainer.precision).startswith("16"):
            raise ValueError(
                f"precision {self.trainer.precision} needs a scaled loss, and there is no loss here: "
                "use precision bf16-mixed, 32-true or 64-true"
            )
        world_size = self.trainer.world_size
        if self.num_chains is not None and self.num_chains % world_size:
            raise ValueError(f"num_chains={self.num_chains} cannot be shared equally by {world_size} processes")

    # Training

    def configure_optimizers(self) -> Any:
        """The injected optimiser over the learned couplings and biases, and the injected schedule."""
        optimizer = self._make_optimizer(self.network.trainable())
        if self._make_lr_scheduler is None:
            return optimizer
        schedule = {"scheduler": self._make_lr_scheduler(optimizer), "interval": "step"}
        return {"optimizer": optimizer, "lr_scheduler": schedule}

    @torch.no_grad()
    def training_step(self, batch: "Minibatch", batch_idx: int) -> None:
        """One step of contrastive Hebbian learning: clamped phase, free phase, update."""
        step = self.global_step
        visible = self.layout.rates_of(batch.images, batch.labels)
        thinning = draw_thinning(
            self.network,
            coupling_rate=self.coupling_dropout,
            hidden_rate=self.hidden_dropout,
            seed=(self.seed, DROPOUT, step),
        )
        seed = (self.seed, CLAMPED_PHASE, step)
        clamped = self.clamped_phase(visible, seed=seed, first_chain=batch.first_index, thinning=thinning)
        num_chains, first_chain = len(visible), batch.first_index
        if self.num_chains is not None:
            num_chains = self.num_chains // self.trainer.world_size
            first_chain = num_chains * self.trainer.global_rank
        seed = (self.seed, FREE_PHASE, step)
        free = self.free_phase(num_chains, seed=seed, first_chain=first_chain, thinning=thinning)
        self._divergence.take_in(visible, free.potentials)
        # Looking waits for the device: at every step only where that costs nothing.
        if self.device.type == "cpu" or self._is_logging_step(step):
            self._look_for_divergence()

        self._set_gradients(clamped, free, thinning)
        self.optimizers().step()  # type: ignore[union-attr]
        if self.l1 > 0:
            learned = [connection.learned for connection in self.network.connections]
            shrink(learned, self.learning_rate * self.l1)
        if self._make_lr_scheduler is not None:
            self.lr_schedulers().step()  # type: ignore[union-attr]
        if self._is_logging_step(step):
            self._log_update()

    def clamped_phase(
        self, visible: Tensor, *, seed: Sequence[int], first_chain: int = 0, thinning: Thinning = WHOLE
    ) -> State:
        """Hold all visible rates and let the hidden layers relax for the time T.

        Args:
            visible: rates of images, with labels if the network has label units, ``(images, visible units)``.
            seed: what the random start is for, see :func:`initial_potentials`.
            first_chain: index of the first image in the minibatch of all processes.
            thinning: what is dropped from the network.
        """
        held = Held(visible)
        (state,) = self._run(len(visible), [self.sampling_time], seed, first_chain, held=held, thinning=thinning)
        return state

    def free_phase(
        self, num_chains: int, *, seed: Sequence[int], first_chain: int = 0, thinning: Thinning = WHOLE
    ) -> State:
        """Let chains run freely from a random start for the time T.

        Args:
            num_chains: number of chains.
            seed: what the random start is for, see :func:`initial_potentials`.
            first_chain: index of the first chain among those of all processes.
            thinning: what is dropped from the network.
        """
        (state,) = self._run(num_chains, [self.sampling_time], seed, first_chain, thinning=thinning)
        return state

    def _run(
        self,
        num_chains: int,
        times: Sequence[float],
        seed: Sequence[int],
        first_chain: int,
        *,
        held: Held | None = None,
        thinning: Thinning = WHOLE,
    ) -> list[State]:
        """The states at ascending times of one run from a random start."""
        num_steps = [num_time_steps(time, self.dt, name="times") for time in times]
        alpha = self.dt / self.tau
        return run_chains(
            self.network,
            alpha,
            num_chains,
            num_steps,
            seed=seed,
            first_chain=first_chain,
            held=held,
            thinning=thinning,
        )

    def _set_gradients(self, clamped: State, free: State, thinning: Thinning) -> None:
        """Set the gradients to minus the Hebbian difference, averaged over all processes."""
        pairs = [(connection.lower, connection.upper) for connection in self.network.connections]
        with torch.autocast(self.device.type, enabled=False):
            sent = [[thinning.sent(*layer) for layer in enumerate(state.rates)] for state in (clamped, free)]
            couplings, biases = hebbian_difference(pairs, *sent)
        differences = thinning.carried(couplings) + biases
        for parameter, difference in zip(self.network.trainable(), differences, strict=True):
            if self.trainer.world_size > 1:  # nobody else does it: there is no backward pass
                difference = self.trainer.strategy.reduce(difference, reduce_op="mean")
            parameter.grad = difference.neg_()

    @property
    def largest_potential(self) -> float:
        """Largest absolute potential of the free phase, at the newest step that was looked at."""
        return self._divergence.largest_potential

    @property
    def learning_rate(self) -> float:
        """Learning rate of the next update; k of the paper for plain SGD."""
        return float(self.trainer.optimizers[0].param_groups[0]["lr"])

    def _look_for_divergence(self) -> None:
        checkpoint = getattr(self.trainer.checkpoint_callback, "last_model_path", "")
        self._divergence.look(self.global_step, self.learning_rate, checkpoint)

    def _is_logging_step(self, step: int) -> bool:
        interval: int = self.trainer.log_every_n_steps  # type: ignore[attr-defined]
        return interval > 0 and (step + 1) % interval == 0

    def _log_update(self) -> None:
        learned = [connection.learned for connection in self.network.connections]
        size = torch.stack([matrix.grad.square().mean().sqrt() for matrix in learned if matrix.grad is not None]).mean()
        self.log_now({"train/hebbian_difference": size, "train/learning_rate": self.learning_rate})

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

    @torch.no_grad()
    def sample(
        self,
        num_samples: int,
        times: Sequence[float] | None = None,
        seed: int | None = None,
        *,
        labels: int | str | Sequence[int] | Tensor | None = None,
        chains_at_once: int = 500,
    ) -> Any:
        """Generate images: run chains from random states and read the visible rates out.

        Sample i depends on the seed and on i alone: asking for more samples, or for other times, gives the same
        first ones.

        Args:
            num_samples: number of images.
            times: sampling times, 0 or more, in any order; None takes the T of training.
            seed: of the random initial states; None draws one from torch's global generator.
            labels: class to hold, or several in turn (image i is of class ``labels[i % len(labels)]``), or "all" for
                all in turn; None holds nothing.
            chains_at_once: chains that run together; bounds the memory, does not change the result.

        Returns:
            Images in [-1, 1], ``(num_samples, 1, side, side)``; given times, a dict from time to such images, all
            of one run.

        Raises:
            ValueError: if a number is not positive, a time is not a whole number of time steps, or the network does
                not know the class.
        """
        if seed is None:
            seed = int(torch.randint(2**31, ()))
        asked = [self.sampling_time] if times is None else list(times)
        classes = () if labels is None else self.layout.classes(labels)
        parts = [
            self._sample_range(chains, asked) for chains in ChainLoader(num_samples, chains_at_once, seed, classes)
        ]
        images = {time: torch.cat([part[time] for part in parts]) for time in asked}
        return images[self.sampling_time] if times is None else images

    def _sample_range(self, chains: ChainRange, times: Sequence[float]) -> dict[float, Tensor]:
        """The samples of a range of chains at each of the times."""
        labels = chains.labels()
        held = None if labels is None else self.layout.hold_labels(labels.to(self.device))
        return self._generate(chains.num_chains, times, (chains.seed, SAMPLING), chains.first_chain, held)

    def _generate(
        self, num_chains: int, times: Sequence[float], seed: Sequence[int], first_chain: int, held: Held | None = None
    ) -> dict[float, Tensor]:
        """Images at each of the times, ``(num_chains, 1, side, side)`` each."""
        ascending = sorted(times)
        states = self._run(num_chains, ascending, seed, first_chain, held=held)
        return {
            time: self.layout.pixels_of(state.rates[0]).unflatten(1, self.image_shape)
            for time, state in zip(ascending, states, strict=True)
        }

    def predict_step(self, batch: ChainRange, batch_idx: int) -> Tensor:
        """Images of a range of chains, as :meth:`sample` numbers them."""
        return self._sample_range(batch, [self.sampling_time])[self.sampling_time]

    @torch.no_grad()
    def classify(self, images: Tensor, seed: int = 0, *, chains_at_once: int = 500) -> Tensor:
        """Read the class of images: hold their pixels, run the network for the time T and look at the label units.

        Args:
            images: ``(images, 1, side, side)`` in [-1, 1].
            seed: of the random initial states.
            chains_at_once: chains that run together; bounds the memory, does not change the result.

        Returns:
            Probabilities of the classes, ``(images, classes)``.

        Raises:
            ValueError: if the network has no label units, or the images are of another size or range.
        """
        self.layout.require_labels()
        rows = as_image_rows(images, "images", self.layout.num_pixels).to(self.device)
        return torch.cat(
            [
                self._classify(
                    rows[chains.first_chain :][: chains.num_chains], (seed, CLASSIFICATION), chains.first_chain
                )
                for chains in ChainLoader(len(rows), chains_at_once, seed)
            ]
        )

    def _classify(self, images: Tensor, seed: Sequence[int], first_chain: int) -> Tensor:
        """Probabilities of the classes of images whose pixels are held, ``(images, classes)``."""
        held = self.layout.hold_pixels(images)
        (state,) = self._run(len(images), [self.sampling_time], seed, first_chain, held=held)
        return self.layout.probabilities_of(state.rates[0])

    @torch.no_grad()
    def complete(
        self, images: Tensor, mask: Tensor, num_samples: int = 8, seed: int = 0, *, chains_at_once: int = 500
    ) -> Tensor:
        """Fill in the hidden pixels of images: hold the others and run the network for the time T.

        Args:
            images: ``(images, 1, side, side)`` in [-1, 1]; what they hold at hidden pixels is not looked at.
            mask: True where a pixel is hidden, ``(side, side)``; the same for all images.
            num_samples: completions of each image. More of them leave the first ones as they are.
            seed: of the random initial states.
            chains_at_once: chains that run together; bounds the memory, does not change the result.

        Returns:
            Completed images, ``(images, num_samples, 1, side, side)``, on the network's device.

        Raises:
            ValueError: if a number is not positive, the images are of another size or range, or the mask is of another
                size, not of truth values, or hides everything or nothing.
        """
        rows = as_image_rows(images, "images", self.layout.num_pixels).to(self.device)
        hidden = self.layout.hidden_pixels(mask).to(self.device)
        parts = []
        for chains in ChainLoader(len(rows) * num_samples, chains_at_once, seed):
            # Chains take the images in turn, as they take classes in turn.
            given = rows[chains.indices() % len(rows)]
            held = self.layout.hold_pixels(given, ~hidden)
            (state,) = self._run(len(given), [self.sampling_time], (seed, COMPLETION), chains.first_chain, held=held)
            parts.append(self.layout.pixels_of(state.rates[0]))
        return torch.cat(parts).view(num_samples, len(rows), *self.image_shape).transpose(0, 1)

    # Measuring

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
            training = getattr(self.trainer.datamodule, "train", None)  # type: ignore[attr-defined]
            classes = None
            if self.layout.num_classes and training is not None:
                classes = ClassMeasures(training.images, training.labels, self.layout.num_classes)
            self._stage_measures[stage] = StageMeasures(self.measure_times, self.layout.num_pixels, classes)
        self._stage_measures[stage].to(self.device).reset()

    @torch.no_grad()
    def _measure(self, stage: str, batch: "EvaluationBatch") -> Tensor:
        # The same chains at every validation: a difference between two validations is one of the weights.
        generated = self._generate(len(batch.images), self.measure_times, (self.seed, EVALUATION), batch.first_index)
        measures = self._stage_measures[stage]
        measures.update(batch.images, generated, batch.floor_images)
        if measures.classes is not None:
            chains = ((self.seed, EVALUATION), batch.first_index)
            held = self.layout.hold_labels(batch.labels)
            asked = self._generate(len(batch.images), [self.sampling_time], *chains, held)[self.sampling_time]
            probabilities = self._classify(batch.images.flatten(1), *chains)
            measures.classes.update(batch.images, batch.labels, asked, probabilities)
        return generated[self.sampling_time]

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

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Say what the file holds; refuse to save a network that has diverged."""
        if self._trainer is not None and self.trainer.optimizers:
            self._look_for_divergence()
        for name, parameter in self.network.named_parameters():
            if not torch.isfinite(parameter).all():
                raise TrainingDivergedError(
                    f"at step {self.global_step} {name} is not finite: no checkpoint was written. "
                    "Go on from an earlier one with a lower learning rate"
                )
        write_header(
            checkpoint,
            architecture=type(self).__name__,
            layer_sizes=list(self.network.layer_sizes),
            optimizer=self._optimizer_name(),
        )

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Check that the file is of this architecture and size, and of the optimiser if training is to go on.

        Raises:
            ValueError: if it is not, saying what it is.
        """
        check_architecture(checkpoint, type(self).__name__)
        header = read_header(checkpoint)
        if self._trainer is not None and self.trainer.training and "optimizer_states" not in checkpoint:
            raise ValueError("training cannot go on from exported weights: give the checkpoint that they came from")
        if header["layer_sizes"] != list(self.network.layer_sizes):
            raise ValueError(
                f"the checkpoint holds a network with layers of {header['layer_sizes']} units, "
                f"but this one has {list(self.network.layer_sizes)}"
            )
        self._loaded_step = checkpoint["global_step"]
        if self._trainer is not None and self.trainer.precision == "64-true":
            self.double()  # Lightning would do it after loading, when float32 has rounded the weights
        optimizer = self._optimizer_name()
        if self._trainer is not None and self.trainer.training and header["optimizer"] != optimizer:
            raise ValueError(
                f"the checkpoint was trained with {header['optimizer']}, but this run uses {optimizer}: training can "
                "go on only with the same optimiser"
            )

    def _optimizer_name(self) -> str:
        return type(self._make_optimizer(self.network.trainable())).__name__
