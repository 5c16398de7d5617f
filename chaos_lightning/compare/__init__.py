"""Comparison: generators of any kind on the same data, time, measures and machine."""
