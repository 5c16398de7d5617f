"""Learning rules, in plain torch: from the phases of a training step to a change of the weights."""

from chaos_lightning.learning.centring import CentredHebbian, centre, compensate
from chaos_lightning.learning.hebbian import ContrastiveHebbian, hebbian_difference
from chaos_lightning.learning.memory import RuleMemory
from chaos_lightning.learning.phases import Phases
from chaos_lightning.learning.rule import Difference, LearningRule, Memory, RateUnit, check_direction, rate_in_units
from chaos_lightning.learning.sparsity import shrink
from chaos_lightning.learning.stability import LargestRate, largest_stable_rate

__all__ = [
    "CentredHebbian",
    "ContrastiveHebbian",
    "Difference",
    "LargestRate",
    "LearningRule",
    "Memory",
    "Phases",
    "RateUnit",
    "RuleMemory",
    "centre",
    "check_direction",
    "compensate",
    "hebbian_difference",
    "largest_stable_rate",
    "rate_in_units",
    "shrink",
]
