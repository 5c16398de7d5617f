"""Established generators, small and standard, as yardsticks for the chaotic networks."""

from chaos_lightning.baselines.base import Baseline
from chaos_lightning.baselines.flow_matching import FlowMatching
from chaos_lightning.baselines.gan import GenerativeAdversarialNetwork
from chaos_lightning.baselines.gaussian import GaussianDistribution
from chaos_lightning.baselines.held_out import HeldOutImages
from chaos_lightning.baselines.rbm import RestrictedBoltzmannMachine
from chaos_lightning.baselines.vae import VariationalAutoencoder

__all__ = [
    "Baseline",
    "FlowMatching",
    "GaussianDistribution",
    "GenerativeAdversarialNetwork",
    "HeldOutImages",
    "RestrictedBoltzmannMachine",
    "VariationalAutoencoder",
]
