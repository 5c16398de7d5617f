"""Sweeps: networks with other settings, each over several seeds, as one table and two plots."""
