"""Runs captured as graphs do what they do one kernel at a time."""

import numpy as np
import pytest
import torch
from lightning.pytorch import Trainer

from chaos_lightning import CentredHebbian, ContrastiveHebbian, OneLayer, ThreeLayer, TwoLayer
from chaos_lightning.data import Minibatch
from chaos_lightning.dynamics import NO_DROPOUT, ChaoticNetwork, EulerIntegrator, Held, chains, cuda_graphs, run_chains
from chaos_lightning.models.training import Step

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")


class Loader:
    """Minibatches of 35 images of 3 classes."""

    def __len__(self):
        return 100

    def __iter__(self):
        generator = torch.Generator().manual_seed(0)
        for _ in range(100):
            images = torch.rand(35, 1, 5, 5, generator=generator) * 2 - 1
            yield Minibatch(images.to(torch.get_default_dtype()), torch.arange(35) % 3, 0)


@pytest.fixture(params=["32-true", "tf32", "bf16-mixed", "64-true"])
def precision(request):
    if request.param == "tf32":
        torch.set_float32_matmul_precision("high")
    yield "32-true" if request.param == "tf32" else request.param
    torch.set_float32_matmul_precision("highest")


def network_on_gpu():
    network = ChaoticNetwork([70, 50, 20], seed=1).cuda()
    for parameter in network.trainable():
        parameter.data.normal_(std=0.1)
    return network


def test_a_run_is_captured_the_second_time_and_stays_the_same():
    network = network_on_gpu()
    image = torch.rand(67, 70, device="cuda") * 2 - 1
    for held in (None, Held(image), Held(image, torch.arange(70, device="cuda") < 9)):
        first, second, third = (run_chains(network, 0.1, 67, [0, 5, 20], seed=3, held=held) for _ in range(3))
        for states in (second, third):
            for state, expected in zip(states, first, strict=True):
                for pair in zip(state.potentials + state.rates, expected.potentials + expected.rates, strict=True):
                    assert torch.equal(*pair)
        assert first[1].rates[1].data_ptr() != second[1].rates[1].data_ptr() != third[1].rates[1].data_ptr()
    assert len(cuda_graphs._RUNS[network].graphs) == 3
    assert all(cuda_graphs._RUNS[network].graphs.values())
    whole = run_chains(network, 0.1, 67, [20], seed=5)[0].rates[0]
    for first_chain in (0, 20, 40):
        part = run_chains(network, 0.1, 20, [20], seed=5, first_chain=first_chain)[0].rates[0]
        torch.testing.assert_close(part, whole[first_chain : first_chain + 20], rtol=0, atol=1e-5)
    assert len(cuda_graphs._RUNS[network].graphs) == 5  # one for all parts


def test_a_captured_run_sees_weights_starts_and_held_rates_as_they_are_now():
    network = network_on_gpu()
    mask = torch.arange(70, device="cuda") < 9

    def run(seed, value):
        held = Held(torch.full((67, 70), value, device="cuda"), mask)
        return run_chains(network, 0.1, 67, [20], seed=seed, held=held)[0].rates[2]

    run(1, 0.5), run(1, 0.5)
    network.biases[1].data.add_(0.3)
    captured = [run(2, 0.5), run(1, -0.5)]
    cuda_graphs._RUNS.clear()
    one_by_one = run(2, 0.5)
    cuda_graphs._RUNS.clear()
    assert torch.equal(captured[0], one_by_one)
    assert torch.equal(captured[1], run(1, -0.5))
    assert not torch.equal(*captured)


def test_what_was_captured_in_inference_mode_serves_outside_of_it_too():
    network = network_on_gpu()
    with torch.inference_mode():
        inside = [run_chains(network, 0.1, 67, [20], seed=3)[0].rates[0] for _ in range(3)]
    outside = run_chains(network, 0.1, 67, [20], seed=3)[0].rates[0]
    assert not outside.is_inference()
    assert all(torch.equal(outside, rates) for rates in inside)


def test_graphs_are_not_kept_for_ever():
    network = network_on_gpu()
    for num_chains in range(1, 40):
        for _ in range(2):
            run_chains(network, 0.1, num_chains, [2], seed=3)
    assert len(cuda_graphs._RUNS[network].graphs) == cuda_graphs.MOST_GRAPHS
    known = len(cuda_graphs._RUNS)
    del network
    assert len(cuda_graphs._RUNS) == known - 1


def test_a_gpu_does_what_the_cpu_does_from_the_same_start():
    network = network_on_gpu()
    begin, end = run_chains(network, 0.1, 67, [0, 30], seed=3)
    exact = network.double().cpu()
    integrator = EulerIntegrator(exact, 0.1)
    state = integrator.advance(integrator.start([potential.double().cpu() for potential in begin.potentials]), 30)
    for rates, expected in zip(end.rates, state.rates, strict=True):
        np.testing.assert_allclose(rates.cpu().numpy(), expected.numpy(), rtol=0, atol=1e-5)


SETTINGS = {"visible_units": 25, "seed": 3, "num_chains": 40}
NETWORKS = [
    lambda: OneLayer(**SETTINGS, coupling_dropout=0.2),
    lambda: TwoLayer(**SETTINGS, hidden_units=17, rule=CentredHebbian(reclamp=True, centering=0.1), hidden_dropout=0.1),
    lambda: TwoLayer(
        **SETTINGS, hidden_units=17, num_classes=3, held_label_share=0.5, held_pixel_share=0.25, rate="hardtanh"
    ),
    lambda: ThreeLayer(**SETTINGS, hidden_units=17, top_units=9, rule=ContrastiveHebbian(reclamp=True, l1=0.01)),
]


@pytest.mark.parametrize("make", NETWORKS)
def test_captured_training_steps_learn_what_they_do_one_kernel_at_a_time(make, precision, monkeypatch):
    def train(captures):
        model = make()
        for max_steps in (7, 5):  # the weights go to the CPU in between
            trainer = Trainer(
                max_steps=max_steps, accelerator="gpu", devices=1, precision=precision, logger=False,
                enable_checkpointing=False, enable_progress_bar=False, enable_model_summary=False, limit_val_batches=0,
            )  # fmt: skip
            trainer.fit(model, Loader())
        assert (model.network.connections[0].learned != 0).any()
        graphs = cuda_graphs._RUNS[model.network].graphs if captures else {}
        assert any(graphs.values()) == captures
        return [parameter.detach().cpu() for parameter in model.network.parameters()]

    captured = train(captures=True)
    monkeypatch.setattr(chains, "replay", directly)
    monkeypatch.setattr("chaos_lightning.models.training.replay", directly)
    monkeypatch.setattr("chaos_lightning.learning.phases.side_by_side", one_after_the_other)
    for weight, expected in zip(captured, train(captures=False), strict=True):
        assert torch.equal(weight, expected)


def directly(network, run, *arguments, key, keep=True):
    return run(*arguments)


def one_after_the_other(device, first, second):
    return first(), second()


def test_phases_that_do_not_fit_on_the_gpu_together_end_too(monkeypatch):
    num_chains = 1500  # tiles of each phase fill a large GPU by themselves, and wait for one another
    model = ThreeLayer(sampling_time=20.0).cuda()
    images = torch.rand(num_chains, 784, device="cuda") * 2 - 1

    @torch.no_grad()
    def differences():
        starts = {stream: model.start(num_chains, seed=(0, stream)) for stream in model.rule.streams}
        with torch.autocast("cuda", torch.bfloat16):
            difference = model.compare_phases(Step(images, starts, None, NO_DROPOUT))
        return [change.clone() for change in difference.couplings + difference.biases]

    together = [differences() for _ in range(10)]
    monkeypatch.setattr("chaos_lightning.models.training.replay", directly)
    monkeypatch.setattr("chaos_lightning.learning.phases.side_by_side", one_after_the_other)
    expected = differences()
    for found in together:
        assert all(torch.equal(*pair) for pair in zip(found, expected, strict=True))


@pytest.mark.parametrize("make", NETWORKS)
def test_no_training_step_waits_for_the_gpu(make, precision):
    model = make()
    trainer = Trainer(
        max_steps=8, accelerator="gpu", devices=1, precision=precision, logger=False, enable_checkpointing=False,
        enable_progress_bar=False, enable_model_summary=False, limit_val_batches=0, log_every_n_steps=1000,
    )  # fmt: skip
    step = model.training_step

    def watched(batch, batch_idx):
        if batch_idx > 3:
            torch.cuda.set_sync_debug_mode("error")
        try:
            step(batch, batch_idx)
        finally:
            torch.cuda.set_sync_debug_mode("default")

    model.training_step = watched
    trainer.fit(model, Loader())
