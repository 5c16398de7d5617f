"""The largest stable learning rate, against a network that is solved by hand and against training itself."""

import pytest
import torch
from small_networks import images

from chaos_lightning import OneLayer, RateFunction, ThreeLayer, TwoLayer
from chaos_lightning.dynamics import Stream, start_of
from chaos_lightning.learning import Phases, hebbian_difference, largest_stable_rate


class Linear(RateFunction):
    """Linear up to potentials of 10, which none reaches here."""

    def __call__(self, potential):
        return (potential / 10).clamp(-1, 1)

    def derivative(self, rate):
        return 0.1 * (rate.abs() < 1).to(rate)


def test_one_step_of_a_linear_network_is_as_calculated():
    """After one step potentials are B x + b / 2, B = (1 + A / 10) / 2, x the start; D = const - B <x x^T> B^T / 100."""
    settings = {"tau": 10.0, "dt": 5.0, "sampling_time": 5.0, "measure_times": []}
    model = OneLayer(4, gain=0, rate=Linear(), **settings).double()
    (coupling,) = model.network.learned
    shown = torch.rand(20, 4, dtype=torch.float64)
    starts = {Stream.FREE_PHASE: start_of(3000, seed=(0, 2))}
    coupling.data.copy_(10 * torch.eye(4))  # B = 1: the potentials stay at their starts
    begun = Phases(model.network, model.clock, shown, starts).free().potentials[0]
    second, mean = begun.T @ begun / 3000, begun.mean(0)

    A = torch.diag(torch.tensor([30.0, 10.0, 5.0, 2.0], dtype=torch.float64))
    coupling.data.copy_(A)
    B = (torch.eye(4, dtype=torch.float64) + A / 10) / 2

    def response(change):
        coupled, bias = change[:16].view(4, 4) / 20, change[16:] / 2
        moved = torch.outer(bias, B @ mean) + coupled @ second @ B.T
        products = (moved + moved.T).fill_diagonal_(0)  # as that of the learned coupling
        return torch.cat([products.flatten() / 100, (coupled @ mean + bias) / 10])

    matrix = torch.stack([response(unit) for unit in torch.eye(20, dtype=torch.float64)], dim=1)
    found = largest_stable_rate(model.network, model.clock, shown, num_chains=3000, num_iterations=1)
    direction = torch.cat([part.flatten() for part in found.mode])  # at random, couplings and biases alike
    assert found.rate == pytest.approx(2 / float(direction @ matrix @ direction), rel=1e-6)
    found = largest_stable_rate(model.network, model.clock, shown, num_chains=3000, num_iterations=60)
    assert found.rate == pytest.approx(2 / float(torch.linalg.eigvals(matrix).real.max()), rel=2e-3)


@pytest.mark.parametrize("kind", [OneLayer, TwoLayer, ThreeLayer])
def test_a_smaller_rate_settles_and_a_larger_one_swings_ever_more(kind):
    """Training on the same images from the same starts is a map of its own, which the estimate must fit."""
    units = {OneLayer: (9,), TwoLayer: (9, 4), ThreeLayer: (9, 4, 3)}[kind]
    model = kind(*units, dt=5.0, sampling_time=20.0, measure_times=[], gain=0.5).double()
    generator = torch.Generator().manual_seed(1)
    shown = (torch.rand(50, 9, generator=generator, dtype=torch.float64) * 2 - 1) * 0.6 - 0.3
    starts = {
        Stream.CLAMPED_PHASE: start_of(50, seed=(0, 1)),
        Stream.FREE_PHASE: start_of(200, seed=(0, 2)),
    }

    @torch.no_grad()
    def learn(rate, num_steps):
        for _ in range(num_steps):
            clamped, free = Phases(model.network, model.clock, shown, starts).clamped_and_free()
            couplings, biases = hebbian_difference(model.network.pairs, clamped.rates, free.rates)
            for weight, part in zip(model.network.trainable(), [*couplings, *biases], strict=True):
                weight.add_(part, alpha=rate)
        return torch.cat([weight.detach().flatten() for weight in model.network.trainable()])

    def put(weights):
        for weight, origin in zip(model.network.trainable(), weights, strict=True):
            weight.data.copy_(origin)

    learn(0.5, 400)
    settled = [weight.detach().clone() for weight in model.network.trainable()]
    found = largest_stable_rate(model.network, model.clock, shown, num_chains=200, num_iterations=80)
    assert all(map(torch.equal, model.network.trainable(), settled))

    for factor in (0.9, 1.1):  # a small distance is multiplied by 1 - k r = 1 - 2 factor at every step
        put(settled)
        undisturbed = learn(factor * found.rate, 6)
        put([origin + 1e-6 * part for origin, part in zip(settled, found.mode, strict=True)])
        distance = float((learn(factor * found.rate, 6) - undisturbed).norm()) / 1e-6
        assert distance == pytest.approx((2 * factor - 1) ** 6, rel=0.25)


def test_a_network_that_opposes_nothing_has_no_largest_rate():
    model = OneLayer(25, gain=0, rate="hardtanh", dt=5.0, sampling_time=100.0, measure_times=[])
    for bias in model.network.biases:
        bias.data.fill_(10.0)  # all rates are 1, whatever the weights
    with pytest.raises(ValueError, match="opposes no change"):
        largest_stable_rate(model.network, model.clock, images().flatten(1))
    with pytest.raises(ValueError, match="num_iterations must be at least 1"):
        largest_stable_rate(model.network, model.clock, images().flatten(1), num_iterations=0)
