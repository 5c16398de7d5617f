"""Energy and magnetisation of Ising configurations, against sums over spins one by one."""

import pytest
import torch

from chaos_lightning.functional import energy_per_spin, magnetisation


def test_energy_and_magnetisation_are_sums_over_bonds_and_spins():
    spins = (torch.rand(7, 3, 5, generator=torch.Generator().manual_seed(0)) < 0.6) * 2.0 - 1
    expected = torch.zeros(7, dtype=torch.float64)
    for row in range(3):
        for column in range(5):
            for other in (spins[:, (row + 1) % 3, column], spins[:, row, (column + 1) % 5]):
                expected -= spins[:, row, column] * other / 15
    torch.testing.assert_close(energy_per_spin(spins), expected)
    torch.testing.assert_close(magnetisation(spins), spins.double().sum(dim=(1, 2)) / 15)
    scaled = spins * torch.rand(7, 3, 5, generator=torch.Generator().manual_seed(1))  # as samples of a network
    assert torch.equal(energy_per_spin(scaled.unsqueeze(1)), energy_per_spin(spins))
    assert torch.equal(magnetisation(scaled.flatten(1)), magnetisation(spins))


def test_vectors_have_no_neighbours():
    with pytest.raises(ValueError, match="reshape vectors of spins to their lattice"):
        energy_per_spin(torch.ones(3, 16))
