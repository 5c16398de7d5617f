"""The baselines: their rules against independent calculations, and what every generator must do."""

import json
import math
import warnings
from functools import partial

import numpy as np
import pytest
import torch
from half_bright import FewPixels
from lightning.pytorch import Trainer

from chaos_lightning.baselines import (
    FlowMatching,
    GaussianDistribution,
    GenerativeAdversarialNetwork,
    HeldOutImages,
    RestrictedBoltzmannMachine,
    VariationalAutoencoder,
)
from chaos_lightning.commands import main
from chaos_lightning.commands.complete import complete
from chaos_lightning.data import ImageDataModule, ImageSet, Minibatch
from chaos_lightning.dynamics import draw_by_chain
from chaos_lightning.models import ImageGenerator, TrainingDivergedError
from chaos_lightning.report import report

SMALL = {"visible_units": 25}
ALL = [
    (VariationalAutoencoder, {"hidden_units": 7, "latent_units": 3}),
    (GenerativeAdversarialNetwork, {"hidden_units": 7, "latent_units": 3}),
    (FlowMatching, {"hidden_units": 7, "sampling_steps": 3}),
    (RestrictedBoltzmannMachine, {"hidden_units": 7, "num_chains": 11, "gibbs_steps": 2, "sampling_steps": 3}),
    (GaussianDistribution, {}),
    (HeldOutImages, {}),
]
"""Every baseline, and settings that make a small one."""


def quiet_trainer(**settings):
    quiet = dict.fromkeys(("logger", "enable_checkpointing", "enable_progress_bar", "enable_model_summary"), False)
    every_step = {"val_check_interval": 1, "check_val_every_n_epoch": None, "num_sanity_val_steps": 0}
    return Trainer(**{"accelerator": "cpu", **every_step, **quiet, **settings})


def fitted(cls, sizes, max_steps=4, **settings):
    model = cls(**SMALL, **sizes)
    trainer = quiet_trainer(max_steps=max_steps, **settings)
    trainer.fit(model, datamodule=FewPixels(batch_size=20, num_validation=40))
    return model, trainer


@pytest.mark.parametrize(("cls", "sizes"), ALL, ids=lambda value: getattr(value, "__name__", ""))
def test_a_baseline_is_measured_saved_and_loaded_as_a_network_is(cls, sizes, tmp_path):
    model, trainer = fitted(cls, sizes)
    assert trainer.global_step == (4 if cls.learns else 1)
    evaluation = model.evaluation
    assert evaluation.num_samples == 40
    assert all(math.isfinite(value) for value in evaluation.measures[0.0].values())

    images = model.sample(30, seed=3)
    assert images.shape == (30, 1, 5, 5)
    assert -1 <= images.min() < images.max() <= 1
    # a sample depends on the seed and on its index alone
    torch.testing.assert_close(model.sample(30, seed=3, chains_at_once=13), images, rtol=0, atol=1e-6)
    torch.testing.assert_close(model.sample(9, seed=3), images[:9], rtol=0, atol=1e-6)
    assert not torch.equal(model.sample(30, seed=4), images)

    path = tmp_path / "baseline.ckpt"
    trainer.save_checkpoint(path)
    assert torch.load(path, weights_only=True)["chaos_lightning"]["architecture"] == cls.__name__
    for loader in (cls, ImageGenerator):
        loaded = loader.load_from_checkpoint(path)
        assert type(loaded) is cls
        assert torch.equal(loaded.sample(30, seed=3), images)


@pytest.mark.parametrize(("cls", "sizes"), ALL[:4], ids=lambda value: getattr(value, "__name__", ""))
def test_a_resumed_run_ends_as_one_never_interrupted(cls, sizes, tmp_path):
    whole, _ = fitted(cls, sizes, 6)
    _, trainer = fitted(cls, sizes, 3)
    trainer.save_checkpoint(tmp_path / "half.ckpt")
    resumed = cls(**SMALL, **sizes)
    data = FewPixels(batch_size=20, num_validation=40)
    quiet_trainer(max_steps=6).fit(resumed, datamodule=data, ckpt_path=tmp_path / "half.ckpt", weights_only=True)
    for name, weight in whole.state_dict().items():
        assert torch.equal(resumed.state_dict()[name], weight), name


@pytest.mark.parametrize(("cls", "sizes"), ALL, ids=lambda value: getattr(value, "__name__", ""))
def test_a_baseline_runs_in_double_precision_and_is_loaded_in_any(cls, sizes, tmp_path):
    model, trainer = fitted(cls, sizes, 2, precision="64-true")
    assert {weight.dtype for weight in model.parameters()} == {torch.float64}
    assert all(math.isfinite(value) for value in model.evaluation.measures[0.0].values())
    trainer.save_checkpoint(tmp_path / "double.ckpt")
    images = cls.load_from_checkpoint(tmp_path / "double.ckpt").sample(5, seed=1)
    torch.testing.assert_close(images, model.sample(5, seed=1), rtol=0, atol=1e-4)


def test_evidence_bound_is_the_sum_of_its_parts():
    model = VariationalAutoencoder(**SMALL, hidden_units=7, latent_units=3).double()
    generator = torch.Generator().manual_seed(0)
    images = torch.rand(13, 25, generator=generator, dtype=torch.float64) * 2 - 1
    noise = torch.randn(13, 3, generator=generator, dtype=torch.float64)
    code = model.encoder(images)
    posterior = torch.distributions.Normal(code[:, :3], (code[:, 3:] / 2).exp())
    prior = torch.distributions.Normal(torch.zeros(3).double(), torch.ones(3).double())
    divergence = torch.distributions.kl_divergence(posterior, prior).sum(1)
    q = torch.sigmoid(model.decoder(posterior.mean + posterior.stddev * noise))
    p = (images + 1) / 2
    reconstruction = -(p * q.log() + (1 - p) * (1 - q).log()).sum(1)
    expected = (reconstruction + divergence).mean()
    assert float(model.negative_evidence_bound(images, noise)) == pytest.approx(float(expected), rel=1e-5)


def test_both_players_of_the_gan_step_from_where_the_other_was():
    sizes = {"hidden_units": 7, "latent_units": 3}
    model, trainer = fitted(GenerativeAdversarialNetwork, sizes, 1)
    start = GenerativeAdversarialNetwork(**SMALL, **sizes)
    images = trainer.datamodule.train_dataloader().minibatch(0).images.flatten(1)
    noise = draw_by_chain(3, 20, seed=(0, 0, 0))
    fake = start.generator(noise)
    sigma = torch.sigmoid
    losses = {
        start.generator: -sigma(start.discriminator(fake)).log().mean(),
        start.discriminator: -sigma(start.discriminator(images)).log().mean()
        - (1 - sigma(start.discriminator(fake))).log().mean(),
    }
    for player, trained in ((start.generator, model.generator), (start.discriminator, model.discriminator)):
        gradients = torch.autograd.grad(losses[player], list(player.parameters()), retain_graph=True)
        for before, after, gradient in zip(player.parameters(), trained.parameters(), gradients, strict=True):
            # the first step of Adam: lr gradient / (|gradient| + eps)
            expected = before - 2e-4 * gradient / (gradient.abs() + 1e-8)
            large = gradient.abs() > 1e-5
            torch.testing.assert_close(after[large], expected[large], rtol=0, atol=1e-6)


def test_error_of_the_ends_is_that_of_the_velocity_weighted_by_the_time_left():
    """Lipman et al., equation 23, with sigma_min = 0: |u(x_t, t) - (x_1 - x_0)|^2 at x_t = (1 - t) x_0 + t x_1."""
    model = FlowMatching(**SMALL, hidden_units=7).double()
    generator = torch.Generator().manual_seed(0)
    images = torch.rand(13, 25, generator=generator, dtype=torch.float64) * 2 - 1
    noise = torch.randn(13, 25, generator=generator, dtype=torch.float64)
    times = torch.linspace(0, 0.95, 13, dtype=torch.float64).unsqueeze(1)
    points = (1 - times) * noise + times * images
    with torch.no_grad():
        velocity = (model.end_of_path(points, times) - points) / (1 - times)
        expected = ((1 - times) * (velocity - (images - noise))).numpy() ** 2
        assert float(model.error(images, noise, times)) == pytest.approx(expected.mean(), rel=1e-12)


def test_flow_to_a_gaussian_converges_as_explicit_euler_does():
    """Ends N(m, s^2): E[x_1 | x_t] = m + t s^2 (x_t - t m) / ((1 - t)^2 + t^2 s^2); the flow maps x_0 to m + s x_0."""
    mean, deviation = 0.2, 0.1

    class Exact(FlowMatching):
        def end_of_path(self, points, times):
            variance = (1 - times) ** 2 + times**2 * deviation**2
            return mean + times * deviation**2 / variance * (points - times * mean)

    errors = []
    for steps in (50, 100, 200):
        model = Exact(**SMALL, hidden_units=7, sampling_steps=steps).double()
        start = model.draw(25, 40, seed=(0, 2), first_sample=0)
        exact = mean + deviation * start
        errors.append(float((model.generate(40, seed=(0, 2), first_sample=0) - exact).abs().max()))
    assert errors[0] < 0.03
    assert errors[0] / errors[1] == pytest.approx(2, abs=0.2)
    assert errors[1] / errors[2] == pytest.approx(2, abs=0.1)


def test_flow_needs_a_step():
    with pytest.raises(ValueError, match="sampling_steps must be at least 1, but is 0"):
        FlowMatching(**SMALL, sampling_steps=0)


def exact_moments(weights, visible_bias, hidden_bias):
    """Joint distribution of all states of a tiny machine: states, probabilities."""
    num_visible, num_hidden = weights.shape
    bits = torch.cartesian_prod(*[torch.tensor([0.0, 1.0])] * (num_visible + num_hidden)).double()
    v, h = bits[:, :num_visible], bits[:, num_visible:]
    minus_energy = v @ visible_bias + h @ hidden_bias + ((v @ weights) * h).sum(1)
    return v, h, torch.softmax(minus_energy, 0)


def tiny_machine(num_chains=4000):
    model = RestrictedBoltzmannMachine(visible_units=4, hidden_units=3, num_chains=num_chains).double()
    generator = torch.Generator().manual_seed(1)
    for parameter in model.parameters():
        parameter.data.normal_(generator=generator)
    return model


def test_gibbs_chains_have_the_exact_distribution():
    model = tiny_machine()
    v, _, probability = exact_moments(model.weights, model.visible_bias, model.hidden_bias)
    with torch.no_grad():
        visible, _ = model.gibbs(model.chains, 30, seed=(1,), first_chain=0)
        expected = {tuple(state.tolist()): 0.0 for state in v}
        for state, p in zip(v, probability, strict=True):
            expected[tuple(state.tolist())] += float(p)
    states, counts = visible.unique(dim=0, return_counts=True)
    for state, count in zip(states, counts, strict=True):
        p = expected[tuple(state.tolist())]
        assert abs(int(count) / 4000 - p) < 5 * math.sqrt(p * (1 - p) / 4000)


def test_centred_gradient_is_that_of_the_centred_machine_and_ascends_the_likelihood():
    """In the machine written with v - m and h - l, the gradient transformed back to the usual biases; by autograd."""
    model = tiny_machine()
    model.offsets_visible.copy_(torch.tensor([0.2, 0.7, 0.5, 0.9]))
    model.offsets_hidden.copy_(torch.tensor([0.3, 0.6, 0.4]))
    m, l = model.offsets_visible, model.offsets_hidden  # noqa: E741
    data = torch.tensor([[1.0, 0, 1, 1], [0, 0, 1, 1], [1, 1, 0, 1]]).double()

    def log_likelihood(weights, centred_visible_bias, centred_hidden_bias):
        # energy -(v - m) b' - (h - l) c' - (v - m) W (h - l): the usual biases are b' - W l and c' - W^T m
        b, c = centred_visible_bias - weights @ l, centred_hidden_bias - weights.T @ m
        v, h, _ = exact_moments(weights, b, c)
        log_partition = torch.logsumexp(v @ b + h @ c + ((v @ weights) * h).sum(1), 0)
        return (data @ b + torch.log1p((data @ weights + c).exp()).sum(1)).mean() - log_partition

    weights = model.weights.detach().requires_grad_()
    centred = [(model.visible_bias + model.weights @ l).detach().requires_grad_()]
    centred.append((model.hidden_bias + model.weights.T @ m).detach().requires_grad_())
    d_weights, d_visible, d_hidden = torch.autograd.grad(log_likelihood(weights, *centred), [weights, *centred])
    expected = (d_weights, d_visible - d_weights @ l, d_hidden - d_weights.T @ m)

    # chains that have the exact distribution: as many copies of a state as its probability asks for
    v, _, probability = exact_moments(model.weights, model.visible_bias, model.hidden_bias)
    copies = (probability * 2_000_000).round().long()
    chains = v.repeat_interleave(copies, dim=0)
    with torch.no_grad():
        found = model.centred_gradient(data, model.hidden_means(data), chains, model.hidden_means(chains))
    for gradient, right in zip(found, expected, strict=True):
        torch.testing.assert_close(gradient, right, rtol=0, atol=1e-4)


def test_gaussian_has_the_moments_of_the_data_where_nothing_is_cut():
    model, trainer = fitted(GaussianDistribution, {})
    rows = trainer.datamodule.train.images.flatten(1).double().numpy()
    np.testing.assert_allclose(model.mean.numpy(), rows.mean(0), atol=1e-6)
    covariance = np.cov(rows.T, bias=True)
    np.testing.assert_allclose((model.factor @ model.factor.T).numpy(), covariance, atol=1e-5)
    model.mean.mul_(0.5)
    model.factor.mul_(0.1)
    drawn = model.sample(4000, seed=1).flatten(1).double().numpy()
    assert np.abs(drawn).max() < 1
    deviations = 0.1 * np.sqrt(np.diag(covariance))
    assert np.abs((drawn.mean(0) - rows.mean(0) / 2) / deviations).max() < 5 / math.sqrt(4000)
    errors = (np.cov(drawn.T, bias=True) - 0.01 * covariance) / np.outer(deviations, deviations)
    assert np.abs(errors).max() < 5 * math.sqrt(2 / 4000)


def test_held_out_images_are_never_those_they_are_compared_with():
    model, trainer = fitted(HeldOutImages, {})
    data = trainer.datamodule

    def rows(images):
        return {tuple(row) for row in images.flatten(1).mul(127.5).add(127.5).round().int().tolist()}

    assert rows(model.sample(40, seed=1)) == rows(data.validation.images)
    seen = {}
    for split, run in (("validation", trainer.validate), ("test", trainer.test)):
        given = model.evaluation_images
        model.evaluation_images = lambda batch, given=given, split=split: seen.setdefault(split, given(batch))
        run(model, datamodule=data, verbose=False)
        model.evaluation_images = given
    assert not rows(seen["validation"][0.0]) & rows(data.validation.images)
    assert rows(seen["test"][0.0]) <= rows(data.validation.images)
    with pytest.raises(ValueError, match="only 40 are held out"):
        model.sample(41, seed=0)


@pytest.mark.parametrize(("cls", "sizes"), ALL[:4])
@pytest.mark.parametrize("bad", [255.0, float("nan")])
def test_images_that_are_not_in_range_are_refused(cls, sizes, bad):
    images = torch.zeros(20, 1, 5, 5)
    images[3, 0, 2, 1] = bad
    data = FewPixels(batch_size=20, num_validation=40)
    data.train_dataloader = lambda: iter([Minibatch(images, torch.zeros(20, dtype=torch.int64), 0)])
    with pytest.raises(ValueError, match=r"training stopped at step 0: pixels must be finite and in \[-1, 1\]"):
        quiet_trainer(max_steps=3, limit_val_batches=0).fit(cls(**SMALL, **sizes), datamodule=data)


def test_a_loss_that_is_not_finite_stops_training_and_is_not_saved():
    model = VariationalAutoencoder(**SMALL, optimizer=lambda p: torch.optim.SGD(p, lr=1e6))
    trainer, data = quiet_trainer(max_steps=50), FewPixels(batch_size=20, num_validation=40)
    message = r"negative_evidence_bound is (nan|inf)\. Train again with a lower learning rate"
    with pytest.raises(TrainingDivergedError, match=message):
        trainer.fit(model, datamodule=data)
    model.decoder[0].bias.data.fill_(float("nan"))
    with pytest.raises(TrainingDivergedError, match="is not finite"):
        trainer.save_checkpoint("nowhere.ckpt")


def test_command_line_from_training_to_samples(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    quiet = ["--trainer.enable_progress_bar", "false", "--trainer.enable_model_summary", "false"]
    arguments = ["--data", "MNISTDataModule", "--data.num_eval_images", "100", "--data.batch_size", "100", *quiet]
    fit = ["fit", "--model", "VariationalAutoencoder", "--trainer.max_steps", "12", "--trainer.log_every_n_steps", "1"]
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        main([*fit, "--trainer.val_check_interval", "5", *arguments])
    assert not [warning for warning in caught if "diverge" in str(warning.message) or "gain" in str(warning.message)]
    assert "Trained VariationalAutoencoder on MNIST for 12 steps" in capsys.readouterr().out
    folder = tmp_path / "logs" / "runs" / "version_0"
    assert (folder / "samples.png").exists()
    checkpoint = str(folder / "checkpoints" / "last.ckpt")
    settings = torch.load(checkpoint, weights_only=True)["hyper_parameters"]
    # its own defaults, not the defaults of the default network
    assert (settings["hidden_units"], settings["optimizer"]["class_path"]) == (400, "torch.optim.Adam")
    main(["test", "--ckpt_path", checkpoint, *arguments])
    printed = capsys.readouterr().out
    assert "100 samples against as many test images, after 12 training steps" in printed
    main(["predict", "--ckpt_path", checkpoint, "--num_samples", "7", "--output", "out.npz", *quiet])
    written = np.load("out.npz")
    assert written["images"].shape == (7, 28, 28)
    assert json.loads(str(written["settings"]))["latent_units"] == 20
    with pytest.raises(ValueError, match="VariationalAutoencoder knows no classes"):
        VariationalAutoencoder().classes(3)
    for command in (report, complete):
        with pytest.raises(ValueError, match=r"holds a VariationalAutoencoder network, but .*OneLayer or"):
            command(checkpoint)


class Values(ImageDataModule):
    """Values between two bounds, images or vectors by their shape: 50 to train with and 20 to test."""

    def __init__(self, shape, bound=1.0, **settings):
        super().__init__(batch_size=10, **settings)
        generator = torch.Generator().manual_seed(0)
        self.values = (torch.rand(70, *shape, generator=generator) * 2 - 1) * bound

    def read_image_sets(self):
        to_set = ImageSet.from_arrays if self.values.ndim == 4 else ImageSet.from_vectors
        return to_set(self.values[:50]), to_set(self.values[50:])


@pytest.mark.parametrize("shape", [(3, 4, 5), (11,)], ids=["colour", "vectors"])
@pytest.mark.parametrize(("kind", "settings"), ALL)
def test_baselines_take_samples_of_any_shape(kind, settings, shape, tmp_path):
    trainer = quiet_trainer(max_steps=3, limit_val_batches=1)
    model, data = kind(list(shape), **settings), Values(shape)
    trainer.fit(model, datamodule=data)
    assert model.evaluation.num_samples == 20
    trainer.save_checkpoint(tmp_path / "saved.ckpt")
    loaded = ImageGenerator.load_from_checkpoint(tmp_path / "saved.ckpt")
    assert model.sample(5, seed=1).shape == (5, *shape)
    assert torch.equal(loaded.sample(5, seed=1), model.sample(5, seed=1))
    if kind is GaussianDistribution:
        mean = data.train.images.flatten(1).double().mean(0)
        torch.testing.assert_close(model.mean.double(), mean, atol=1e-6, rtol=0)


def test_biases_of_a_boltzmann_machine_start_at_the_log_odds_of_vectors():
    data = Values((11,), bound=0.9, num_validation=20)
    model = RestrictedBoltzmannMachine([11], 7, optimizer=partial(torch.optim.SGD, lr=0.0))
    quiet_trainer(max_steps=1).fit(model, datamodule=data)
    torch.testing.assert_close(torch.sigmoid(model.visible_bias.data), (data.train.images.mean(0) + 1) / 2)
