"""The command ``sweep``: networks with different settings, each over several seeds, in one table and two plots."""
