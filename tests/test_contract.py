"""What every learning rule, wiring, rate function, generator, task and data module must do: one line adds a new one."""

from dataclasses import dataclass
from enum import Enum
from functools import partial
from pathlib import Path

import pytest
import torch
from forked import exit_code, forking_trainer, start
from half_bright import FewPixels, half_bright
from lightning.pytorch import Callback
from own_physics import CHAOS_ABOVE, Averaged, InnerChaos, LeftHalfAndLabel, Momentum, Softsign
from small_networks import quiet_trainer

from chaos_lightning import (
    CentredHebbian,
    ChaoticGenerator,
    ColouredMNISTDataModule,
    Connection,
    ContrastiveHebbian,
    FashionMNISTDataModule,
    ImageFilesDataModule,
    IsingDataModule,
    MNISTDataModule,
    OneLayer,
    ThreeLayer,
    TwoLayer,
)
from chaos_lightning.baselines import (
    FlowMatching,
    GaussianDistribution,
    GenerativeAdversarialNetwork,
    HeldOutImages,
    RestrictedBoltzmannMachine,
    VariationalAutoencoder,
)
from chaos_lightning.checkpoints import read_checkpoint, write_weights_file
from chaos_lightning.dynamics import RateFunction, Tanh
from chaos_lightning.learning import Difference, LearningRule
from chaos_lightning.models import ImageGenerator
from chaos_lightning.pixels import to_pixels
from chaos_lightning.sampling import Complete, Generate, GenerateByClass, ReadClass, held_by
from chaos_lightning.shapes import is_image, setting_of
from chaos_lightning.trainer import Trainer as CommandTrainer

SMALL = {"visible_units": 25, "dt": 5.0, "sampling_time": 20.0, "seed": 3}
LABELLED = {**SMALL, "hidden_units": 13, "num_classes": 2, "label_repetitions": 2}
adam = partial(torch.optim.Adam, lr=1e-3, eps=1e-3)  # a small eps would blow rounding up
network = partial(TwoLayer, **SMALL, hidden_units=13, optimizer=adam)

GENERATORS = {
    # learning rules
    "published": network,
    "reclamped, L1, unit": partial(network, rule=ContrastiveHebbian(reclamp=True, l1=0.01, rate_unit="1/sqrt(N)")),
    "centred": partial(network, rule=CentredHebbian(reclamp=True)),
    "a rule of a user's own": partial(network, rule=Averaged(memory_steps=2)),
    "a rule that hands its memory out": partial(network, rule=Momentum()),
    # wirings
    "a wiring of a setting of its own": partial(
        InnerChaos, 25, 13, 1.7, dt=5.0, sampling_time=20.0, seed=3, optimizer=adam
    ),
    "one way only": partial(
        ThreeLayer,
        **SMALL,
        hidden_units=13,
        top_units=7,
        wiring=[Connection(0, 1), Connection(1, 2, gain_down=0)],
        optimizer=adam,
    ),
    "chaos above": partial(network, wiring=CHAOS_ABOVE, rule=CentredHebbian()),
    "skipping a layer": partial(
        ThreeLayer,
        **SMALL,
        hidden_units=13,
        top_units=7,
        wiring=[Connection(0, 1), Connection(0, 2, gain_up=0), Connection(2, 2)],
        optimizer=adam,
    ),
    "of any depth": partial(ChaoticGenerator, [25, 13, 7, 5], dt=5.0, sampling_time=20.0, optimizer=adam),
    # rate functions
    "hardtanh": partial(network, rate="hardtanh"),
    "a rate function of a user's own": partial(network, rate=Softsign(half=0.5)),
    # settings of the step
    "one layer": partial(OneLayer, **SMALL, optimizer=adam, coupling_dropout=0.1),
    "everything at once": partial(
        ThreeLayer,
        **SMALL,
        hidden_units=13,
        top_units=7,
        rule=CentredHebbian(reclamp=True, l1=0.01),
        noise=0.1,
        num_classes=2,
        held_label_share=0.3,
        held_pixel_share=0.2,
        num_chains=30,
        coupling_dropout=0.1,
        hidden_dropout=0.1,
        optimizer=adam,
    ),
    # other generators
    "Boltzmann machine": partial(RestrictedBoltzmannMachine, 25, 13, num_chains=20, seed=3),
    "autoencoder": partial(VariationalAutoencoder, 25, 13, 3, seed=3, optimizer=adam),
    "adversarial network": partial(GenerativeAdversarialNetwork, 25, 13, 5, seed=3, optimizer=adam),
    "flow matching": partial(FlowMatching, 25, 13, sampling_steps=3, seed=3, optimizer=adam),
    "Gaussian": partial(GaussianDistribution, 25, seed=3),
    "held-out images": partial(HeldOutImages, 25, seed=3),
}
CHAOTIC = [name for name, make in GENERATORS.items() if issubclass(make.func, ChaoticGenerator)]
FLOORS = ("Gaussian", "held-out images")
"""Generators that are done after one step."""


def train(make, steps, ckpt_path=None, precision="64-true"):
    model, trainer = make(), quiet_trainer(max_steps=steps, precision=precision)
    trainer.fit(model, datamodule=FewPixels(batch_size=40, num_validation=60, seed=3), ckpt_path=ckpt_path)
    return model, trainer


def equal_weights(one, other):
    one, other = one.state_dict(), other.state_dict()
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


@pytest.mark.parametrize("name", GENERATORS)
def test_a_generator_learns_and_stays_finite(name):
    before, (model, trainer) = GENERATORS[name](), train(GENERATORS[name], 6)
    assert trainer.global_step == (1 if name in FLOORS else 6)
    assert all(weight.isfinite().all() for weight in model.state_dict().values())
    changed = [not torch.equal(*pair) for pair in zip(before.double().trainable(), model.trainable(), strict=True)]
    assert all(changed)
    images = model.sample(7, seed=1)
    assert images.shape == (7, 1, 5, 5)
    assert images.abs().max() <= 1


@pytest.mark.parametrize("name", GENERATORS)
def test_a_generator_survives_saving_and_is_loaded_without_code(name, tmp_path):
    model, trainer = train(GENERATORS[name], 2, precision="32-true")
    trainer.save_checkpoint(tmp_path / "saved.ckpt")
    write_weights_file(read_checkpoint(tmp_path / "saved.ckpt"), tmp_path / "saved.safetensors")
    for file in ("saved.ckpt", "saved.safetensors"):
        loaded = ImageGenerator.load_from_checkpoint(tmp_path / file)
        assert type(loaded) is type(model)
        assert equal_weights(loaded, model)
        assert torch.equal(loaded.sample(7, seed=1), model.sample(7, seed=1))
        assert getattr(loaded, "rule", None) == getattr(model, "rule", None)


@pytest.mark.parametrize("name", [name for name in GENERATORS if name not in FLOORS])
def test_a_resumed_run_ends_as_one_never_interrupted(name, tmp_path):
    whole, _ = train(GENERATORS[name], 7)
    _, trainer = train(GENERATORS[name], 3)
    trainer.save_checkpoint(tmp_path / "stopped.ckpt")
    resumed, _ = train(GENERATORS[name], 7, ckpt_path=tmp_path / "stopped.ckpt")
    assert equal_weights(resumed, whole)


class Weights(Callback):
    """Keeps the weights as each process has them."""

    def __init__(self, file):
        self.file = file

    def on_fit_end(self, trainer, model):
        torch.save(model.state_dict(), f"{self.file}.{trainer.world_size}.{trainer.global_rank}")


def train_each(folder, names):
    """Train generators on one process and on two, which are forked from this one."""
    for name in names:
        for devices in (1, 2):
            trainer = forking_trainer(
                devices,
                precision="64-true",
                max_steps=5,
                limit_val_batches=0,
                callbacks=[Weights(Path(folder, name))],
            )
            trainer.fit(GENERATORS[name](), datamodule=FewPixels(batch_size=40, num_validation=60, seed=3))


def test_two_processes_train_the_generator_of_one(tmp_path):
    names = [name for name in GENERATORS if name not in FLOORS]
    assert exit_code(start(train_each, tmp_path, names), seconds=240) == 0
    for name in names:
        alone, first, second = (
            torch.load(tmp_path / f"{name}.{process}", weights_only=True) for process in ("1.0", "2.0", "2.1")
        )
        for weight, expected, other in zip(first.values(), alone.values(), second.values(), strict=True):
            assert torch.equal(weight, other), name
            # Of the others some compute losses in float32.
            assert (weight - expected).norm() <= (1e-12 if name in CHAOTIC else 1e-6) * expected.norm(), name


TASKS = {
    "generate": (Generate(), (1, 5, 5)),
    "generate by class": (GenerateByClass(), (1, 5, 5)),
    "read a class": (ReadClass(), (2,)),
    "complete": (Complete(torch.arange(25).view(5, 5) % 2 == 0), (1, 5, 5)),
    "a task of a user's own": (LeftHalfAndLabel(), (1, 5, 5)),
}
"""Name to a task and to the shape of an answer."""


@pytest.mark.parametrize("name", TASKS)
def test_a_task_holds_its_units_and_each_chain_answers_for_itself(name):
    (task, shape), (model, _) = TASKS[name], train(partial(TwoLayer, **LABELLED, optimizer=adam), 3)
    data = half_bright(6, 5, 1)
    rates = None if isinstance(task, Generate) else model.layout.rates_of(data.images, data.labels)
    answers = model.perform(task, 13, seed=2, examples=rates, repeats=2)
    assert answers.shape == (13, *shape)
    assert answers.isfinite().all()
    close = {"rtol": 0, "atol": 1e-10}
    torch.testing.assert_close(model.perform(task, 5, seed=2, examples=rates, repeats=2), answers[:5], **close)
    torch.testing.assert_close(
        model.perform(task, 13, seed=2, examples=rates, repeats=2, chains_at_once=4), answers, **close
    )
    assert not torch.equal(model.perform(task, 13, seed=3, examples=rates, repeats=2), answers)
    held = held_by(task, model.layout, rates)
    if held is not None:
        assert 0 < held.mask.sum() < model.layout.num_units
        with pytest.raises(ValueError, match="needs examples that give their rates"):
            model.perform(task, 3, seed=2)
        (state,) = model.sampler.run(task, 6, [20.0], (2, 3), examples=rates).values()
        assert torch.equal(state.rates[0][:, held.mask], rates.double()[:, held.mask])


def own_files(folder):
    for name, seed in (("train", 0), ("test", 1)):
        images = half_bright(90, 5, seed)
        torch.save({"images": images.pixels, "labels": images.labels}, folder / f"{name}.pt")
    return ImageFilesDataModule(str(folder / "train.pt"), str(folder / "test.pt"), batch_size=20, num_validation=20)


def own_vectors(folder):
    for name, seed in (("train", 0), ("test", 1)):
        vectors = half_bright(90, 5, seed).images.flatten(1) / 3  # no 8 bits could hold them
        torch.save({"vectors": vectors}, folder / f"{name}.pt")
    return ImageFilesDataModule(str(folder / "train.pt"), str(folder / "test.pt"), batch_size=20, num_validation=20)


DATA = {
    "MNIST": lambda folder: MNISTDataModule(batch_size=20),
    "Fashion-MNIST": lambda folder: FashionMNISTDataModule(batch_size=20),
    "coloured MNIST": lambda folder: ColouredMNISTDataModule(batch_size=20),
    "Ising": lambda folder: IsingDataModule(side=4, num_training=90, num_testing=20, batch_size=20),
    "files of a user's own": own_files,
    "vectors of a user's own": own_vectors,
    "a data module of a user's own": lambda folder: FewPixels(batch_size=20, num_validation=20),
}


# Colouring thousands of digits takes seconds; their own tests are quick.
@pytest.mark.parametrize("name", [pytest.param(n, marks=pytest.mark.slow) if "colour" in n else n for n in DATA])
def test_a_data_module_serves_splits_that_follow_from_the_seed(name, tmp_path):
    data, again = DATA[name](tmp_path), DATA[name](tmp_path)
    for each in (data, again):
        each.prepare_data()
        each.setup("fit")
    for split in ("train", "validation", "test"):
        images = getattr(data, split)
        assert images.pixels.dtype == (torch.uint8 if is_image(data.image_shape) else torch.float32)
        assert images.pixels.shape[1:] == images.images.shape[1:] == data.image_shape
        assert -1 <= images.images.min() < images.images.max() <= 1
        assert 0 <= images.labels.min() <= images.labels.max() < data.num_classes
        assert torch.equal(images.pixels, getattr(again, split).pixels)
        if is_image(data.image_shape):
            assert torch.equal(to_pixels(images.images[:50]), images.pixels[:50])
    trainer = quiet_trainer(max_steps=2, limit_val_batches=1)
    trainer.fit(TwoLayer(setting_of(data.image_shape), 7, dt=5.0, sampling_time=10.0), datamodule=data)
    assert trainer.global_step == 2


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: ContrastiveHebbian(l1=-1), "l1 must be 0 or more"),
        (lambda: CentredHebbian(centering=0), "centering is the weight of a step"),
        (lambda: Averaged(memory_steps=0), "memory_steps must be at least 1"),
        (lambda: network(rule=3), "rule must be a LearningRule, but is 3"),
        (lambda: network(rule=Softsign()), "rule must be a LearningRule"),
        (
            lambda: network(rule="own_physics.Missing"),
            "rule is of the class own_physics.Missing, which",
        ),
        (
            lambda: network(rate="own_physics.Missing"),
            "rate is of the class own_physics.Missing, which",
        ),
        (lambda: network(rate="relu"), "rate must be one of tanh, hardtanh or a RateFunction of your own"),
        (lambda: network(wiring=[Connection(0, 2)]), "joins layers 0 to 1"),
        (lambda: network().perform(ReadClass(), 3, examples=torch.zeros(3, 25)), "no label units"),
        (lambda: network().perform(Complete(torch.ones(5, 5)), 3, examples=torch.zeros(3, 25)), "a truth value"),
    ],
)
def test_bad_settings_are_refused_with_a_reason(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_what_a_rule_does_with_its_memory_is_its_own_affair():
    """Its tensors are copies: the network negates and overwrites directions."""
    models = [train(partial(network, rule=Momentum(copies=copies)), 4)[0] for copies in (False, True)]
    for one, other in zip(*(model.trainable() for model in models), strict=True):
        assert torch.equal(one, other)
    assert torch.equal(models[0].memory["mean"], models[1].memory["mean"])


class Choice(Enum):
    THIS = 1


@dataclass(frozen=True)
class OfChoices(ContrastiveHebbian):
    choice: object = Choice.THIS


class OwnConstructor(ContrastiveHebbian):
    def __init__(self, strength=2.0):
        super().__init__(l1=strength / 100)


class Loose(ContrastiveHebbian):
    def __init__(self):
        super().__init__()
        object.__setattr__(self, "of_its_own", [1.0])


class Bare(LearningRule):
    def __init__(self):
        self.strength = 2.0


@pytest.mark.parametrize("rule", [OfChoices(), OwnConstructor(), Bare()])
def test_a_rule_whose_settings_a_checkpoint_could_not_hold_is_refused(rule):
    with pytest.raises(ValueError, match="as the fields of a frozen dataclass"):
        network(rule=rule)


class Textbook(LearningRule):
    """Without a thought for couplings within a layer."""

    def compare(self, phases, clamped, free):
        couplings = [
            clamped.rates[lower].T @ clamped.rates[upper] - free.rates[lower].T @ free.rates[upper]
            for lower, upper in phases.network.pairs
        ]
        biases = [one.mean(0) - other.mean(0) for one, other in zip(clamped.rates, free.rates, strict=True)]
        return Difference(couplings, biases)


class Idle(ContrastiveHebbian):
    def update(self, network, memory, learning_rate, descend):
        pass


class Undeclared(ContrastiveHebbian):
    def run(self, phases):
        return phases.clamped(), phases.free(100)


class Forgetful(ContrastiveHebbian):
    def follow(self, memory, noted, step):
        return {"unheard": torch.zeros(3)}


class Misnamed(ContrastiveHebbian):
    def init(self, network):
        return {"values": torch.zeros(3)}


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (partial(OneLayer, **SMALL, rule=Textbook()), "within layer 0 by a matrix that is not symmetric with zero"),
        (partial(network, rule=Idle()), "update of Idle must call descend exactly once"),
        (partial(network, rule=Undeclared()), r"runs chains of stream 100, but its streams are \[1, 0\]"),
        (partial(network, rule=Forgetful()), "follow returns unheard, which its method init does not make"),
        (partial(network, rule=Misnamed()), "cannot remember a tensor called 'values'"),
    ],
)
def test_a_rule_that_breaks_the_contract_is_stopped_at_the_first_step(make, message):
    with pytest.raises(ValueError, match=message):
        train(make, 2)


class Rectifier(RateFunction):
    def __call__(self, potential):
        return potential.clamp(min=0)


class Steep(Tanh):
    def __call__(self, potential):
        return torch.tanh(5 * potential)


class Misderived(Softsign):
    def derivative(self, rate):
        return 1 - rate.abs()


@pytest.mark.parametrize(
    ("rate", "message"),
    [
        (Rectifier(), "must go from -1 to 1 at most"),
        (Steep(), "shape_ that is not its __call__"),
        (Misderived(), "derivative that is not that"),
    ],
)
def test_a_rate_function_that_contradicts_itself_is_refused(rate, message):
    with pytest.raises(ValueError, match=message):
        network(rate=rate)


def test_examples_that_a_task_cannot_hold_are_refused():
    for task, rates, message in (
        (ReadClass(), torch.zeros(3, 24), "a rate for each of the 29 visible units"),
        (Generate(), torch.zeros(3, 29), "Generate holds nothing, so it takes no examples"),
    ):
        with pytest.raises(ValueError, match=message):
            TwoLayer(**LABELLED).perform(task, 3, seed=1, examples=rates)


def test_answers_that_are_no_images_are_not_written_as_such(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    trainer = CommandTrainer(accelerator="cpu", logger=False, enable_progress_bar=False, enable_model_summary=False)
    monkeypatch.setattr(ReadClass, "examples", lambda self, layout: torch.zeros(3, layout.num_units))
    with pytest.raises(ValueError, match=r"answers of the task have the shape \(2,\), and are no images"):
        trainer.predict(TwoLayer(**LABELLED), num_samples=5, task=ReadClass())
    assert not list(tmp_path.iterdir())


def test_schedules_that_set_rates_themselves_are_refused_with_a_unit():
    for schedule in (
        partial(torch.optim.lr_scheduler.OneCycleLR, max_lr=0.01, total_steps=9),
        partial(torch.optim.lr_scheduler.CosineAnnealingLR, T_max=9, eta_min=1e-3),
    ):
        with pytest.raises(ValueError, match="sets learning rates itself"):
            train(partial(network, rule=ContrastiveHebbian(rate_unit="1/N"), lr_scheduler=schedule), 1)
