"""The learning rule and its regularisation, in plain torch."""

from chaos_lightning.learning.hebbian import centre, compensate, hebbian_difference
from chaos_lightning.learning.sparsity import shrink

__all__ = ["centre", "compensate", "hebbian_difference", "shrink"]
