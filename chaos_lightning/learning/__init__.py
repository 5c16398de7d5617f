"""The learning rule and its regularisation, in plain torch."""

from chaos_lightning.learning.hebbian import hebbian_difference
from chaos_lightning.learning.sparsity import shrink

__all__ = ["hebbian_difference", "shrink"]
