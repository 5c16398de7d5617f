"""Sampling: the layout of the visible layer, tasks, and the chains that perform them."""

from chaos_lightning.sampling.chains import ChainLoader, ChainRange
from chaos_lightning.sampling.layout import VisibleLayout
from chaos_lightning.sampling.sampler import Sampler
from chaos_lightning.sampling.tasks import (
    Complete,
    Generate,
    GenerateByClass,
    ReadClass,
    Task,
    held_by,
    held_in_turn,
    take_turns,
)

__all__ = [
    "ChainLoader",
    "ChainRange",
    "Complete",
    "Generate",
    "GenerateByClass",
    "ReadClass",
    "Sampler",
    "Task",
    "VisibleLayout",
    "held_by",
    "held_in_turn",
    "take_turns",
]
