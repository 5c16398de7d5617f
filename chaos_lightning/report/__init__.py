"""Report on one trained network: a folder of figures and numbers."""

from chaos_lightning.report.command import report

__all__ = ["report"]
