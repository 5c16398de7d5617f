"""Training with labels, images asked for by class, classes read off images, and completion."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from small_networks import ARCHITECTURES, SIDE, SMALL, Loader, images, network_in_numpy, quiet_trainer, step_in_numpy

from chaos_lightning import ChaoticGenerator, MNISTDataModule, OneLayer, TwoLayer
from chaos_lightning.data import EvaluationBatch, Minibatch
from chaos_lightning.dynamics import Stream, initial_potentials, run_from
from chaos_lightning.sampling import Complete, GenerateByClass, ReadClass, held_by, held_in_turn, take_turns

NUM_CLASSES, REPETITIONS = 3, 2
LABELLED = {**SMALL, "num_classes": NUM_CLASSES, "label_repetitions": REPETITIONS}
NUM_PIXELS = SIDE * SIDE
ALPHA, NUM_STEPS = 0.3, 7
HIDDEN = torch.arange(NUM_PIXELS).view(SIDE, SIDE) % 3 == 1


def loader(data, labels):
    batches = Loader(data)
    batches.batch = Minibatch(data, labels, 0)
    return batches


def trained(model, steps=6):
    data, labels = images(), torch.arange(13) % NUM_CLASSES
    quiet_trainer(max_steps=steps).fit(model, loader(data, labels))
    return model


@pytest.mark.parametrize(
    ("shares", "num_chains", "holding_labels", "holding_pixels"),
    [
        ((0.0, 0.0), None, [[]] * 4, [[]] * 4),
        ((0.25, 0.0), None, [[3, 7, 11], [2, 6, 10], [1, 5, 9], [0, 4, 8, 12]], [[]] * 4),
        ((0.0, 0.25), None, [[]] * 4, [[3, 7, 11], [2, 6, 10], [1, 5, 9], [0, 4, 8, 12]]),
        # more chains than images: images lend their pixels and labels in turn
        ((0.5, 0.25), 28, [range(1, 28, 2)] * 4, [range(2, 28, 4)] * 4),
        ((0.15, 0.0), 5, [[], [1], [3], [4]], [[]] * 4),  # less than one a step: spread over steps
    ],
)
@pytest.mark.parametrize(("architecture", "sizes"), ARCHITECTURES)
def test_labels_are_learnt_by_the_rule_of_the_pixels(
    architecture, sizes, shares, num_chains, holding_labels, holding_pixels
):
    settings = {"held_label_share": shares[0], "held_pixel_share": shares[1], "num_chains": num_chains}
    model = architecture(**LABELLED, **sizes, **settings, optimizer=lambda p: torch.optim.SGD(p, lr=0.07))
    couplings, biases = network_in_numpy(model.network)
    data, labels = images().double(), torch.arange(13) % NUM_CLASSES
    quiet_trainer(max_steps=4, precision="64-true").fit(model, loader(data, labels))

    blocks = np.repeat(2 * np.eye(NUM_CLASSES)[labels.numpy()] - 1, REPETITIONS, axis=1)
    visible = np.concatenate([data.flatten(1).numpy(), blocks], axis=1)
    for step in range(4):
        held = np.full((num_chains or 13, visible.shape[1]), np.nan)
        for chain in holding_labels[step]:
            held[chain, NUM_PIXELS:] = blocks[chain % 13]
        for chain in holding_pixels[step]:
            held[chain, :NUM_PIXELS] = visible[chain % 13, :NUM_PIXELS]
        layers = model.network.layer_sizes
        step_in_numpy((couplings, biases), layers, visible, step, 0.07, ALPHA, NUM_STEPS, num_chains, held)
    for connection, (learned, _, _) in zip(model.network.connections, couplings, strict=True):
        np.testing.assert_allclose(connection.learned.detach().numpy(), learned, rtol=1e-9, atol=1e-11)
    for bias, expected in zip(model.network.biases, biases, strict=True):
        np.testing.assert_allclose(bias.detach().numpy(), expected, rtol=1e-9, atol=1e-11)
    assert abs(biases[0][NUM_PIXELS:]).max() > 0.01


def test_a_network_without_label_units_never_looks_at_labels():
    networks = []
    for labels in (torch.zeros(13, dtype=torch.int64), torch.full((13,), 99)):
        model = TwoLayer(**SMALL, hidden_units=7)
        quiet_trainer(max_steps=3).fit(model, loader(images(), labels))
        networks.append(model.network)
    assert networks[0].layer_sizes == (NUM_PIXELS, 7)
    for first, second in zip(networks[0].parameters(), networks[1].parameters(), strict=True):
        assert torch.equal(first, second)


@pytest.mark.parametrize("precision", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize(("architecture", "sizes"), ARCHITECTURES)
def test_held_rates_stay_exactly_where_they_are_at_every_step(architecture, sizes, precision):
    model = trained(architecture(**LABELLED, **sizes))
    labels = torch.tensor([2, 0, 1, 1, 2])
    pixels = images(5).to(torch.bfloat16).float()  # bfloat16 products round the rates they hold
    rates, tasks = model.layout.rates_of(pixels, labels), (GenerateByClass(), ReadClass())
    of_some = held_in_turn(tasks, (labels == 2, labels == 1), model.layout, rates)
    by_task = [held_by(task, model.layout, rates) for task in (GenerateByClass(), Complete(HIDDEN))]
    for held in (of_some, *by_task):
        mask = held.mask.expand_as(held.values)
        with torch.autocast("cpu", torch.bfloat16, enabled=precision == torch.bfloat16):
            states = run_from(model.network, ALPHA, model.start(5, seed=(0, Stream.SAMPLING)), range(8), held=held)
        for state in states:
            assert torch.equal(state.rates[0][mask], held.values[mask])
        free = torch.stack([state.rates[0][~mask] for state in states])
        assert (free.diff(dim=0).abs().amax(dim=1) > 0).all()


@pytest.mark.parametrize(("architecture", "sizes"), ARCHITECTURES)
def test_samples_asked_for_by_class_follow_from_seed_and_index(architecture, sizes):
    model = trained(architecture(**LABELLED, **sizes))
    in_turn = model.sample(31, seed=5, labels=[2, 0])
    assert in_turn.shape == (31, 1, SIDE, SIDE)
    close = {"rtol": 0, "atol": 1e-5}
    torch.testing.assert_close(model.sample(31, seed=5, labels=[2, 0], chains_at_once=7), in_turn, **close)
    torch.testing.assert_close(model.sample(11, seed=5, labels=[2, 0]), in_turn[:11], **close)
    of_two = model.sample(31, seed=5, labels=2)
    torch.testing.assert_close(of_two[::2], in_turn[::2], **close)
    assert not torch.allclose(of_two[1::2], in_turn[1::2], **close)
    assert torch.equal(model.sample(5, seed=1, labels="all"), model.sample(5, seed=1, labels=torch.tensor([0, 1, 2])))
    at = model.sample(5, times=[21.0, 9.0], seed=1, labels="all")
    assert torch.equal(at[21.0], model.sample(5, seed=1, labels="all"))


def without_chaos():
    """One layer without frozen couplings, in which pixels act on label units and on one another as set by hand."""
    model = OneLayer(**LABELLED, gain=0.0).double()
    learned = model.network.connections[0].learned.data
    generator = torch.Generator().manual_seed(3)
    learned[NUM_PIXELS:, :NUM_PIXELS] = torch.randn(6, NUM_PIXELS, generator=generator, dtype=torch.float64)
    model.network.biases[0].data.normal_(generator=generator)
    return model, learned.numpy(), model.network.biases[0].detach().numpy()


def relaxed(start, drive):
    """Potential after the run of a unit with a constant drive: a linear relaxation."""
    return drive + (1 - ALPHA) ** NUM_STEPS * (start - drive)


def test_a_network_made_by_hand_reads_classes_as_the_equation_says():
    model, learned, bias = without_chaos()
    data, num_samples = images(11).double(), 3
    start = initial_potentials([31], 33, seed=[4, Stream.CLASSIFICATION])[0].double().numpy()[:, NUM_PIXELS:]
    drive = data.flatten(1).numpy() @ learned[NUM_PIXELS:, :NUM_PIXELS].T + bias[NUM_PIXELS:]
    potentials = relaxed(start.reshape(11, num_samples, -1), drive[:, None])
    yes = 1 + np.tanh(potentials).reshape(11, num_samples, NUM_CLASSES, REPETITIONS).mean(axis=3)
    expected = (yes / yes.sum(axis=2, keepdims=True)).mean(axis=1)
    probabilities = model.classify(data, num_samples, seed=4)
    np.testing.assert_allclose(probabilities.numpy(), expected, atol=1e-5)
    np.testing.assert_allclose(model.classify(data, num_samples, seed=4, chains_at_once=4).numpy(), expected, atol=1e-5)
    np.testing.assert_allclose(model.classify(data[:5], num_samples, seed=4).numpy(), expected[:5], atol=1e-5)
    assert len(set(expected.argmax(axis=1))) > 1


def test_a_network_made_by_hand_completes_as_the_equation_says():
    model, learned, bias = without_chaos()
    hidden = HIDDEN.flatten().numpy()
    between = np.random.default_rng(0).normal(size=(hidden.sum(), (~hidden).sum()))
    learned[:] = 0
    learned[np.ix_(hidden.nonzero()[0], (~hidden).nonzero()[0])] = between
    data, num_samples = images(3).double(), 4
    completions = model.complete(data, HIDDEN, num_samples, seed=6)
    assert completions.shape == (3, num_samples, 1, SIDE, SIDE)
    rows = completions.flatten(2).numpy()
    start = initial_potentials([31], 12, seed=[6, Stream.COMPLETION])[0].double().numpy()[:, :NUM_PIXELS]
    for image in range(3):
        given = data[image].flatten().numpy()[~hidden]
        for sample in range(num_samples):
            assert (rows[image, sample][~hidden] == given).all()
            expected = np.tanh(relaxed(start[sample * 3 + image][hidden], between @ given + bias[:NUM_PIXELS][hidden]))
            np.testing.assert_allclose(rows[image, sample][hidden], expected, atol=1e-6)


def test_completions_depend_on_the_given_pixels_alone_and_more_of_them_change_none():
    model = trained(TwoLayer(**SMALL, hidden_units=7))
    data, other = images(3), images(3)
    other[:, :, HIDDEN] = 0.123
    completions = model.complete(data, HIDDEN, 4, seed=1)
    assert torch.equal(model.complete(other, HIDDEN, 4, seed=1), completions)
    close = {"rtol": 0, "atol": 1e-5}
    torch.testing.assert_close(model.complete(data, HIDDEN, 9, seed=1)[:, :4], completions, **close)
    torch.testing.assert_close(model.complete(data, HIDDEN, 4, seed=1, chains_at_once=5), completions, **close)
    assert not torch.allclose(model.complete(data, HIDDEN, 4, seed=2), completions, **close)
    with torch.autocast("cpu", torch.bfloat16):
        rounded = model.complete(data, HIDDEN, 2, seed=1)
    assert torch.equal(rounded[..., ~HIDDEN], data[:, None, :, ~HIDDEN].expand(-1, 2, -1, -1))


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        (lambda model: model.sample(3, labels=1), "no label units"),
        (lambda model: model.classify(images(3)), "no label units"),
        (lambda model: model.complete(torch.zeros(3, 1, 4, 4), HIDDEN), "images has 16 pixels an image"),
        (lambda model: model.complete(images(3) * 2, HIDDEN), r"outside \[-1, 1\]"),
        (lambda model: model.complete(images(3), HIDDEN[:3]), "each of the 25 pixels"),
        (lambda model: model.complete(images(3), HIDDEN | True), "hides every pixel"),
        (lambda model: model.complete(images(3), HIDDEN, num_samples=0), "num_samples"),
    ],
)
def test_requests_that_cannot_be_met_are_refused(request_, message):
    with pytest.raises(ValueError, match=message):
        request_(TwoLayer(**SMALL, hidden_units=7))


@pytest.mark.parametrize("name", ["held_label_share", "held_pixel_share"])
@pytest.mark.parametrize("share", [-0.1, 1.0, float("nan")])
def test_no_more_labels_or_pixels_can_be_held_than_there_are_chains(name, share):
    with pytest.raises(ValueError, match=f"{name} is a share of the chains, from 0 to below 1"):
        TwoLayer(**LABELLED, **{name: share})


def test_some_chains_stay_free():
    with pytest.raises(ValueError, match=r"held_label_share=0.7 and held_pixel_share=0.3 leave no chains free"):
        TwoLayer(**LABELLED, held_label_share=0.7, held_pixel_share=0.3)


@pytest.mark.parametrize("shares", [(0.0, 0.3), (0.6, 0.2), (0.37, 0.41), (0.9, 0.09)])
def test_held_parts_are_spread_evenly_over_chains_and_never_both_of_a_chain(shares):
    parts = take_turns(torch.arange(10_000), shares)
    for part, share in zip(parts, shares, strict=True):
        so_far = part.cumsum(0) - share * torch.arange(1, 10_001)
        assert so_far.abs().max() < 2
    assert not (parts[0] & parts[1]).any()


def test_images_of_another_size_or_range_have_no_class_nor_those_that_nobody_reads():
    model = TwoLayer(**LABELLED, hidden_units=7)
    with pytest.raises(ValueError, match="16 pixels"):
        model.classify(torch.zeros(3, 1, 4, 4))
    with pytest.raises(ValueError, match="outside"):
        model.classify(images(3) * 2)
    with pytest.raises(ValueError, match="num_samples and chains_at_once must be at least 1"):
        model.classify(images(3), num_samples=0)
    with pytest.raises(ValueError, match="there is no class 3"):
        model.sample(3, labels=[0, 3])


def test_data_with_other_classes_are_refused_before_training():
    model = TwoLayer(hidden_units=7, dt=5.0, num_classes=NUM_CLASSES)
    with pytest.raises(ValueError, match="for 3 classes, but the images are of 10: set num_classes=10"):
        quiet_trainer(max_steps=1).fit(model, datamodule=MNISTDataModule(batch_size=20))


def test_a_checkpoint_carries_the_labels_and_one_without_the_settings_has_none(tmp_path):
    for settings in (LABELLED, SMALL):
        model = TwoLayer(**settings, hidden_units=7)
        trainer = quiet_trainer(max_steps=2)
        trainer.fit(model, loader(images(), torch.arange(13) % NUM_CLASSES))
        trainer.save_checkpoint(tmp_path / "network.ckpt")
        if "num_classes" not in settings:  # as written before there were label units
            checkpoint = torch.load(tmp_path / "network.ckpt", weights_only=True)
            for name in ("num_classes", "label_repetitions"):
                del checkpoint["hyper_parameters"][name]
            torch.save(checkpoint, tmp_path / "network.ckpt")
        loaded = ChaoticGenerator.load_from_checkpoint(tmp_path / "network.ckpt")
        assert loaded.layout == model.layout
        asked = {"labels": "all"} if model.layout.num_classes else {}
        assert torch.equal(loaded.sample(5, seed=1, **asked), model.sample(5, seed=1, **asked))


def test_validation_reads_the_class_of_an_image_as_a_user_does():
    """Whichever images are in a batch with it."""
    model = trained(TwoLayer(**LABELLED, hidden_units=7, seed=3))
    data, labels, taken = images(9), torch.arange(9) % NUM_CLASSES, []
    batch = EvaluationBatch(data[4:], labels[4:], first_index=4, floor_images=data[4:])
    with torch.no_grad():
        model.measure_classes(SimpleNamespace(update=lambda *of_batch: taken.extend(of_batch)), batch)
    real, of_real, asked, probabilities = taken
    assert torch.equal(real, data[4:])
    assert torch.equal(of_real, labels[4:])
    assert asked.shape == real.shape
    torch.testing.assert_close(probabilities, model.classify(data, seed=3)[4:], rtol=0, atol=1e-5)
