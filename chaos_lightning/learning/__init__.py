"""The learning rule and its regularisation, in plain torch."""

from chaos_lightning.learning.hebbian import compensate, hebbian_difference
from chaos_lightning.learning.sparsity import shrink

__all__ = ["compensate", "hebbian_difference", "shrink"]
