"""Figures and numbers of one trained network, in a folder that can be handed on."""

from chaos_lightning.report.command import report

__all__ = ["report"]
