"""Mean and spread over seeds, against NumPy."""

import numpy as np
import pytest

from chaos_lightning.experiments.spread import sum_up

GAIN, ERROR = "model.init_args.gain", "second_moment_error"


def test_mean_and_spread_over_seeds_agree_with_numpy():
    values = np.random.default_rng(0).random((2, 5))
    runs = [({GAIN: gain}, {ERROR: values[row, seed]}) for seed in range(5) for row, gain in ((0, 3), (1, 0.5))]
    low, high = sum_up(runs)
    assert (low.settings, high.settings) == ({GAIN: 0.5}, {GAIN: 3})
    for result, expected in ((high, values[0]), (low, values[1])):
        assert result.num_runs == result.spreads[ERROR].num_runs == 5
        assert result.spreads[ERROR].mean == pytest.approx(expected.mean())
        assert result.spreads[ERROR].deviation == pytest.approx(expected.std(ddof=1))
