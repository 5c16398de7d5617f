"""The table of measures: what is derived from it."""

import pytest
import torch

from chaos_lightning import functional
from chaos_lightning.metrics.catalogue import (
    ERROR_FUNCTIONS,
    ERRORS,
    FEATURE_MEASURES,
    MEASURES,
    SYMBOLS,
    TRAINING_MEASURES,
    printed_ratio,
)
from chaos_lightning.metrics.evaluation import all_measures, evaluate

TRAINING, LABELS = torch.linspace(-1, 1, 7 * 13).view(7, 13), torch.arange(7) % 3


def test_labels_of_tables():
    labels = [MEASURES[name].label for name in list(MEASURES)[:9]]
    assert labels == [
        "E(2)   second-moment error",
        "E(s)   spectrum error",
        "E(R)   relative-entropy error",
        "       S_G / S_X - 1",
        "E(AAI) adversarial accuracy indicator",
        "       A_G, 1/2 is best",
        "       A_X, 1/2 is best",
        "manifold precision, 1 is best",
        "manifold recall, 1 is best",
    ]


def test_the_four_errors():
    assert list(SYMBOLS.values()) == ["E(2)", "E(s)", "E(R)", "E(AAI)"]
    assert {name: getattr(functional, name) for name in ERRORS} == ERROR_FUNCTIONS
    assert TRAINING_MEASURES == ("near_copy_share", "class_balance_error", "class_coverage")


def test_the_measures_of_features():
    assert FEATURE_MEASURES == (
        "feature_frechet_distance",
        "feature_precision",
        "feature_recall",
        "confident_share",
    )


@pytest.mark.parametrize(
    ("training", "labels", "count", "missing"),
    [
        (TRAINING, LABELS, 5, set()),
        (TRAINING, LABELS, 3, {"manifold_precision", "manifold_recall"}),
        (TRAINING, None, 5, {"class_balance_error", "class_coverage"}),
        (None, LABELS, 5, {"near_copy_share", "class_balance_error", "class_coverage"}),
    ],
)
def test_measures_that_are_possible_are_taken_with_their_parts(training, labels, count, missing):
    generator = torch.Generator().manual_seed(0)
    real, generated = torch.rand(2, count, 13, generator=generator) * 2 - 1
    values = evaluate(all_measures([13], training, labels, count), real, generated)
    missing = {*missing, "roughness"}  # rows have no neighbours above and below
    missing |= {*FEATURE_MEASURES}  # no network is given
    by_class = {"class_agreement", "accuracy", "calibration_error"}
    assert set(values) == set(MEASURES) - by_class - missing
    assert values["relative_entropy_error"] == pytest.approx(values["entropy_ratio"] ** 2)
    assert values["generated_accuracy"] == functional.adversarial_accuracy(real, generated).generated_accuracy


@pytest.mark.parametrize(
    ("name", "floor", "printed"),
    [
        ("second_moment_error", 1e-4, "2.0"),
        ("relative_entropy_error", 1e-9, ""),  # a floor that is 0 by chance
        ("relative_entropy_error", 0.0, ""),
        ("relative_entropy_error", None, ""),
        ("generated_accuracy", 0.5, ""),
    ],
)
def test_the_ratio_to_a_floor_is_printed_where_it_says_something(name, floor, printed):
    assert printed_ratio(name, 2e-4, floor) == printed
