"""The curve of two replicas: what it starts from, where it ends, and its errors."""

import pytest
import torch

from chaos_lightning.dynamics import ChaoticNetwork, ReplicaDivergence, replica_divergence, run_chains


def test_first_point_is_the_perturbation():
    network = ChaoticNetwork([31, 23]).double()
    curve = replica_divergence(network, 5, duration=3, seed=[1], relative_size=1e-4, transient=20)
    state = run_chains(network, 0.1, 5, [20], seed=[1])[0]
    size = torch.cat(state.potentials, 1).norm(dim=1) / 54**0.5
    assert curve.times.tolist() == [0, 1, 2, 3]
    assert curve.distances.shape == (4, 5)
    torch.testing.assert_close(curve.distances[0], 1e-4 * size, rtol=1e-9, atol=0)


def test_chaos_grows_until_it_saturates_and_rest_shrinks():
    """At saturation two replicas are as far apart as two chains that never knew each other."""
    chaotic = ChaoticNetwork([499], gain=3.0, seed=1)
    curve = replica_divergence(chaotic, 5, duration=500, seed=[1], record_every=50)
    potentials = run_chains(chaotic, 0.1, 2, [500], seed=[2])[0].potentials[0]
    strangers = (potentials[0] - potentials[1]).norm() / 499**0.5
    assert curve.mean_distance[0] < 2e-3
    assert float(curve.mean_distance[-1]) == pytest.approx(float(strangers), rel=0.15)

    resting = replica_divergence(ChaoticNetwork([499], gain=0.5, seed=1), 5, duration=500, seed=[1], record_every=50)
    assert resting.mean_distance[-1] < 1e-6 * resting.mean_distance[0]


def test_the_size_of_a_small_perturbation_scales_the_curve():
    network = ChaoticNetwork([101], gain=2.0, seed=1).double()
    small, smaller = (
        replica_divergence(network, 5, duration=50, seed=[1], relative_size=size).distances for size in (1e-6, 1e-8)
    )
    torch.testing.assert_close(small, 100 * smaller, rtol=1e-3, atol=0)


def test_pairs_do_not_depend_on_their_batch():
    network = ChaoticNetwork([31, 23]).double()
    together = replica_divergence(network, 5, duration=20, seed=[1]).distances
    alone = replica_divergence(network, 2, duration=20, seed=[1], first_chain=3).distances
    torch.testing.assert_close(alone, together[:, 3:], rtol=1e-7, atol=0)


def test_averages_and_growth_of_a_made_up_curve():
    times = torch.linspace(0, 10, 11, dtype=torch.float64)
    curve = ReplicaDivergence(times, 1e-3 * torch.stack([(0.2 * times).exp(), (0.4 * times).exp()], dim=1))
    torch.testing.assert_close(curve.typical_distance, 1e-3 * (0.3 * times).exp())
    assert (curve.mean_distance[1:] > curve.typical_distance[1:]).all()
    rates = curve.growth_rates(2, 8)
    torch.testing.assert_close(rates.exponents, torch.tensor([0.2, 0.4], dtype=torch.float64))
    assert float(rates.mean) == pytest.approx(0.3)
    with pytest.raises(ValueError, match="ascending"):
        curve.growth_rates(8, 2)
    with pytest.raises(ValueError, match="ascending"):
        curve.growth_rates(2, 2.1)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"num_chains": 0}, "1 or more"),
        ({"record_every": 0}, "1 or more"),
        ({"duration": 0.5}, "duration must be a whole number"),
        ({"relative_size": 0.0}, "relative_size"),
        ({"relative_size": 1e-7}, "float64"),
    ],
)
def test_bad_settings_are_refused(changed, message):
    settings = {"num_chains": 2, "duration": 10, "seed": [1]} | changed
    with pytest.raises(ValueError, match=message):
        replica_divergence(ChaoticNetwork([11]), **settings)
