"""Two real processes, joined by gloo."""

import pytest
import torch
from gloo import on_two_processes
from torch import nn
from torchmetrics import MetricCollection

from chaos_lightning.functional import SampleCountError
from chaos_lightning.metrics import (
    AdversarialAccuracyIndicator,
    ClassBalanceError,
    ClassCoverage,
    FeatureFrechetDistance,
    FeaturePrecision,
    FeatureRecall,
    InvertedShare,
    ManifoldPrecision,
    ManifoldRecall,
    NearCopyShare,
    RelativeEntropyError,
    SecondMomentError,
    SpectrumError,
)

NUM_PIXELS = 13
COUNT = 53


def images(count, seed, spread=1.0):
    return (torch.rand(count, NUM_PIXELS, generator=torch.Generator().manual_seed(seed)) * 2 - 1) * spread


REAL, GENERATED, TRAINING = images(COUNT, 1), images(COUNT, 2, spread=0.7), images(31, 3)


OF_FEATURES = FeatureFrechetDistance, FeaturePrecision, FeatureRecall


def metrics(grouped=True):
    labels = torch.arange(31) % 5
    return MetricCollection(
        [
            SecondMomentError(NUM_PIXELS),
            SpectrumError(NUM_PIXELS),
            RelativeEntropyError(NUM_PIXELS),
            AdversarialAccuracyIndicator(NUM_PIXELS),
            NearCopyShare(TRAINING),
            InvertedShare(NUM_PIXELS),
            ClassBalanceError(TRAINING, labels),
            ClassCoverage(TRAINING, labels),
            ManifoldPrecision(NUM_PIXELS),
            ManifoldRecall(NUM_PIXELS),
            *(metric(nn.Flatten(), (1, 1, NUM_PIXELS)) for metric in OF_FEATURES),
        ],
        compute_groups=grouped,
    )


def numbers(values):
    return {name: value.item() for name, value in values.items()}


def unequal_shares(rank):
    """19 images on rank 0, 34 on rank 1; the second value is after a reset."""
    part = slice(0, 19) if rank == 0 else slice(19, COUNT)
    collection = metrics()
    results = []
    for batch in (7, 50):
        for side, real in ((REAL[part], True), (GENERATED[part], False)):
            for images_of_batch in side.split(batch):
                collection.update(images_of_batch, real=real)
        results.append(numbers(collection.compute()))
        collection.reset()
    return results


def idle_rank(rank):
    """Rank 1 never updates."""
    collection = metrics(grouped=False)
    if rank == 0:
        collection.update(REAL, real=True)
        collection.update(GENERATED, real=False)
    return [numbers(collection.compute())]


def one_side_each(rank):
    """Rank 0 has the real images, rank 1 the generated ones."""
    collection = metrics()
    collection.update(REAL if rank == 0 else GENERATED, real=rank == 0)
    return [numbers(collection.compute())]


def going_on_after_compute(rank):
    """What was gathered must not be counted again."""
    collection = metrics()
    for part in (slice(0, 20), slice(20, COUNT)):
        share = part if rank == 0 else slice(0, 0)
        collection.update(REAL[share], real=True)
        collection.update(GENERATED[share], real=False)
        value = collection.compute()
    return [numbers(value)]


def no_images(rank):
    """Names of the metrics that refuse."""
    refused = []
    for metric in metrics(grouped=False).values():
        try:
            metric.compute()
        except SampleCountError:
            refused.append(type(metric).__name__)
    return refused


CASES = [unequal_shares, idle_rank, one_side_each, going_on_after_compute]


def work(rank):
    return {case.__name__: case(rank) for case in [*CASES, no_images]}


@pytest.fixture(scope="module")
def together():
    """What each case gives on rank 0 and on rank 1."""
    return on_two_processes(work)


@pytest.fixture(scope="module")
def alone():
    """The values of one process."""
    collection = metrics()
    collection.update(REAL, real=True)
    collection.update(GENERATED, real=False)
    return numbers(collection.compute())


@pytest.mark.parametrize("case", [case.__name__ for case in CASES])
def test_two_processes_agree_with_one(case, together, alone):
    for rank in together:
        for values in rank[case]:
            assert values == pytest.approx(alone, rel=1e-10, abs=0)


def test_no_images_on_any_process_is_an_error_on_both(together):
    for rank in together:
        assert rank["no_images"] == [type(metric).__name__ for metric in metrics().values()]
