"""The command ``compare``: generators of any kind with the same data, time, measures and machine."""
