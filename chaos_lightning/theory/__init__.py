"""Dynamical mean-field theory of the untrained networks: what infinitely large layers do, without simulation.

:func:`mean_field` gives autocorrelations and the largest Lyapunov exponent of any wiring, :func:`effective_gain` and
:func:`critical_gain` say where chaos sets in.
"""

from chaos_lightning.theory.correlation_times import falling_times
from chaos_lightning.theory.gaussian_averages import GaussianAverage
from chaos_lightning.theory.stationary_state import MeanField, mean_field
from chaos_lightning.theory.transition import critical_gain, effective_gain
from chaos_lightning.theory.variance_gains import variance_gains

__all__ = [
    "GaussianAverage",
    "MeanField",
    "critical_gain",
    "effective_gain",
    "falling_times",
    "mean_field",
    "variance_gains",
]
