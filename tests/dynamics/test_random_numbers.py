import numpy as np
import scipy.stats
import torch

from chaos_lightning.dynamics import ChaoticNetwork, initial_potentials, lyapunov_exponents, replica_divergence

SIZES = [13, 7]


def test_numbers_are_standard_normal():
    potentials = initial_potentials([50, 30], 1000, seed=[1, 2])
    for potential in potentials:
        assert scipy.stats.kstest(potential.flatten().numpy(), "norm").pvalue > 1e-3
    assert abs(torch.corrcoef(torch.cat(potentials, dim=1)).fill_diagonal_(0)).max() < 0.6


def test_a_chain_is_the_same_in_any_company():
    everyone = initial_potentials(SIZES, 107, seed=[5])
    for first, count in [(0, 1), (0, 53), (53, 54), (19, 2), (39, 41), (106, 1)]:
        some = initial_potentials(SIZES, count, seed=[5], first_chain=first)
        assert all(torch.equal(part, whole[first : first + count]) for part, whole in zip(some, everyone, strict=True))


def test_a_number_is_the_seed_of_a_sequence_of_it():
    (alone,), (in_sequence,) = (initial_potentials([5], 3, seed=seed) for seed in (7, (7,)))
    assert torch.equal(alone, in_sequence)
    network = ChaoticNetwork([4, 3], seed=1)
    settings = {"duration": 20, "transient": 5}
    first, second = (lyapunov_exponents(network, 3, seed=seed, **settings) for seed in (7, (7,)))
    assert torch.equal(first.exponents, second.exponents)
    first, second = (replica_divergence(network, 3, duration=20, seed=seed) for seed in (7, (7,)))
    assert torch.equal(first.distances, second.distances)


def test_seeds_are_numbers_of_any_size():
    seeds = [0, 2**32 - 1, 2**32, 2**64 + 3]
    for seed in [(number, other) for number in seeds for other in seeds]:
        word = np.random.SeedSequence(list(seed)).generate_state(1)[0]
        (drawn,) = initial_potentials([5], 3, seed=seed)
        expected = torch.randn(20, 5, generator=torch.Generator().manual_seed(int(word)))[:3]
        assert torch.equal(drawn, expected), seed


def test_no_two_chains_are_alike():
    chains = torch.cat(initial_potentials(SIZES, 500, seed=[0, 0]), dim=1)
    others = torch.cat(initial_potentials(SIZES, 500, seed=[0, 1]), dim=1)
    assert len(torch.cat([chains, others]).unique(dim=0)) == 1000


def test_the_global_generator_is_neither_used_nor_moved():
    torch.manual_seed(0)
    before = torch.get_rng_state()
    first = initial_potentials(SIZES, 3, seed=[7])
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(1)
    assert torch.equal(first[0], initial_potentials(SIZES, 3, seed=[7])[0])


def test_precision_does_not_change_the_start():
    single = initial_potentials(SIZES, 5, seed=[1])[0]
    double = initial_potentials(SIZES, 5, seed=[1], dtype=torch.float64)[0]
    assert double.dtype == torch.float64
    torch.set_default_dtype(torch.float64)
    try:
        assert torch.equal(initial_potentials(SIZES, 5, seed=[1], dtype=torch.float64)[0], double)
    finally:
        torch.set_default_dtype(torch.float32)
    assert torch.equal(single.double(), double)
