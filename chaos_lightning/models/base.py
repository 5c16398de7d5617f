"""The chaotic network as a LightningModule: its settings, and the parts made from them."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, ClassVar

import torch
from lightning.pytorch.cli import LRSchedulerCallable, OptimizerCallable
from torch import nn

from chaos_lightning.dynamics import ChaoticNetwork, Clock, Connection, RateFunction, RateName, as_wiring
from chaos_lightning.learning import ContrastiveHebbian, LearningRule, RuleMemory
from chaos_lightning.models.checks import check_settings
from chaos_lightning.models.divergence import DivergenceWatch
from chaos_lightning.models.settings import described, described_wiring, made_from
from chaos_lightning.models.sharing import Shared
from chaos_lightning.sampling import VisibleLayout


class ChaoticGenerator(Shared):
    """A chaotic network trained by contrastive Hebbian learning to look like the data at time T.

    Training is manual optimisation without backpropagation. Each step sets the gradient of the learned couplings and
    biases to minus the direction of the learning rule, and steps the optimiser once. So plain SGD with ``lr=k`` is the
    rule of arXiv:2405.10822 with learning rate k.

    The network runs on its own from a random start; nothing random enters after the start, unless noise is asked for.

    Args:
        layer_sizes: units of each layer, visible first; label units are added to the visible units given here. The
            first entry may be the shape of a sample, see :func:`chaos_lightning.shapes.shape_of`.
        gain: g, the strength of the frozen couplings; their entries have variance gain^2 / fan_in. The untrained
            network is chaotic for g > 1.
        visible_gain: gain of the frozen couplings into the visible layer; None takes g. Weak ones leave the chaos to
            the hidden layers, and samples come out without grain.
        wiring: connections of the layers, which may have gains of their own and may learn or not, see
            :class:`Connection`; None connects each layer with the next, or a single layer with itself.
        tau: time constant of the units, in the same unit as every other time.
        dt: length of an Euler step, shorter than tau.
        sampling_time: T, the time at which the activity is read out as an image; a whole number of steps.
        rate: rate function: tanh, hardtanh, or the class of one of your own, see :class:`RateFunction`.
        rule: learning rule; None takes the published one, see :class:`ContrastiveHebbian`.
        noise: strength of the noise injected at every time step, in training and in sampling; 0 injects none. With
            gain 0, noise drives the network instead of chaos (Langevin dynamics). The strength is the standard
            deviation that noise alone gives a potential for dt -> 0, see :class:`Noise`.
        noise_layers: layers that get noise, 0 is the visible one; None gives it to all.
        num_classes: number of classes whose labels join the pixels in the visible layer; 0 trains on pixels alone.
        label_repetitions: number of label units for each class.
        held_label_share: share of the free phase's chains that hold the labels of the minibatch's images, as chains do
            when they generate images by class, see :meth:`training_step`.
        held_pixel_share: share of the free phase's chains that hold the pixels of the minibatch's images, as chains do
            when they read classes. Together with held_label_share it must be below 1, so that some chains are free.
        num_chains: number of chains of the free phase, over all processes; None takes as many as the minibatch has
            images.
        coupling_dropout: probability that a learned coupling is left out of a training step.
        hidden_dropout: probability that a hidden unit sends nothing in a training step. All chains and phases of a step
            drop the same parts, drawn anew at every step, see :class:`Dropout`.
        measure_times: further sampling times at which validation and test measure; None takes T/2, 3T/2 and 2T.
        seed: seed of the frozen couplings and of every random initial state.
        optimizer: function that makes the optimiser from the parameters; in YAML, a class of torch.optim and its
            settings. The default is plain SGD with the paper's k = 0.01.
        lr_scheduler: function that makes a learning rate schedule from the optimiser; in YAML, a class and its
            settings. The schedule is stepped once per training step.

    Raises:
        ValueError: for settings with which no network can be made or run, with advice.
    """

    default_wiring: ClassVar[Sequence[Connection] | None] = None

    def __init__(
        self,
        layer_sizes: Sequence[int | list[int]],
        *,
        gain: float = 1.5,
        visible_gain: float | None = None,
        wiring: list[Connection] | None = None,
        tau: float = 10.0,
        dt: float = 1.0,
        sampling_time: float = 100.0,
        rate: RateName | RateFunction = "tanh",
        rule: ContrastiveHebbian | LearningRule | None = None,
        noise: float = 0.0,
        noise_layers: list[int] | None = None,
        num_classes: int = 0,
        label_repetitions: int = 5,
        held_label_share: float = 0.0,
        held_pixel_share: float = 0.0,
        num_chains: int | None = None,
        coupling_dropout: float = 0.0,
        hidden_dropout: float = 0.0,
        measure_times: list[float] | None = None,
        seed: int = 0,
        optimizer: OptimizerCallable = lambda parameters: torch.optim.SGD(parameters, lr=0.01),
        lr_scheduler: LRSchedulerCallable | None = None,
    ) -> None:
        super().__init__(layer_sizes[0], seed=seed, optimizer=optimizer, lr_scheduler=lr_scheduler)
        check_settings(
            num_layers=len(layer_sizes),
            num_classes=num_classes,
            num_chains=num_chains,
            noise=noise,
            noise_layers=noise_layers,
            dropouts={"coupling_dropout": coupling_dropout, "hidden_dropout": hidden_dropout},
            shares={"held_label_share": held_label_share, "held_pixel_share": held_pixel_share},
        )
        self.clock = Clock(tau, dt, sampling_time)
        self.tau, self.dt, self.sampling_time = tau, dt, sampling_time
        if measure_times is None:
            measure_times = self.clock.times_at([0.5, 1.5, 2.0])
        for time in measure_times:
            self.clock.steps_until(time, name="measure_times")
        self.measure_times = sorted({sampling_time, *measure_times})
        self.layout = VisibleLayout(self.image_shape, num_classes, label_repetitions)
        self.noise, self.noise_layers = noise, noise_layers
        self.num_chains = num_chains
        self.held_shares = [held_label_share, held_pixel_share]
        self.coupling_dropout, self.hidden_dropout = coupling_dropout, hidden_dropout

        connections = as_wiring(self.default_wiring if wiring is None else wiring, len(layer_sizes), gain)
        if visible_gain is not None:
            connections = tuple(
                replace(each, gain_down=visible_gain) if each.lower == 0 and each.gain_down is None else each
                for each in connections
            )
        if not isinstance(rate, str) or "." in rate:
            rate = made_from(rate, RateFunction, "rate")
        self.rule = ContrastiveHebbian() if rule is None else made_from(rule, LearningRule, "rule")
        sizes = [self.layout.num_units, *(int(units) for units in layer_sizes[1:])]  # type: ignore[arg-type]
        self.network = ChaoticNetwork(sizes, gain=gain, wiring=connections, rate=rate, seed=seed)
        self.rule.check(self.network)
        self.memory = RuleMemory(self.rule.init(self.network))
        self._divergence = DivergenceWatch(self.network.num_layers)
        # Lightning has noted objects; checkpoints and loggers get their class paths and settings instead.
        self.hparams["rate"] = rate if isinstance(rate, str) else described(rate)
        self.hparams["rule"] = described(self.rule)
        self.hparams["wiring"] = described_wiring(connections)

    @property
    def layer_sizes(self) -> list[int]:
        """Units of each layer, visible first, label units included."""
        return list(self.network.layer_sizes)

    def trainable(self) -> list[nn.Parameter]:
        """List the learned couplings, then the biases."""
        return self.network.trainable()

    @property
    def largest_potential(self) -> float:
        """Largest absolute potential of the free phase, as found by the last look for divergence."""
        return self._divergence.largest_potential

    def largest_input(self) -> float:
        """Return the largest absolute input that rates in [-1, 1] can give a unit; potentials cannot stay above it."""
        return self.network.largest_input()

    def setup(self, stage: str) -> None:
        """Check before any work starts that data, precision and number of processes fit the network.

        Raises:
            ValueError: if they do not fit, with advice.
        """
        super().setup(stage)
        empty = getattr(self.trainer.datamodule, "empty_classes", [])  # type: ignore[attr-defined]
        if empty and self.layout.num_classes:
            raise ValueError(
                f"the network has label units, but there is no image of class {', '.join(map(str, empty))}: number the "
                "classes from 0 on without gaps, as numpy.unique(labels, return_inverse=True)[1] does"
            )
        num_classes = getattr(self.trainer.datamodule, "num_classes", self.layout.num_classes)  # type: ignore[attr-defined]
        if self.layout.num_classes not in (0, num_classes):
            images = f"the images are of {num_classes}: set num_classes={num_classes}, or 0"
            if num_classes < 2:
                images = "the images have no labels: set num_classes=0"
            raise ValueError(
                f"the network has label units for {self.layout.num_classes} classes, but {images} for a network "
                "without label units"
            )
        world_size = self.trainer.world_size
        if self.num_chains is not None and self.num_chains % world_size:
            raise ValueError(f"num_chains={self.num_chains} cannot be shared equally by {world_size} processes")

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Look for divergence, then describe the content of the file as every generator does."""
        if self._trainer is not None and self.trainer.optimizers:
            self.look_for_divergence()
        super().on_save_checkpoint(checkpoint)

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Check the file as every generator does, but accept a file whose rule remembers other tensors.

        Tensors that only the file remembers are dropped; tensors that only this rule remembers keep their values.
        """
        super().on_load_checkpoint(checkpoint)
        weights = checkpoint["state_dict"]
        own = {f"memory.{name}": value for name, value in self.memory.items()}
        for name in [name for name in weights if name.startswith("memory.") and name not in own]:
            del weights[name]
        for name, value in own.items():
            weights.setdefault(name, value)
