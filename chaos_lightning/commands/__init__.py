"""The command line ``chaos-lightning``: a file for each command, and for each idea that they share."""

from chaos_lightning.commands.start import main

__all__ = ["main"]
