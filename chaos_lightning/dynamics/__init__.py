"""The network and its dynamics, in plain torch: nothing here knows of Lightning."""

from chaos_lightning.dynamics.chains import run_chains
from chaos_lightning.dynamics.initial import initial_potentials
from chaos_lightning.dynamics.integrator import EulerIntegrator, Held, State, num_time_steps
from chaos_lightning.dynamics.network import ChaoticNetwork, Connection
from chaos_lightning.dynamics.rates import RATE_FUNCTIONS, RateName

__all__ = [
    "RATE_FUNCTIONS",
    "ChaoticNetwork",
    "Connection",
    "EulerIntegrator",
    "Held",
    "RateName",
    "State",
    "initial_potentials",
    "num_time_steps",
    "run_chains",
]
