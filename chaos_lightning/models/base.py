"""What the architectures have in common: the training step, sampling and what is measured."""

from collections.abc import Mapping, Sequence
from inspect import signature
from math import isclose, isfinite
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from lightning.pytorch.cli import LRSchedulerCallable, OptimizerCallable
from torch import Tensor, nn

from chaos_lightning.dynamics import (
    ChaoticNetwork,
    Held,
    RateName,
    Start,
    State,
    Thinning,
    draw_thinning,
    num_time_steps,
    replay,
    run_from,
    side_by_side,
    start_of,
)
from chaos_lightning.dynamics.thinning import WHOLE
from chaos_lightning.functional.checks import as_image_rows
from chaos_lightning.learning import centre, compensate, hebbian_difference, shrink
from chaos_lightning.metrics.class_measures import ClassMeasures
from chaos_lightning.models.divergence import DivergenceWatch
from chaos_lightning.models.generator import ImageGenerator
from chaos_lightning.models.layout import VisibleLayout
from chaos_lightning.models.prediction import ChainLoader, ChainRange

if TYPE_CHECKING:
    from chaos_lightning.data import EvaluationBatch, Minibatch

BIAS_RATE = 50.0
"""Learning rate of the biases in centred learning over that of the couplings; 200 does as well, 10 worse."""

READINGS = 8
"""Chains that read the class of an image; twice as many were right in 1 to 2 % more of the images."""

# What random numbers are drawn for; each use has streams of its own.
FREE_PHASE, CLAMPED_PHASE, EVALUATION, SAMPLING, CLASSIFICATION, COMPLETION, DROPOUT, RECLAMPED_PHASE = range(8)


class Lesson(NamedTuple):
    """What the phases of a training step teach.

    Attributes:
        couplings: minus the Hebbian difference of each connection, ``(lower units, upper units)``.
        biases: minus that of each layer, ``(units,)``.
        mean_rates: of both phases, of all layers side by side, ``(units,)``; None where nothing is centred.
    """

    couplings: list[Tensor]
    biases: list[Tensor]
    mean_rates: Tensor | None


class ChaoticGenerator(ImageGenerator):
    """A chaotic network trained by contrastive Hebbian learning to look like the data at time T.

    Training is by manual optimisation without backpropagation: each step sets the gradient of the learned couplings
    and of the biases to minus the Hebbian difference and steps the optimiser once, so that plain SGD with ``lr=k``
    is the rule of arXiv:2405.10822 with learning rate k.

    The network integrates on its own from a random start; nothing random enters after that, unless noise is asked for.

    Args:
        layer_sizes: units of each layer, visible first; label units come on top of the visible ones given here.
        gain: g of the frozen couplings; their entries have variance gain^2 / fan_in. Chaos without training: g > 1.
        tau: time constant of the units, in the same unit as every other time.
        dt: length of an Euler step, shorter than tau.
        sampling_time: T, when the activity is read out as an image; a whole number of steps.
        rate: rate function.
        noise: strength of noise that is injected at every time step, in training and in sampling; 0 leaves the activity
            to the network. With gain 0 the network is then driven by noise instead of chaos (Langevin dynamics). It is
            the standard deviation that the noise alone gives a potential for dt -> 0, see :class:`Noise`.
        num_classes: classes whose labels join the pixels in the visible layer; 0 trains on pixels alone.
        label_repetitions: label units of each class.
        held_label_share: share of the free phase's chains whose labels are held at those of the minibatch's images, as
            they are held when images are asked for by class, see :meth:`training_step`.
        held_pixel_share: share of the free phase's chains whose pixels are held at the minibatch's images, as they are
            held when classes are read. Both shares together leave some chains free.
        num_chains: chains of the free phase, over all processes; None takes as many as the minibatch has images.
        reclamp: whether the rates at which free chains end are held in turn, as those of images are in the clamped
            phase, before hidden rates are read, see :meth:`training_step`. False is the published rule.
        centering: weight of a step in the running mean rates of both phases, 0 to 1. Couplings then learn covariances
            of rates, and mean activity is left to the biases, see :func:`compensate`. 0 is the published rule, by which
            they learn mean products.
        bias_rate: learning rate of the biases at the start, as a multiple of that of the couplings; a schedule acts on
            both. None takes 1, and with centering, where only biases learn mean activity, 50.
        l1: strength of the L1 penalty of the learned couplings: each step is followed by
            ``A <- sign(A) max(|A| - k l1, 0)``, k being the learning rate, see :func:`shrink`. (L2 is the optimiser's
            weight_decay, which leaves the biases alone too.)
        coupling_dropout: probability that a learned coupling is left out of a training step.
        hidden_dropout: probability that a hidden unit sends nothing in a training step. What is dropped is drawn anew
            at every step and is the same for all chains and phases, see :class:`Thinning`.
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
        noise: float = 0.0,
        num_classes: int = 0,
        label_repetitions: int = 5,
        held_label_share: float = 0.0,
        held_pixel_share: float = 0.0,
        num_chains: int | None = None,
        reclamp: bool = False,
        centering: float = 0.0,
        bias_rate: float | None = None,
        l1: float = 0.0,
        coupling_dropout: float = 0.0,
        hidden_dropout: float = 0.0,
        measure_times: list[float] | None = None,
        seed: int = 0,
        optimizer: OptimizerCallable = lambda parameters: torch.optim.SGD(parameters, lr=0.01),
        lr_scheduler: LRSchedulerCallable | None = None,
    ) -> None:
        super().__init__(layer_sizes[0], seed=seed, optimizer=optimizer, lr_scheduler=lr_scheduler)
        if not 0 < dt < tau:
            raise ValueError(
                f"dt must be positive and shorter than tau, but dt={dt} and tau={tau}; try dt={tau / 10:g}"
            )
        if not sampling_time >= dt:
            raise ValueError(f"sampling_time must be at least one time step, but is {sampling_time} with dt={dt}")
        if not isfinite(tau):
            raise ValueError(f"tau must be a finite number, but is {tau}")
        if num_chains is not None and num_chains < 1:
            raise ValueError(f"num_chains must be at least 1, but is {num_chains}; leave it out for one chain an image")
        if not 0 <= noise < float("inf"):
            raise ValueError(f"noise must be 0 or more, but is {noise}; 0 switches it off")
        if not 0 <= centering <= 1:
            raise ValueError(
                f"centering is the weight of a step in the running mean rates, from 0 to 1, but is {centering}; "
                "0 switches it off, 0.02 is a good start"
            )
        if bias_rate is not None and not 0 < bias_rate < float("inf"):
            raise ValueError(
                f"bias_rate is a multiple of the learning rate and must be positive, but is {bias_rate}; leave it "
                "out for a good one"
            )
        if not 0 <= l1 < float("inf"):
            raise ValueError(f"l1 must be 0 or more, but is {l1}; 0 switches it off")
        for name, dropout in (("coupling_dropout", coupling_dropout), ("hidden_dropout", hidden_dropout)):
            if not 0 <= dropout < 1:
                raise ValueError(f"{name} is a probability from 0 to below 1, but is {dropout}; 0 switches it off")
        for name, share in (("held_label_share", held_label_share), ("held_pixel_share", held_pixel_share)):
            if not 0 <= share < 1:
                raise ValueError(f"{name} is a share of the chains, from 0 to below 1, but is {share}")
        if held_label_share + held_pixel_share >= 1:
            raise ValueError(
                f"held_label_share={held_label_share} and held_pixel_share={held_pixel_share} leave no chains free, "
                "from which free samples are learnt: lower one of them"
            )
        if hidden_dropout > 0 and len(layer_sizes) == 1:
            raise ValueError("hidden_dropout needs a hidden layer, and this network has none: use coupling_dropout")
        if reclamp and len(layer_sizes) == 1:
            raise ValueError("reclamp lets hidden layers relax, and this network has none: leave it out")
        self.layout = VisibleLayout(layer_sizes[0], num_classes, label_repetitions)
        self.tau = tau
        self.dt = dt
        self.sampling_time = sampling_time
        self.noise = noise
        self.held_label_share = held_label_share
        self.held_pixel_share = held_pixel_share
        self.num_chains = num_chains
        self.reclamp = reclamp
        self.centering = centering
        self.bias_rate = _bias_rate_of({"bias_rate": bias_rate, "centering": centering})
        self.l1 = l1
        self.coupling_dropout = coupling_dropout
        self.hidden_dropout = hidden_dropout
        num_steps = num_time_steps(sampling_time, dt)
        if measure_times is None:
            measure_times = [self.time_after(max(1, round(num_steps * part))) for part in (0.5, 1.5, 2.0)]
        for time in measure_times:
            num_time_steps(time, dt, name="measure_times")
        self.measure_times = sorted({sampling_time, *measure_times})

        self.network = ChaoticNetwork([self.layout.num_units, *layer_sizes[1:]], gain=gain, rate=rate, seed=seed)
        # Parameters without gradient rather than buffers, which distributed training would send round at every step.
        self.mean_rates = nn.ParameterList(
            nn.Parameter(torch.zeros(size), requires_grad=False) for size in (self.layer_sizes if centering > 0 else ())
        )
        self._divergence = DivergenceWatch(self.network.num_layers)

    @property
    def layer_sizes(self) -> list[int]:
        """Units of each layer, visible first, label units among them."""
        return list(self.network.layer_sizes)

    def time_after(self, step: int) -> float:
        """The time after a number of time steps; after those of T it is T, to the last digit."""
        return self.sampling_time * (step / num_time_steps(self.sampling_time, self.dt))

    def trainable(self) -> list[nn.Parameter]:
        """The learned couplings, then the biases."""
        return self.network.trainable()

    def make_optimizer(self) -> torch.optim.Optimizer:
        """A new optimiser of the couplings and biases, with a group for the latter if they differ.

        They may have another rate, and never decay: a bias that does takes the mean activity away from the data's.
        """
        optimizer = super().make_optimizer()
        group = optimizer.param_groups[0]
        own = {"lr": self.bias_rate * group["lr"]}
        if "weight_decay" in group:
            own["weight_decay"] = 0.0
        if any(group[name] != value for name, value in own.items()):
            biases = list(self.network.biases)
            of_biases = {id(bias) for bias in biases}
            group["params"] = [each for each in group["params"] if id(each) not in of_biases]
            optimizer.add_param_group({"params": biases, **own})
        return optimizer

    def configure_optimizers(self) -> Any:
        """As every generator.

        Raises:
            ValueError: also for a schedule that makes one rate of those of couplings and biases.
        """
        configured = super().configure_optimizers()
        optimizer = configured["optimizer"] if isinstance(configured, dict) else configured
        rates = [group["lr"] for group in optimizer.param_groups]
        if len(rates) > 1 and not isclose(rates[1], self.bias_rate * rates[0], rel_tol=1e-6, abs_tol=1e-30):
            schedule = type(configured["lr_scheduler"]["scheduler"]).__name__
            raise ValueError(
                f"{schedule} sets the rates of couplings and biases itself, {rates[0]:g} and {rates[1]:g}, but "
                f"bias_rate={self.bias_rate:g}: set bias_rate=1, or take a schedule that scales rates, such as "
                "CosineAnnealingLR"
            )
        return configured

    def setup(self, stage: str) -> None:
        """Check before any work starts that data, precision and number of processes fit the network."""
        super().setup(stage)
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

    # Training

    def on_fit_start(self) -> None:
        """Forget what another run has noted, and on which device."""
        super().on_fit_start()
        self._divergence = DivergenceWatch(self.network.num_layers)

    def on_fit_end(self) -> None:
        """Leave nothing on the device."""
        super().on_fit_end()
        self._divergence.to(torch.device("cpu"))

    @torch.no_grad()
    def training_step(self, batch: "Minibatch", batch_idx: int) -> None:
        """One step of contrastive Hebbian learning: clamped phase, free phase, perhaps a second clamped one, update.

        With label units, a share s of the chains of the free phase has its labels held and a share r its pixels, so
        that the update is ``<.>_clamped - (1 - s - r) <.>_free - s <.>_labels held - r <.>_pixels held``: a part learns
        images and labels together, one images given their labels, and one labels given their images. (Our choice; the
        paper has no labels.)

        By the published rule the hidden rates of the free phase are those at time T. They follow the visible rates with
        a lag of tau, and in the clamped phase without one, so that learning ends where phi phi agrees although what
        changes fast varies more in samples than in images. With ``reclamp`` a second clamped phase holds the visible
        rates of the samples, and hidden rates are found from visible ones in one way in both averages. With two layers
        and without noise they are the same function f of them, and learning ends where the means of ``phi(v)``,
        ``f(phi(v))`` and their products agree between samples and images. It is how Boltzmann machines learn, from the
        expected hidden units given the visible ones (P. Smolensky, Information processing in dynamical systems, 1986;
        G. E. Hinton, Neural Comput. 14, 1771 (2002)).
        """
        step = self.global_step
        visible = self.layout.rates_of(batch.images, batch.labels)
        thinning = draw_thinning(
            self.network,
            coupling_rate=self.coupling_dropout,
            hidden_rate=self.hidden_dropout,
            seed=(self.seed, DROPOUT, step),
        )
        num_chains, first_chain = len(visible), batch.first_index
        if self.num_chains is not None:
            num_chains = self.num_chains // self.trainer.world_size
            first_chain = num_chains * self.trainer.global_rank
        starts = [
            self.start(len(visible), seed=(self.seed, CLAMPED_PHASE, step), first_chain=batch.first_index),
            self.start(num_chains, seed=(self.seed, FREE_PHASE, step), first_chain=first_chain),
        ]
        if self.reclamp:
            starts.append(self.start(num_chains, seed=(self.seed, RECLAMPED_PHASE, step), first_chain=first_chain))
        held = self._hold_parts(visible, num_chains, first_chain)
        lesson = self.lesson(visible, starts, held=held, thinning=thinning)
        if self.may_wait_for_device(step):
            self._look_for_divergence()

        if lesson.mean_rates is not None:
            self._follow_mean_rates(lesson.mean_rates)
        self._learn(self._gradients(lesson, thinning))
        self.step_schedule()
        if self.is_logging_step(step):
            self._log_update()

    # Lightning asks at every step which arguments it takes, and finding out takes long.
    training_step.__wrapped__.__signature__ = signature(training_step)  # type: ignore[attr-defined]

    def lesson(
        self, visible: Tensor, starts: Sequence[Start], *, held: Held | None = None, thinning: Thinning = WHOLE
    ) -> Lesson:
        """Run the phases of a step and compare them; on a GPU as one graph. What diverges is noted.

        Args:
            visible: rates of images, as in :meth:`clamped_phase`.
            starts: of the clamped phase, the free one, and the second clamped one if there is one.
            held: labels or pixels that chains of the free phase hold.
            thinning: what is dropped from the network.

        Returns:
            What they teach, until the next call: on a GPU it overwrites that.
        """
        self._divergence.to(visible.device)
        if any(start.noise is not None for start in starts):  # a graph would inject the same again and again
            return self._lesson(visible, starts, held, thinning)
        sizes = [start.num_chains for start in starts]
        origins = torch.stack([start.origin for start in starts])  # one copy to the GPU

        def run(visible: Tensor, origins: Tensor, held: Held | None, thinning: Thinning) -> Lesson:
            return self._lesson(visible, list(map(Start, sizes, origins)), held, thinning)

        written = self._divergence.largest.data_ptr()
        key = self.dt, self.tau, self.sampling_time, self.reclamp, self.centering > 0, written, *sizes
        lesson: Lesson = replay(self.network, run, visible, origins, held, thinning, key=key, keep=False)
        return lesson

    def _lesson(self, visible: Tensor, starts: Sequence[Start], held: Held | None, thinning: Thinning) -> Lesson:
        clamped, free = side_by_side(
            visible.device,
            lambda: self.clamped_phase(visible, starts[0], thinning=thinning),
            lambda: self.free_phase(starts[1], held=held, thinning=thinning),
        )
        self._divergence.take_in(visible, free.potentials)
        if self.reclamp:
            free = self.clamped_phase(free.rates[0], starts[2], thinning=thinning)
        with torch.autocast(self.device.type, enabled=False):
            sent = ([thinning.sent(layer, rate) for layer, rate in enumerate(state.rates)] for state in (clamped, free))
            couplings, biases = hebbian_difference(self.network.pairs, *sent)
            mean_rates = None
            if self.centering > 0:
                pairs = zip(clamped.rates, free.rates, strict=True)
                mean_rates = torch.cat(
                    [(torch.mean(one, dim=0) + torch.mean(other, dim=0)) / 2 for one, other in pairs]
                )
        gradients = [difference.neg_() for difference in couplings + biases]
        return Lesson(gradients[: len(couplings)], gradients[len(couplings) :], mean_rates)

    def start(self, num_chains: int, *, seed: Sequence[int], first_chain: int = 0) -> Start:
        """The random start of chains that belongs to a seed, with the noise that drives this network.

        Args:
            num_chains: number of chains.
            seed: what the start is for, see :func:`initial_potentials`.
            first_chain: index of the first chain among those of all processes.
        """
        return start_of(num_chains, seed=seed, first_chain=first_chain, noise=self.noise)

    def clamped_phase(self, visible: Tensor, start: Start, *, thinning: Thinning = WHOLE) -> State:
        """Hold all visible rates and let the hidden layers relax for the time T.

        Args:
            visible: rates of images or samples, with labels if there are label units, ``(images, visible units)``.
            start: of the chains; that of the visible layer is not needed.
            thinning: what is dropped from the network.
        """
        return self._run(start, [self.sampling_time], held=Held(visible), thinning=thinning)[0]

    def free_phase(self, start: Start, *, held: Held | None = None, thinning: Thinning = WHOLE) -> State:
        """Let chains run freely for the time T.

        Args:
            start: of the chains.
            held: labels or pixels to hold.
            thinning: what is dropped from the network.
        """
        return self._run(start, [self.sampling_time], held=held, thinning=thinning)[0]

    def _hold_parts(self, visible: Tensor, num_chains: int, first_chain: int) -> Held | None:
        """The labels or pixels that chains of the free phase hold.

        Chain i takes them from image i of the minibatch of all processes; if there are more chains, in turn.
        """
        shares = self.held_label_share, self.held_pixel_share
        if not self.layout.num_classes or not any(shares):
            return None
        chains = torch.arange(first_chain, first_chain + num_chains, device=visible.device)
        if self.num_chains is not None:  # else the chains are those of this process's images
            if self.trainer.world_size > 1:
                visible = self.all_gather(visible).flatten(0, 1)  # type: ignore[union-attr]
            visible = visible[chains % len(visible)]
        so_far = chains + self.global_step * num_chains * self.trainer.world_size
        return self.layout.hold(visible, *_in_turn(so_far, *shares))

    def _run(
        self, start: Start, times: Sequence[float], *, held: Held | None = None, thinning: Thinning = WHOLE
    ) -> list[State]:
        """The states at ascending times of one run."""
        num_steps = [num_time_steps(time, self.dt, name="times") for time in times]
        return run_from(self.network, self.dt / self.tau, start, num_steps, held=held, thinning=thinning)

    def _gradients(self, lesson: Lesson, thinning: Thinning) -> list[Tensor]:
        """Of the learned couplings and the biases, each to be followed downhill."""
        if self.centering > 0:
            means = [thinning.sent(layer, mean) for layer, mean in enumerate(self.mean_rates)]
            with torch.autocast(self.device.type, enabled=False):
                centre(self.network.pairs, lesson.couplings, lesson.biases, means)
        return thinning.carried(lesson.couplings) + lesson.biases

    def _follow_mean_rates(self, newest: Tensor) -> None:
        """Take the mean rates of a step into the running ones; the first steps count alike."""
        weight = max(self.centering, 1 / (self.global_step + 1))
        for mean, new in zip(self.mean_rates, self.averaged(newest).split(self.layer_sizes), strict=True):
            mean.lerp_(new, weight)

    def _learn(self, gradients: list[Tensor]) -> None:
        """One update: a step of the optimiser, the L1 penalty, and what centring adds to the biases."""
        learned = self.network.learned
        before = [coupling.clone() for coupling in learned] if self.centering > 0 else []
        self.descend(gradients)
        if self.l1 > 0:
            shrink(learned, self.learning_rate * self.l1)
        if self.centering > 0:
            changes = [coupling - old for coupling, old in zip(learned, before, strict=True)]
            with torch.autocast(self.device.type, enabled=False):
                compensate(self.network.pairs, changes, list(self.network.biases), list(self.mean_rates))

    @property
    def largest_potential(self) -> float:
        """Largest absolute potential of the free phase, at the newest step that was looked at."""
        return self._divergence.largest_potential

    def largest_input(self) -> float:
        """Largest absolute input that rates in [-1, 1] can give a unit: potentials do not stay above it."""
        return self.network.largest_input()

    def _look_for_divergence(self) -> None:
        self._divergence.look(self.global_step, self.advice_on_divergence)

    def _log_update(self) -> None:
        sizes = [coupling.grad.square().mean().sqrt() for coupling in self.network.learned if coupling.grad is not None]
        size = torch.stack(sizes).mean()
        self.log_now(
            {
                "train/hebbian_difference": size,
                "train/learning_rate": self.learning_rate,
                "train/cancelled_share": self.network.cancelled_share(),
            }
        )

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

        On one kind of device, sample i depends on the seed and on i alone: asking for more samples, or for other times,
        gives the same first ones.

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

    @torch.no_grad()
    def states(
        self,
        num_chains: int,
        times: Sequence[float],
        seed: int,
        *,
        labels: int | str | Sequence[int] | Tensor | None = None,
    ) -> dict[float, State]:
        """The activity of all layers along the runs that :meth:`sample` reads images out of.

        All chains run together: for very many, ask for a part of the times.

        Args:
            num_chains: number of chains.
            times: when to note the activity, 0 or more, in any order.
            seed: of the random initial states; chain i is that of sample i of the same seed.
            labels: classes to hold, as in :meth:`sample`.

        Returns:
            Time to potentials and rates of each layer, ``(num_chains, units)``, visible first.

        Raises:
            ValueError: as :meth:`sample`.
        """
        classes = () if labels is None else self.layout.classes(labels)
        (chains,) = ChainLoader(num_chains, num_chains, seed, classes)
        ascending = sorted(times)
        start = self.start(num_chains, seed=(seed, SAMPLING))
        states = self._run(start, ascending, held=self._held_by(chains))
        return dict(zip(ascending, states, strict=True))

    def _sample_range(self, chains: ChainRange, times: Sequence[float]) -> dict[float, Tensor]:
        """The samples of a range of chains at each of the times."""
        held = self._held_by(chains)
        return self._generate(chains.num_chains, times, (chains.seed, SAMPLING), chains.first_chain, held)

    def _held_by(self, chains: ChainRange) -> Held | None:
        """The labels that chains are to hold, if any."""
        labels = chains.labels()
        return None if labels is None else self.layout.hold_labels(labels.to(self.device))

    def _generate(
        self, num_chains: int, times: Sequence[float], seed: Sequence[int], first_chain: int, held: Held | None = None
    ) -> dict[float, Tensor]:
        """Images at each of the times, ``(num_chains, 1, side, side)`` each."""
        ascending = sorted(times)
        states = self._run(self.start(num_chains, seed=seed, first_chain=first_chain), ascending, held=held)
        return {
            time: self.layout.pixels_of(state.rates[0]).unflatten(1, self.image_shape)
            for time, state in zip(ascending, states, strict=True)
        }

    def predict_step(self, batch: ChainRange, batch_idx: int) -> Tensor:
        """Images of a range of chains, as :meth:`sample` numbers them."""
        return self._sample_range(batch, [self.sampling_time])[self.sampling_time]

    @torch.no_grad()
    def classify(
        self, images: Tensor, num_samples: int = READINGS, seed: int = 0, *, chains_at_once: int = 500
    ) -> Tensor:
        """Read the class of images: hold their pixels, run the network for the time T and look at the label units.

        Args:
            images: ``(images, 1, side, side)`` in [-1, 1].
            num_samples: chains that read each image, from different random states; their mean is taken. One by itself
                is nearly always sure of some class.
            seed: of the random initial states.
            chains_at_once: chains that run together; bounds the memory, does not change the result.

        Returns:
            Probabilities of the classes, ``(images, classes)``.

        Raises:
            ValueError: if the network has no label units, a number is not positive, or the images are of another size
                or range.
        """
        self.layout.require_labels()
        rows = as_image_rows(images, "images", self.layout.num_pixels).to(self.device)
        return self._classify(rows, num_samples, seed, chains_at_once=chains_at_once)

    def _classify(
        self, rows: Tensor, num_samples: int, seed: int, *, first_image: int = 0, chains_at_once: int = 500
    ) -> Tensor:
        """As :meth:`classify`, for images ``(images, pixels)`` of which the first is the one of that index."""
        parts = []
        for chains in ChainLoader(len(rows) * num_samples, chains_at_once, seed):
            of_chains = rows[chains.indices() // num_samples]
            first_chain = first_image * num_samples + chains.first_chain
            start = self.start(len(of_chains), seed=(seed, CLASSIFICATION), first_chain=first_chain)
            (state,) = self._run(start, [self.sampling_time], held=self.layout.hold_pixels(of_chains))
            parts.append(self.layout.probabilities_of(state.rates[0]))
        return torch.cat(parts).view(len(rows), num_samples, -1).mean(dim=1)

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
            start = self.start(len(given), seed=(seed, COMPLETION), first_chain=chains.first_chain)
            (state,) = self._run(start, [self.sampling_time], held=self.layout.hold_pixels(given, ~hidden))
            parts.append(self.layout.pixels_of(state.rates[0]))
        return torch.cat(parts).view(num_samples, len(rows), *self.image_shape).transpose(0, 1)

    def classes(self, asked: int | str | Sequence[int]) -> tuple[int, ...]:
        """The classes that a user asks for: one, several, or ``"all"``."""
        return self.layout.classes(asked)

    # Measuring

    def evaluation_images(self, batch: "EvaluationBatch") -> dict[float, Tensor]:
        """Images of the same chains in every validation, at each of the measure times."""
        return self._generate(len(batch.images), self.measure_times, (self.seed, EVALUATION), batch.first_index)

    def class_measures(self) -> ClassMeasures | None:
        """Measures of images asked for by class and of classes read, for networks with label units."""
        if not self.layout.num_classes:
            return None
        training = getattr(self.trainer.datamodule, "train", None)  # type: ignore[attr-defined]
        if training is None:
            return None
        return ClassMeasures(training.images, training.labels, self.layout.num_classes)

    def measure_classes(self, measures: ClassMeasures, batch: "EvaluationBatch") -> None:
        """Ask for an image of each label of a batch, and read the class of each of its images.

        Chains that are asked start where those of :meth:`evaluation_images` do, so that only the labels make a
        difference.
        """
        time, first_image = self.sampling_time, batch.first_index
        held = self.layout.hold_labels(batch.labels)
        asked = self._generate(len(batch.images), [time], (self.seed, EVALUATION), first_image, held)[time]
        probabilities = self._classify(batch.images.flatten(1), READINGS, self.seed, first_image=first_image)
        measures.update(batch.images, batch.labels, asked, probabilities)

    # Checkpoints

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Look for divergence first, then as every generator."""
        if self._trainer is not None and self.trainer.optimizers:
            self._look_for_divergence()
        super().on_save_checkpoint(checkpoint)

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """As every generator; a network with mean rates takes weights of one without, and the other way round."""
        super().on_load_checkpoint(checkpoint)
        weights = checkpoint["state_dict"]
        own = dict(self.mean_rates.named_parameters(prefix="mean_rates"))
        for name in [name for name in weights if name.startswith("mean_rates.") and name not in own]:
            del weights[name]
        for name, mean in own.items():
            weights.setdefault(name, mean)

    def _compare_settings(self, saved: Mapping[str, Any]) -> None:
        """Refuse to go on by another rule: the mean rates and the optimiser's state are those of the run's own."""
        super()._compare_settings(saved)
        if self._trainer is None or not self.trainer.training:
            return
        own = self.hparams
        before, now = ((settings.get("centering", 0.0), _bias_rate_of(settings)) for settings in (saved, own))
        if (before[0] > 0) != (now[0] > 0) or before[1] != now[1]:
            raise ValueError(
                f"the checkpoint is of a run with centering={before[0]:g} and bias_rate={before[1]:g}, and it cannot "
                f"go on with {now[0]:g} and {now[1]:g}: train a new network for that"
            )


def _bias_rate_of(settings: Mapping[str, Any]) -> float:
    """The rate of the biases by settings that may leave it open, or be of a version without it."""
    asked = settings.get("bias_rate")
    if asked is None:
        return BIAS_RATE if settings.get("centering", 0.0) > 0 else 1.0
    return float(asked)


def _in_turn(counts: Tensor, first_share: float, second_share: float) -> tuple[Tensor, Tensor]:
    """Whose turn it is among chains that are counted on over steps and processes: two shares, each spread evenly.

    Args:
        counts: of chains so far, int64.
        first_share: of all of them, below 1.
        second_share: likewise, taken from the others.

    Returns:
        True for those of the first share, and for those of the second.
    """

    def taken(numbers: Tensor, share: float) -> Tensor:
        return ((numbers + 1) * share).floor() > (numbers * share).floor()

    counts = counts.double()
    first = taken(counts, first_share)
    others = counts - (counts * first_share).floor()
    return first, ~first & taken(others, second_share / (1 - first_share))
