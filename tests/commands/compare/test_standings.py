"""Standings, verdicts and tables, against what was worked out by hand."""

import csv

import pytest

from chaos_lightning.commands.compare.standings import MEMORY, standings, verdicts
from chaos_lightning.commands.compare.table import markdown, write_csv


def run(name, seed, error, recall, *, is_real=False):
    quantities = {"second_moment_error": error, "manifold_recall": recall}
    return {
        "settings": {"contestant": name, "recipe": "1"}, "seed": seed, "model": name.upper(), "is_real": is_real,
        "quantities": quantities,
    }  # fmt: skip


RUNS = [
    run("chaotic", 0, 2.0, 0.5), run("other", 0, 0.9, 0.1), run("real", 0, 0.1, 0.9, is_real=True),
    run("third", 0, 8.0, 0.2), run("chaotic", 1, 4.0, 0.7), run("other", 1, 1.1, 0.3),
]  # fmt: skip


def test_a_sentence_says_who_is_best_and_how_far_off_the_reference_is():
    error, recall = verdicts(standings(RUNS), "chaotic")
    assert error == (
        "E(2): other is best with 1; chaotic is 2 behind with 3 (by a factor of 3), in place 2 of 3."
    )  # real images do not compete
    assert recall == "recall: chaotic is best with 0.6, 0.4 ahead of other with 0.2 (by a factor of 3)."


def test_a_difference_within_the_spread_is_called_one():
    runs = [run("a", seed, error, 0.5) for seed, error in enumerate((1.0, 3.0))]
    runs += [run("b", seed, error, 0.5) for seed, error in enumerate((1.5, 3.5))]
    assert verdicts(standings(runs), "b")[0].endswith("in place 2 of 2, within the spread over seeds.")
    assert verdicts(standings(runs), "a")[0].endswith("(by a factor of 1.25), within the spread over seeds.")


def test_a_single_seed_decides_nothing():
    runs = [run("a", 0, 1.0, 0.5), run("b", 0, 1.5, 0.5), run("b", 1, 1.6, 0.5)]
    assert verdicts(standings(runs), "a")[0].endswith("(by a factor of 1.55), with one seed only.")


def test_tables_hold_mean_and_deviation(tmp_path):
    contestants = standings(RUNS)
    text = markdown(contestants, "about", ["one", "two"])
    lines = text.splitlines()
    assert lines[0] == "about"
    assert lines[4].startswith("| chaotic | CHAOTIC | 2 | 3 ± 1 |")
    assert lines[6].startswith("| real (floor) | REAL | 1 | 0.1 |")
    assert len({line.count("|") for line in lines[2:8]}) == 1
    assert lines[-2:] == ["- one", "- two"]
    write_csv(tmp_path / "compare.csv", contestants)
    with (tmp_path / "compare.csv").open() as file:
        table = {row["contestant"]: row for row in csv.DictReader(file)}
    assert float(table["chaotic"]["second_moment_error_deviation"]) == pytest.approx(2**0.5)
    assert (table["real"]["is_floor"], table["real"]["second_moment_error_deviation"]) == ("1", "")
    assert table["chaotic"][MEMORY] == ""
