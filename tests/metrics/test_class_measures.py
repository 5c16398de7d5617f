"""Measures of networks that know classes, against the plain measures of selected rows."""

import gc
import math

import numpy as np
import pytest
import torch
from gloo import on_two_processes

from chaos_lightning.functional import (
    SampleCountError,
    adversarial_accuracy_indicator,
    relative_entropy_error,
    second_moment_error,
    spectrum_error,
)
from chaos_lightning.metrics import ClassMeasures
from chaos_lightning.metrics.evaluation import StageMeasures, four_measures

NUM_PIXELS, NUM_CLASSES, COUNT = 13, 3, 67


def rows(count, seed):
    return torch.rand(count, NUM_PIXELS, generator=torch.Generator().manual_seed(seed)) * 2 - 1


REAL, GENERATED, TRAINING = rows(COUNT, 1), rows(COUNT, 2), rows(101, 3)
LABELS, TRAINING_LABELS = torch.arange(COUNT) * 7 % NUM_CLASSES, torch.arange(101) % NUM_CLASSES
PROBABILITIES = torch.rand(COUNT, NUM_CLASSES, generator=torch.Generator().manual_seed(4)).square()
PROBABILITIES = PROBABILITIES / PROBABILITIES.sum(dim=1, keepdim=True)


def measured(*parts):
    metric = ClassMeasures(TRAINING, TRAINING_LABELS, NUM_CLASSES)
    for part in parts or (slice(0, 30), slice(30, COUNT)):
        metric.update(REAL[part], LABELS[part], GENERATED[part], PROBABILITIES[part])
    return metric.evaluate()


def test_measures_of_a_class_are_those_of_its_rows():
    evaluation = measured()
    functions = {
        "second_moment_error": second_moment_error,
        "spectrum_error": spectrum_error,
        "relative_entropy_error": relative_entropy_error,
        "adversarial_accuracy_indicator": adversarial_accuracy_indicator,
    }
    assert [figures.name for figures in evaluation.classes] == ["0", "1", "2"]
    for label, figures in enumerate(evaluation.classes):
        of_class = label == LABELS
        assert figures.num_images == of_class.sum()
        others = TRAINING[label == TRAINING_LABELS][: figures.num_images]
        for name, function in functions.items():
            assert figures.values[name] == function(REAL[of_class], GENERATED[of_class]).item(), name
            assert figures.floors[name] == function(REAL[of_class], others).item(), name
    assert evaluation.overall.num_images == COUNT
    for name, function in functions.items():
        assert evaluation.overall.values[name] == function(REAL, GENERATED).item()


def test_agreement_is_that_of_brute_force():
    evaluation = measured()
    for images, place in ((GENERATED, "values"), (REAL, "floors")):
        distances = np.linalg.norm(images.numpy()[:, None] - TRAINING.numpy(), axis=2)
        agrees = TRAINING_LABELS.numpy()[distances.argmin(axis=1)] == LABELS.numpy()
        for label, figures in enumerate(evaluation.classes):
            found = getattr(figures, place)["class_agreement"]
            assert found == pytest.approx(agrees[LABELS.numpy() == label].mean(), rel=1e-12)
        assert getattr(evaluation.overall, place)["class_agreement"] == pytest.approx(agrees.mean(), rel=1e-12)


def test_accuracy_and_calibration_error_follow_their_definitions():
    evaluation = measured()
    confidence, chosen = PROBABILITIES.double().numpy().max(axis=1), PROBABILITIES.numpy().argmax(axis=1)
    right = chosen == LABELS.numpy()
    bins = np.minimum((confidence * 15).astype(int), 14)
    gaps = [(bins == b).mean() * abs(right[bins == b].mean() - confidence[bins == b].mean()) for b in set(bins)]
    assert evaluation.overall.values["accuracy"] == pytest.approx(right.mean(), rel=1e-6)
    assert evaluation.overall.values["calibration_error"] == pytest.approx(sum(gaps), rel=1e-5)
    for label, figures in enumerate(evaluation.classes):
        assert figures.values["accuracy"] == pytest.approx(right[LABELS.numpy() == label].mean(), rel=1e-6)


def test_classes_with_too_few_images_have_no_measures():
    metric = ClassMeasures(TRAINING, TRAINING_LABELS, NUM_CLASSES)
    metric.update(REAL[:3], torch.tensor([0, 0, 1]), GENERATED[:3], PROBABILITIES[:3])
    zero, one, two = metric.evaluate().classes
    assert all(math.isfinite(value) for value in zero.values.values())
    assert math.isnan(one.values["second_moment_error"])
    assert math.isfinite(one.values["accuracy"])
    assert all(math.isnan(value) for value in two.values.values())


def test_what_does_not_belong_together_is_refused():
    metric = ClassMeasures(TRAINING, TRAINING_LABELS, NUM_CLASSES)
    with pytest.raises(ValueError, match=r"equally many, got \[3, 2, 3, 3\]"):
        metric.update(REAL[:3], LABELS[:2], GENERATED[:3], PROBABILITIES[:3])
    with pytest.raises(SampleCountError, match="no images"):
        metric.compute()
    with pytest.raises(ValueError, match="labels of shape"):
        ClassMeasures(TRAINING, TRAINING_LABELS[:5], NUM_CLASSES)


def on_unequal_shares(rank):
    return measured(slice(0, 19) if rank == 0 else slice(19, COUNT))


def test_two_processes_measure_what_one_does():
    alone = measured()
    for evaluation in on_two_processes(on_unequal_shares):
        for expected, figures in zip(
            [*alone.classes, alone.overall], [*evaluation.classes, evaluation.overall], strict=True
        ):
            assert figures.values == pytest.approx(expected.values, rel=1e-9)
            assert figures.floors == pytest.approx(expected.floors, rel=1e-9)


def test_what_a_stage_has_measured_is_forgotten():
    """The images of a validation must not stay in memory until the next."""
    classes = ClassMeasures(TRAINING, TRAINING_LABELS, NUM_CLASSES)
    stage = StageMeasures([5.0, 10.0], lambda: four_measures(NUM_PIXELS), classes)

    def held():
        gc.collect()
        return sum(found.nbytes for found in gc.get_objects() if type(found) is torch.Tensor)

    sizes = []
    for _ in range(3):
        stage.reset()
        stage.update(REAL, {5.0: GENERATED, 10.0: GENERATED}, TRAINING[:COUNT])
        stage.classes.update(REAL, LABELS, GENERATED, PROBABILITIES)
        stage.compute("val", 0, 10.0, COUNT)
        sizes.append(held())
    stage.update(REAL, {5.0: GENERATED, 10.0: GENERATED}, TRAINING[:COUNT])
    stage.classes.update(REAL, LABELS, GENERATED, PROBABILITIES)
    assert sizes[0] == sizes[1] == sizes[2] < held()


@pytest.mark.parametrize("cast", ["half", "double", "bfloat16", "float"])
def test_a_module_around_it_may_be_cast(cast):
    metric = ClassMeasures(TRAINING, TRAINING_LABELS, NUM_CLASSES)
    module = torch.nn.ModuleList([metric, torch.nn.Linear(2, 2)])
    getattr(module, cast)()
    assert module[1].weight.dtype != torch.float32 or cast == "float"
    metric.update(REAL, LABELS, GENERATED, PROBABILITIES)
    assert metric.evaluate() == measured(slice(0, COUNT))


def test_rows_that_are_kept_on_the_cpu_are_gathered_where_the_metric_is():
    metric = ClassMeasures(TRAINING, TRAINING_LABELS, NUM_CLASSES, compute_on_cpu=True)
    metric.update(REAL, LABELS, GENERATED, PROBABILITIES)
    metric._device = torch.device("meta")  # in place of a GPU, where NCCL gathers
    gathered_on = []

    def gather(rows, group):
        gathered_on.append(rows.device.type)
        return [rows, rows]

    metric.sync(gather, distributed_available=lambda: True)
    assert gathered_on == ["meta"] * 4
    metric.unsync()


def test_measures_on_the_cpu_are_the_same():
    metric = ClassMeasures(TRAINING, TRAINING_LABELS, NUM_CLASSES, compute_on_cpu=True)
    metric.update(REAL, LABELS, GENERATED, PROBABILITIES)
    assert metric.evaluate() == measured(slice(0, COUNT))
