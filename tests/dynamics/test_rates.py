"""The rate functions against NumPy, and their derivatives against finite differences."""

import numpy as np
import pytest
import torch

from chaos_lightning.dynamics import RATE_FUNCTIONS

EXACT = {"tanh": np.tanh, "hardtanh": lambda x: np.clip(x, -1, 1)}


@pytest.mark.parametrize("name", RATE_FUNCTIONS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_rates_are_right_to_the_last_digits_of_one(name, dtype):
    potentials = torch.cat([torch.linspace(-12, 12, 10_001), torch.tensor([0.0, 1e-9, -1e-9, 1e4, -1e4, 1e30, -1e30])])
    before = potentials.to(dtype, copy=True)
    rates = RATE_FUNCTIONS[name](before)
    error = np.abs(rates.double().numpy() - EXACT[name](before.double().numpy()))
    assert rates.dtype == dtype
    assert error.max() <= 2 * torch.finfo(dtype).eps
    assert rates.abs().max() <= 1
    assert torch.equal(before, potentials.to(dtype))


@pytest.mark.parametrize("name", RATE_FUNCTIONS)
def test_nan_stays_nan(name):
    assert RATE_FUNCTIONS[name](torch.tensor([float("nan")])).isnan().all()


@pytest.mark.parametrize("name", RATE_FUNCTIONS)
def test_derivative_agrees_with_differences(name):
    rate = RATE_FUNCTIONS[name]
    potentials = torch.linspace(-4, 4, 333, dtype=torch.float64)
    difference = (rate(potentials + 1e-5) - rate(potentials - 1e-5)) / 2e-5
    torch.testing.assert_close(rate.derivative(rate(potentials)), difference, rtol=0, atol=1e-9)
