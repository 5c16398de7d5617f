"""The learning rule, in plain torch."""

from chaos_lightning.learning.hebbian import hebbian_difference

__all__ = ["hebbian_difference"]
