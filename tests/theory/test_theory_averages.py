"""Averages over two Gaussian numbers against closed forms and bivariate normal probabilities."""

import numpy as np
import pytest
import torch
from scipy.special import erf
from scipy.stats import multivariate_normal

from chaos_lightning.theory import GaussianAverage, falling_times


@pytest.mark.parametrize("variance", [0.01, 0.7, 23.0])
def test_averages_of_the_error_function_are_those_of_the_closed_form(variance):
    """<erf(x) erf(y)> = 2/pi asin(2 C / (1 + 2 v)), C. K. I. Williams, Neural Computation 10, 1203 (1998)."""
    covariance = variance * np.linspace(-0.999, 1, 41)
    average = GaussianAverage.of(erf, variance)
    np.testing.assert_allclose(
        average(covariance), 2 / np.pi * np.arcsin(2 * covariance / (1 + 2 * variance)), atol=1e-12
    )
    exact_slope = 4 / np.pi / np.sqrt((1 + 2 * variance) ** 2 - 4 * covariance**2)
    np.testing.assert_allclose(average.slope(covariance), exact_slope, rtol=2e-6)


@pytest.mark.parametrize("variance", [0.3, 2.4, 100.0])
def test_slopes_where_the_rate_has_corners_are_bivariate_normal_probabilities(variance):
    """Hard tanh: <phi'(x) phi'(y)> is the probability that both are between the corners."""

    def below(x, y, covariance):
        return multivariate_normal.cdf([x, y], cov=[[variance, covariance], [covariance, variance]], abseps=1e-12)

    covariance = variance * np.array([0, 0.1, 0.5, 0.9, 0.99, 0.9999])
    inside = [below(1, 1, c) - 2 * below(1, -1, c) + below(-1, -1, c) for c in covariance]
    slopes = GaussianAverage.of(lambda x: x.clip(-1, 1), variance).slope(covariance)
    np.testing.assert_allclose(slopes, inside, atol=5e-6)


def test_a_linear_function_gives_the_covariance():
    covariance = np.linspace(-3, 3, 13)
    np.testing.assert_allclose(GaussianAverage.of(lambda x: x, 3.0)(covariance), covariance, atol=1e-12)
    np.testing.assert_allclose(GaussianAverage.of(lambda x: x, 3.0).slope(covariance), 1, rtol=1e-8)


@pytest.mark.parametrize("variance", [0.0, -1.0, float("nan"), float("inf")])
def test_variances_that_are_none_are_refused(variance):
    with pytest.raises(ValueError, match="variance must be a positive number"):
        GaussianAverage.of(np.tanh, variance)


def test_falling_times_of_known_curves():
    times = torch.linspace(0, 10, 101, dtype=torch.float64)
    curves = torch.stack([1 - times / 10, torch.zeros_like(times), torch.ones_like(times)])
    found = falling_times(times, curves, to=0.333)
    assert float(found[0]) == pytest.approx(6.67)
    assert found[1:].isnan().all()
    with pytest.raises(ValueError, match="between 0 and 1"):
        falling_times(times, curves, to=1.0)
    with pytest.raises(ValueError, match="layers, times"):
        falling_times(times, curves[0])
