"""The network and its dynamics, in plain torch: nothing here knows of Lightning."""

from chaos_lightning.dynamics.activity import chain_speeds
from chaos_lightning.dynamics.chains import Start, run_chains, run_from, start_of
from chaos_lightning.dynamics.clock import Clock, num_time_steps
from chaos_lightning.dynamics.correlations_in_time import Autocorrelations, autocorrelations
from chaos_lightning.dynamics.cuda_graphs import replay, side_by_side
from chaos_lightning.dynamics.dropout import NO_DROPOUT, Dropout, draw_dropout
from chaos_lightning.dynamics.finite_time import FiniteTimeExponents, finite_time_exponents, local_spectra
from chaos_lightning.dynamics.fixed_points import FixedPoints, find_fixed_points
from chaos_lightning.dynamics.integrator import EulerIntegrator
from chaos_lightning.dynamics.jacobians import field_jacobians
from chaos_lightning.dynamics.lyapunov import LyapunovExponents, long_run_exponents, lyapunov_exponents, tangent_growth
from chaos_lightning.dynamics.network import Afferents, ChaoticNetwork, Couplings
from chaos_lightning.dynamics.noise import Noise
from chaos_lightning.dynamics.overlaps import Overlaps, chain_overlaps
from chaos_lightning.dynamics.random_numbers import draw_by_chain, initial_potentials
from chaos_lightning.dynamics.rates import RATE_FUNCTIONS, HardTanh, RateFunction, RateName, Tanh
from chaos_lightning.dynamics.replicas import ReplicaDivergence, replica_divergence
from chaos_lightning.dynamics.spectrum import LyapunovSpectrum, lyapunov_spectrum, spectrum_to_dimension
from chaos_lightning.dynamics.state import Held, State
from chaos_lightning.dynamics.streams import Stream
from chaos_lightning.dynamics.wiring import Connection, Wiring, as_wiring

__all__ = [
    "NO_DROPOUT",
    "RATE_FUNCTIONS",
    "Afferents",
    "Autocorrelations",
    "ChaoticNetwork",
    "Clock",
    "Connection",
    "Couplings",
    "Dropout",
    "EulerIntegrator",
    "FiniteTimeExponents",
    "FixedPoints",
    "HardTanh",
    "Held",
    "LyapunovExponents",
    "LyapunovSpectrum",
    "Noise",
    "Overlaps",
    "RateFunction",
    "RateName",
    "ReplicaDivergence",
    "Start",
    "State",
    "Stream",
    "Tanh",
    "Wiring",
    "as_wiring",
    "autocorrelations",
    "chain_overlaps",
    "chain_speeds",
    "draw_by_chain",
    "draw_dropout",
    "field_jacobians",
    "find_fixed_points",
    "finite_time_exponents",
    "initial_potentials",
    "local_spectra",
    "long_run_exponents",
    "lyapunov_exponents",
    "lyapunov_spectrum",
    "num_time_steps",
    "replay",
    "replica_divergence",
    "run_chains",
    "run_from",
    "side_by_side",
    "spectrum_to_dimension",
    "start_of",
    "tangent_growth",
]
