"""The benchmark commands, in the smallest form that goes through all of their code."""

import csv
import subprocess
import sys

import pytest

from tests.benchmarks.recipes import KINDS, kind_of

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


def test_recipes_are_timed_by_kinds_of_work(tmp_path):
    run(
        *("recipes", "--recipes", "[fast/ising]", "--rounds", "2", "--num_steps", "5", "--device", "cpu"),
        *("--precision", "32-true", "--results", str(tmp_path / "times.csv")),
    )
    with (tmp_path / "times_recipes.csv").open() as stream:
        (row,) = csv.DictReader(stream)
    parts = [float(row[f"{kind}_ms"]) for kind in KINDS]
    assert min(parts[:5]) > 0
    assert float(row["a_ms"]) > float(row["c_ms"]) > 0


def test_sampling_and_growth(tmp_path):
    run(
        *("sampling", "--num_samples", "20", "--rounds", "2", "--device", "cpu"),
        *("--results", str(tmp_path / "times.csv")),
    )
    run(*("growth", "--rounds", "1", "--device", "cpu", "--output", str(tmp_path / "growth.png")))
    assert (tmp_path / "times_sampling.csv").stat().st_size > 0
    assert (tmp_path / "growth.png").stat().st_size > 10_000


@pytest.mark.parametrize(
    ("operator", "shapes", "kind"),
    [
        ("aten::addmm_", [[50, 784], [50, 1000], [1000, 784]], "loop products"),
        ("aten::mm", [[784, 50], [50, 1000]], "Hebbian products"),
        ("aten::add", [[784, 1000], [784, 1000]], "weights"),
        ("aten::clamp_", [[50, 1784], []], "state"),
        ("aten::normal_", [[20, 1000]], "random numbers"),
        ("aten::empty", [[]], None),
    ],
)
def test_kinds_of_work(operator, shapes, kind):
    assert kind_of(operator, shapes, [784, 1000], 50) == kind
