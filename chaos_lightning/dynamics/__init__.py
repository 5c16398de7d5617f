"""The network and its dynamics, in plain torch: nothing here knows of Lightning."""

from chaos_lightning.dynamics.chains import Start, run_chains, run_from, start_of
from chaos_lightning.dynamics.gpu import replay, side_by_side
from chaos_lightning.dynamics.initial import draw_by_chain, initial_potentials
from chaos_lightning.dynamics.integrator import EulerIntegrator, Held, State, num_time_steps
from chaos_lightning.dynamics.lyapunov import LyapunovExponents, long_run_exponents, lyapunov_exponents, tangent_growth
from chaos_lightning.dynamics.network import ChaoticNetwork, Connection
from chaos_lightning.dynamics.noise import Noise
from chaos_lightning.dynamics.rates import RATE_FUNCTIONS, RateName
from chaos_lightning.dynamics.replicas import ReplicaDivergence, replica_divergence
from chaos_lightning.dynamics.speeds import chain_speeds
from chaos_lightning.dynamics.thinning import Thinning, draw_thinning

__all__ = [
    "RATE_FUNCTIONS",
    "ChaoticNetwork",
    "Connection",
    "EulerIntegrator",
    "Held",
    "LyapunovExponents",
    "Noise",
    "RateName",
    "ReplicaDivergence",
    "Start",
    "State",
    "Thinning",
    "chain_speeds",
    "draw_by_chain",
    "draw_thinning",
    "initial_potentials",
    "long_run_exponents",
    "lyapunov_exponents",
    "num_time_steps",
    "replay",
    "replica_divergence",
    "run_chains",
    "run_from",
    "side_by_side",
    "start_of",
    "tangent_growth",
]
