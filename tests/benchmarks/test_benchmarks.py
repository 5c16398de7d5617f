"""The benchmark commands, in the smallest form that goes through all of their code."""

import csv
import subprocess
import sys

import pytest

pytestmark = pytest.mark.slow


def run(*arguments):
    subprocess.run([sys.executable, "-m", "tests.benchmarks", *arguments], check=True, timeout=300)


def test_steps_are_timed_and_kept(tmp_path):
    for _ in range(2):
        run(
            *("steps", "--architectures", "[one]", "--batch_sizes", "[10]", "--precisions", "[32-true]"),
            *("--rounds", "2", "--seconds", "0.1", "--device", "cpu", "--results", str(tmp_path / "times.csv")),
        )
    with (tmp_path / "times_steps.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    assert len(rows) == 2
    assert all(float(row["d/b"]) > 1 and float(row["a_ms"]) > float(row["c_ms"]) > 0 for row in rows)


def test_sampling_and_growth(tmp_path):
    run(
        *("sampling", "--num_samples", "20", "--rounds", "2", "--device", "cpu"),
        *("--results", str(tmp_path / "times.csv")),
    )
    run(*("growth", "--rounds", "1", "--device", "cpu", "--output", str(tmp_path / "growth.png")))
    assert (tmp_path / "times_sampling.csv").stat().st_size > 0
    assert (tmp_path / "growth.png").stat().st_size > 10_000
