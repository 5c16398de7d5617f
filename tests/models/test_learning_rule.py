"""The learning rule with a second clamped phase, centring, dropout and L1, against the equations in NumPy."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pytest
import torch
from lightning.pytorch import Trainer

from chaos_lightning import CentredHebbian, ContrastiveHebbian, OneLayer, ThreeLayer, TwoLayer
from chaos_lightning.data import Minibatch
from chaos_lightning.dynamics import NO_DROPOUT, Stream, draw_dropout, initial_potentials
from chaos_lightning.dynamics.reference import euler_run
from chaos_lightning.learning import Phases
from chaos_lightning.models.training import Step

SMALL = {"visible_units": 25, "tau": 10.0, "dt": 3.0, "sampling_time": 21.0}
ALPHA, NUM_STEPS, K = 0.3, 7, 0.07
ARCHITECTURES = [(OneLayer, {}), (TwoLayer, {"hidden_units": 7}), (ThreeLayer, {"hidden_units": 7, "top_units": 3})]


class Loader:
    """One minibatch of 13 images, again and again."""

    images = (torch.rand(13, 1, 5, 5, generator=torch.Generator().manual_seed(0)) * 2 - 1).double()

    def __init__(self, images=None):
        if images is not None:
            self.images = images

    def __len__(self):
        return 100

    def __iter__(self):
        return iter([Minibatch(self.images.to(torch.get_default_dtype()), torch.zeros(13, dtype=torch.int64), 0)] * 100)


def train(model, steps, ckpt_path=None, precision="64-true", images=None):
    trainer = Trainer(
        accelerator="cpu", precision=precision, max_steps=steps, logger=False, enable_checkpointing=False,
        enable_progress_bar=False, enable_model_summary=False, limit_val_batches=0,
    )  # fmt: skip
    trainer.fit(model, Loader(images), ckpt_path=ckpt_path)
    return trainer


def sgd(parameters):
    return torch.optim.SGD(parameters, lr=K)


def to_numpy(tensor):
    return tensor.detach().double().numpy().copy()


def rule_of(centering=0.0, **settings):
    return CentredHebbian(centering=centering, **settings) if centering else ContrastiveHebbian(**settings)


@pytest.mark.parametrize(("architecture", "sizes"), ARCHITECTURES)
@pytest.mark.parametrize(
    ("centering", "bias_rate", "reclamp"), [(0.0, 1.0, False), (0.0, 1.0, True), (0.4, 7.0, False), (0.4, 7.0, True)]
)
@pytest.mark.parametrize("rates", [(0.0, 0.0), (0.4, 0.0), (0.0, 0.4), (0.3, 0.2)])
def test_couplings_and_biases_follow_the_rule_of_the_thinned_network(
    architecture, sizes, rates, centering, bias_rate, reclamp
):
    coupling_rate, hidden_rate = rates if sizes else (rates[0], 0.0)
    reclamp = reclamp and bool(sizes)  # one layer has nothing hidden
    model = architecture(
        **SMALL, **sizes, coupling_dropout=coupling_rate, hidden_dropout=hidden_rate, optimizer=sgd,
        rule=rule_of(centering, bias_rate=bias_rate, reclamp=reclamp),
    ).double()  # fmt: skip
    layers = model.network.layer_sizes
    pairs = model.network.pairs
    frozen = {}
    for connection in model.network.connections:
        frozen[connection.lower, connection.upper] = to_numpy(connection.frozen_down)
        if not connection.is_recurrent:
            frozen[connection.upper, connection.lower] = to_numpy(connection.frozen_up)
    A = [np.zeros((layers[i], layers[j])) for i, j in pairs]
    b = [np.zeros(size) for size in layers]
    means = [np.zeros(size) for size in layers]
    data = to_numpy(Loader.images.flatten(1))

    for step in range(4):
        seed = (0, Stream.DROPOUT, step)
        drawn = draw_dropout(
            layers, pairs, coupling_rate=coupling_rate, hidden_rate=hidden_rate, seed=seed, dtype=torch.float64
        )
        m = [to_numpy(x) for x in drawn.couplings] if drawn.couplings else [np.ones_like(x) for x in A]
        n = [to_numpy(x) for x in drawn.units] if drawn.units else [np.ones_like(x) for x in b]
        total = {}
        for (i, j), A_ij, m_ij in zip(pairs, A, m, strict=True):
            total[j, i] = frozen[j, i] + (m_ij * A_ij).T
            total[i, j] = frozen[i, j] + m_ij * A_ij
        thinned = {(i, j): K_ij * n[j] for (i, j), K_ij in total.items()}  # dropped units send nothing

        def run(start, hold=lambda rates: rates, couplings=thinned):
            return euler_run(start, couplings, b, ALPHA, NUM_STEPS, np.tanh, hold)[1]

        free_start = [to_numpy(x) for x in initial_potentials(layers, 13, seed=[0, Stream.FREE_PHASE, step])]
        hidden = [to_numpy(x) for x in initial_potentials(layers[1:], 13, seed=[0, Stream.CLAMPED_PHASE, step])]
        clamped = run([data, *hidden], lambda rates: data)
        free = run(free_start)
        if reclamp:
            hidden = [to_numpy(x) for x in initial_potentials(layers[1:], 13, seed=[0, Stream.RECLAMPED_PHASE, step])]
            free = run([free[0], *hidden], lambda rates, samples=free[0]: samples)
        if centering > 0:
            weight = max(centering, 1 / (step + 1))  # the first two steps count alike, then 0.4
            newest = [(r.mean(axis=0) + s.mean(axis=0)) / 2 for r, s in zip(clamped, free, strict=True)]
            means = [(1 - weight) * mean + weight * new for mean, new in zip(means, newest, strict=True)]
        clamped, free = (
            [(r - mean) * n_i for r, mean, n_i in zip(phase, means, n, strict=True)] for phase in (clamped, free)
        )
        for b_i, r_clamped, r_free in zip(b, clamped, free, strict=True):
            b_i += bias_rate * K * (r_clamped.mean(axis=0) - r_free.mean(axis=0))
        for (i, j), A_ij, m_ij in zip(pairs, A, m, strict=True):
            dA = K * m_ij * (clamped[i].T @ clamped[j] - free[i].T @ free[j]) / 13
            if i == j:
                np.fill_diagonal(dA, 0)
            A_ij += dA
            b[i] -= dA @ means[j]  # couplings act on deviations from the means
            if i != j:
                b[j] -= dA.T @ means[i]

    train(model, 4)
    for parameter, expected in zip(model.network.trainable(), A + b, strict=True):
        assert abs(expected).max() > 0.01
        np.testing.assert_allclose(to_numpy(parameter), expected, rtol=1e-9, atol=1e-11)


@dataclass(frozen=True)
class Noting(CentredHebbian):
    noted: ClassVar[dict] = {}

    def direction(self, phases, difference, memory):
        direction = super().direction(phases, difference, memory)
        self.noted["differences"] = [change.clone() for change in direction.couplings + direction.biases]
        self.noted["before"] = [parameter.detach().clone() for parameter in phases.network.trainable()]
        return direction


class Still(ContrastiveHebbian):
    """Makes no difference: what moves the weights is something else alone."""

    def direction(self, phases, difference, memory):
        return difference._replace(
            couplings=[torch.zeros_like(change) for change in difference.couplings],
            biases=[torch.zeros_like(change) for change in difference.biases],
        )


def phases_of(model, visible=None, num_chains=13):
    """Phases of a step whose chains start from their own streams."""
    starts = {stream: model.start(num_chains, seed=(0, stream, 0)) for stream in model.rule.streams}
    return Phases(model.network, model.clock, visible, starts)


@pytest.mark.parametrize(("architecture", "sizes"), ARCHITECTURES)
def test_centred_biases_take_the_mean_input_of_all_that_changes_couplings(architecture, sizes):
    """The optimiser's step and the L1 penalty, in float32 whatever the products are rounded to."""
    model = architecture(**SMALL, **sizes, rule=Noting(centering=0.4, bias_rate=7.0, l1=0.1), optimizer=sgd)
    noted = Noting.noted
    train(model, 3, precision="bf16-mixed")
    pairs, means = model.network.pairs, model.memory["mean_rates"].split(model.layer_sizes)
    changes = [new.detach() - old for new, old in zip(model.network.trainable(), noted["before"], strict=True)]
    couplings, biases = changes[: len(pairs)], changes[len(pairs) :]
    assert all((coupling == 0).sum() < coupling.numel() / 2 for coupling in couplings)
    for layer, change in enumerate(biases):
        expected = 7 * K * noted["differences"][len(pairs) + layer]
        for (lower, upper), coupling in zip(pairs, couplings, strict=True):
            if layer == lower:
                expected = expected - coupling @ means[upper]
            elif layer == upper:
                expected = expected - coupling.T @ means[lower]
        torch.testing.assert_close(change, expected, rtol=0, atol=2e-6)


@pytest.mark.parametrize(("architecture", "sizes"), ARCHITECTURES[1:])
@pytest.mark.parametrize("reclamp", [False, True])
def test_only_with_a_second_clamped_phase_a_network_has_nothing_to_learn_from_its_own_samples(
    architecture, sizes, reclamp
):
    model = architecture(
        **(SMALL | {"sampling_time": 300.0}),
        **sizes,
        gain=3.0,
        num_chains=13,
        rule=rule_of(reclamp=reclamp),
        optimizer=sgd,
    )
    generator = torch.Generator().manual_seed(1)
    for coupling in model.network.learned:
        coupling.data.normal_(std=0.2, generator=generator)
    model.network.biases[0].data.normal_(std=0.2, generator=generator)
    model.double()
    before = [parameter.detach().clone() for parameter in model.network.trainable()]
    own_samples = phases_of(model).free().rates[0]
    train(model, 1, images=own_samples.unflatten(1, (1, 5, 5)))
    changes = [(new - old).abs().max() for new, old in zip(model.network.trainable(), before, strict=True)]
    couplings = changes[: len(model.network.pairs)]
    assert max(changes) < 1e-5 if reclamp else min(couplings) > 1e-3


def test_the_second_clamped_phase_holds_samples_with_their_labels_and_leaves_both_others_as_they_are(monkeypatch):
    def model(reclamp):
        return TwoLayer(
            **SMALL, hidden_units=7, num_classes=3, label_repetitions=2, held_label_share=0.5, held_pixel_share=0.25,
            num_chains=8, hidden_dropout=0.3, rule=rule_of(reclamp=reclamp), optimizer=sgd,
        )  # fmt: skip

    def noting(noted):
        def note(self, stream, held):
            state = run(self, stream, held)
            noted.append((held, self.starts[stream], self.dropout, state))
            return state

        return note

    run = Phases._run
    calls = {True: [], False: []}
    for reclamp, noted in calls.items():
        with monkeypatch.context() as patch:
            patch.setattr(Phases, "_run", noting(noted))
            train(model(reclamp), 1)
    (first_held, *first), (_, free_start, free_dropout, free), (second_held, *second) = calls[True]
    images, samples = first_held.values, second_held.values
    assert len(images) == 13
    assert samples.shape == (8, 25 + 3 * 2)
    assert torch.equal(samples, free.rates[0])
    # every second chain holds the label of its image, which is 0
    assert (samples[1::2, 25:] == torch.tensor([1.0, 1, -1, -1, -1, -1])).all()
    assert not (samples[::2, 25:].abs() == 1).any()
    assert first[1] is free_dropout is second[1]
    assert len({int(start.origin[0]) for start in (first[0], free_start, second[0])}) == 3
    for (*_, with_third), (*_, without) in zip(calls[True], calls[False], strict=False):
        assert all(torch.equal(*pair) for pair in zip(with_third.rates, without.rates, strict=True))


def test_a_schedule_scales_the_rate_of_the_biases_or_is_refused():
    settings = {**SMALL, "rule": ContrastiveHebbian(bias_rate=7.0), "optimizer": sgd}

    def halved(optimizer):
        return torch.optim.lr_scheduler.StepLR(optimizer, 1, gamma=0.5)

    model = OneLayer(**settings, lr_scheduler=halved)
    trainer = train(model, 3)
    assert [group["lr"] for group in trainer.optimizers[0].param_groups] == pytest.approx([K / 8, 7 * K / 8])
    one_cycle = OneLayer(**settings, lr_scheduler=lambda o: torch.optim.lr_scheduler.OneCycleLR(o, 0.1, total_steps=9))
    with pytest.raises(
        ValueError, match=r"OneCycleLR sets the rates of couplings and biases itself, .* set bias_rate=1"
    ):
        train(one_cycle, 3)


def test_without_a_rate_of_their_own_biases_learn_as_couplings_do_unless_centred():
    assert (OneLayer(**SMALL).rule.bias_rate, CentredHebbian().bias_rate) == (1.0, 50.0)


@pytest.mark.parametrize(("architecture", "sizes"), ARCHITECTURES)
def test_l1_is_a_soft_threshold_after_each_step(architecture, sizes):
    plain, sparse = (architecture(**SMALL, **sizes, rule=rule_of(l1=l1), optimizer=sgd) for l1 in (0.0, 0.1))
    train(plain, 1)
    train(sparse, 1)
    for before, after in zip(plain.network.connections, sparse.network.connections, strict=True):
        A = to_numpy(before.learned)
        expected = np.sign(A) * np.maximum(abs(A) - K * 0.1, 0)
        np.testing.assert_allclose(to_numpy(after.learned), expected, rtol=0, atol=1e-15)
        assert (expected == 0).mean() > (A == 0).mean()
        assert expected.any()
    for before, after in zip(plain.network.biases, sparse.network.biases, strict=True):
        assert torch.equal(before, after)


def test_l1_follows_the_learning_rate_of_the_step():
    def halved(optimizer):
        return torch.optim.lr_scheduler.StepLR(optimizer, 1, gamma=0.5)

    plain, sparse = (
        OneLayer(**SMALL, rule=Still(l1=l1), optimizer=lambda p: torch.optim.SGD(p, lr=0.0), lr_scheduler=halved)
        for l1 in (0.0, 1.0)
    )
    for model in (plain, sparse):
        model._make_optimizer = lambda parameters: torch.optim.SGD(parameters, lr=0.01)
        model.network.connections[0].learned.data.fill_(1.0)
        model.network.connections[0].learned.data.fill_diagonal_(0.0)
        train(model, 3)
    above = torch.ones(25, 25).triu(1).bool()
    assert (plain.network.connections[0].learned[above] == 1).all()
    np.testing.assert_allclose(to_numpy(sparse.network.connections[0].learned[above]), 1 - 0.01 * 1.75, rtol=1e-12)


@pytest.mark.parametrize("bias_rate", [1.0, 7.0])
@pytest.mark.parametrize("optimizer", [torch.optim.SGD, torch.optim.AdamW])
def test_weight_decay_shrinks_couplings_and_leaves_biases_alone(optimizer, bias_rate):
    model = TwoLayer(
        **SMALL,
        hidden_units=7,
        rule=Still(bias_rate=bias_rate),
        optimizer=lambda p: optimizer(p, lr=0.5, weight_decay=0.1),
    )
    for parameter in model.trainable():
        parameter.data.fill_(1.0)
    train(model, 3)
    np.testing.assert_allclose(to_numpy(model.network.learned[0]), (1 - 0.5 * 0.1) ** 3, rtol=1e-12)
    assert all((bias == 1).all() for bias in model.network.biases)


def test_what_is_dropped_is_a_function_of_seed_and_step_with_the_asked_rates():
    network = ThreeLayer(visible_units=28**2, hidden_units=500, top_units=100).network

    def draw(*seed):
        return draw_dropout(network.layer_sizes, network.pairs, coupling_rate=0.3, hidden_rate=0.2, seed=seed)

    first, again, later = draw(1, 6, 5), draw(1, 6, 5), draw(1, 6, 6)
    for drawn, repeated, other in zip(first.couplings, again.couplings, later.couplings, strict=True):
        assert torch.equal(drawn, repeated)
        assert not torch.equal(drawn, other)
        # five standard deviations of a binomial share
        assert (drawn == 0).double().mean() == pytest.approx(0.3, abs=5 * (0.21 / drawn.numel()) ** 0.5)
        assert set(drawn.unique().tolist()) == {0.0, torch.tensor(1 / 0.7).item()}
    assert (first.units[0] == 1).all()
    dropped = torch.cat(first.units[1:]) == 0
    assert dropped.double().mean() == pytest.approx(0.2, abs=5 * (0.16 / 600) ** 0.5)


def test_one_layer_drops_a_coupling_both_ways_and_stays_symmetrical():
    model = OneLayer(
        **SMALL, coupling_dropout=0.5, rule=rule_of(l1=0.01), optimizer=lambda p: torch.optim.Adam(p, lr=0.01)
    )
    train(model, 10)
    learned = model.network.connections[0].learned.detach()
    assert learned.any()
    assert torch.equal(learned, learned.T)
    assert not learned.diagonal().any()


def test_sampling_and_the_phases_by_themselves_drop_nothing():
    plain, thinned = (
        TwoLayer(**SMALL, hidden_units=7, coupling_dropout=rate, hidden_dropout=rate) for rate in (0.0, 0.5)
    )
    train(plain, 3)
    thinned.double().network.load_state_dict(plain.network.state_dict())
    assert torch.equal(thinned.train().sample(11, seed=3), plain.sample(11, seed=3))
    ours, theirs = (phases_of(model, num_chains=11).free().rates for model in (thinned, plain))
    assert all(torch.equal(*pair) for pair in zip(ours, theirs, strict=True))


def test_a_resumed_regularised_run_ends_as_one_never_interrupted(tmp_path):
    def model():
        return TwoLayer(
            **SMALL, hidden_units=7, rule=rule_of(l1=0.01), coupling_dropout=0.3, hidden_dropout=0.3, optimizer=sgd
        )

    whole, first, second = model(), model(), model()
    train(whole, 9, precision="32-true")
    train(first, 4, precision="32-true").save_checkpoint(tmp_path / "stopped.ckpt")
    train(second, 9, ckpt_path=tmp_path / "stopped.ckpt", precision="32-true")
    for name, weight in whole.network.state_dict().items():
        assert torch.equal(second.network.state_dict()[name], weight), name


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"coupling_dropout": 1.0}, "coupling_dropout is a probability"),
        ({"hidden_dropout": -0.1}, "hidden_dropout is a probability"),
        ({"hidden_dropout": 0.5}, "needs a hidden layer"),
        ({"rule": ContrastiveHebbian(reclamp=True)}, "reclamp lets hidden layers relax, and this network has none"),
    ],
)
def test_settings_that_do_not_fit_one_layer_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        OneLayer(**SMALL, **settings)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"l1": -1.0}, "l1 must be 0 or more"),
        ({"l1": float("nan")}, "l1 must be 0 or more"),
        ({"centering": -0.1}, "centering is the weight of a step in the running mean rates, above 0 and at most 1"),
        ({"centering": float("nan")}, "centering is the weight of a step"),
        ({"bias_rate": 0.0}, "bias_rate is a multiple of the learning rate and must be positive"),
        ({"bias_rate": float("inf")}, "bias_rate is a multiple of the learning rate"),
    ],
)
def test_impossible_settings_of_the_rule_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        CentredHebbian(**settings)


@pytest.mark.parametrize("name", ["centering", "reclamp", "bias_rate", "l1"])
def test_settings_of_earlier_versions_are_refused_with_their_new_spelling(name):
    with pytest.raises(ValueError, match=f"{name} is a setting of the learning rule now: give rule=C"):
        TwoLayer(**SMALL, **{name: 0.1})


@pytest.mark.parametrize(("architecture", "sizes"), ARCHITECTURES)
def test_without_gain_only_learned_couplings_act(architecture, sizes):
    model = architecture(**SMALL, **sizes, gain=0.0, optimizer=lambda p: torch.optim.Adam(p, lr=0.01))
    train(model, 5)
    learned = model.network.learned
    for layer in range(len(model.network.layer_sizes)):
        for source, coupling in model.network.afferents(layer):
            matrix = learned[min(layer, source)] if layer <= source else learned[min(layer, source)].T
            assert matrix.any()
            assert torch.equal(coupling, matrix)
    assert model.sample(5, seed=0).isfinite().all()


def test_what_an_earlier_run_has_noted_does_not_stop_the_next():
    model = TwoLayer(visible_units=25, hidden_units=7)
    bad = Loader.images.clone()
    bad[0, 0, 0, 0] = float("nan")
    with pytest.raises(ValueError, match="finite"):
        train(model, 2, images=bad)
    starts = {stream: model.start(13, seed=(0, stream)) for stream in model.rule.streams}
    model.compare_phases(Step(torch.full((13, 25), 3.0, dtype=torch.double), starts, None, NO_DROPOUT))
    train(model, 2)
    assert 0 < model.largest_potential < 100


@pytest.mark.parametrize(
    ("architecture", "sizes", "settings"),
    [(*each, {}) for each in ARCHITECTURES]
    + [(*each, {"rule": CentredHebbian(reclamp=True)}) for each in ARCHITECTURES[1:]],
)
def test_the_memory_of_a_step_does_not_depend_on_its_time(architecture, sizes, settings):
    def bytes_allocated(sampling_time):
        model = architecture(visible_units=25, dt=1.0, sampling_time=sampling_time, **sizes, **settings)
        starts = {stream: model.start(13, seed=(0, stream)) for stream in model.rule.streams}
        step = Step(Loader.images.flatten(1).float(), starts, None, NO_DROPOUT)
        model.compare_phases(step)
        with torch.profiler.profile(profile_memory=True) as profile, torch.no_grad():
            model.compare_phases(step)
        return sum(max(event.self_cpu_memory_usage, 0) for event in profile.events())

    assert bytes_allocated(200.0) == bytes_allocated(50.0) > 0


@pytest.mark.parametrize(("unit", "value"), [("1", 1.0), ("1/sqrt(N)", 0.2), ("1/N", 0.04)])
def test_the_learning_rate_is_given_in_a_unit_of_the_visible_layers_size(unit, value):
    model = TwoLayer(**SMALL, hidden_units=7, rule=rule_of(rate_unit=unit, bias_rate=3.0), optimizer=sgd)
    groups = train(model, 1).optimizers[0].param_groups
    assert [group["lr"] for group in groups] == pytest.approx([K * value, 3 * K * value])
    assert model.learning_rate == pytest.approx(K * value)
    with pytest.raises(ValueError, match="rate_unit must be one of 1, 1/sqrt"):
        rule_of(rate_unit="1/M")
