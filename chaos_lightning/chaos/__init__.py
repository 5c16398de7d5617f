"""The laboratory of chaos: theory and measurement of one network, before and after training, on one page."""

from chaos_lightning.chaos.command import chaos

__all__ = ["chaos"]
