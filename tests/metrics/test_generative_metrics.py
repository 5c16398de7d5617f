"""What every metric must do, on one process."""

import copy
import gc
import pickle

import matplotlib
import pytest
import torch
from torchmetrics import MetricCollection

from chaos_lightning import functional
from chaos_lightning.functional import SampleCountError
from chaos_lightning.functional.moments import batch_moments
from chaos_lightning.functional.remember import RememberLast
from chaos_lightning.functional.spectrum import spectrum_of_moments
from chaos_lightning.metrics import (
    AdversarialAccuracyIndicator,
    ClassBalanceError,
    ClassCoverage,
    InvertedShare,
    ManifoldPrecision,
    ManifoldRecall,
    NearCopyShare,
    RelativeEntropyError,
    SecondMomentError,
    SpectrumError,
    moments,
    spectrum,
)
from chaos_lightning.metrics.evaluation import StageMeasures, four_measures

matplotlib.use("Agg")
NUM_PIXELS = 13
COUNT = 53


def images(count, seed, spread=1.0):
    return (torch.rand(count, NUM_PIXELS, generator=torch.Generator().manual_seed(seed)) * 2 - 1) * spread


REAL, GENERATED, TRAINING = images(COUNT, 1), images(COUNT, 2, spread=0.7), images(31, 3)
LABELS = torch.arange(31) % 5


@pytest.fixture(autouse=True)
def calls(monkeypatch):
    """What is computed of real images, anew in each test."""
    calls = []

    def noted(function):
        def call(values):
            calls.append(function.__name__)
            return function(values)

        return RememberLast(call)

    monkeypatch.setattr(moments, "_moments_of_real", noted(batch_moments))
    monkeypatch.setattr(spectrum, "_spectrum_of_real", noted(spectrum_of_moments))
    return calls


FOUR = {
    "second_moment": (lambda: SecondMomentError(NUM_PIXELS), functional.second_moment_error),
    "spectrum": (lambda: SpectrumError(NUM_PIXELS), functional.spectrum_error),
    "relative_entropy": (lambda: RelativeEntropyError(NUM_PIXELS), functional.relative_entropy_error),
    "adversarial_accuracy": (
        lambda: AdversarialAccuracyIndicator(NUM_PIXELS),
        functional.adversarial_accuracy_indicator,
    ),
}


def near_copy_share(real, generated):
    distances = [functional.training_distances(side, TRAINING) for side in (real, generated)]
    return functional.near_copy_share(*distances)


def inverted_share(real, generated):
    return functional.inverted_share(real.double().mean(1), generated.double().mean(1))


def class_balance_error(real, generated):
    counts = functional.nearest_labels(generated, TRAINING, LABELS).bincount(minlength=5)
    return functional.class_balance_error(counts, LABELS.bincount())


def class_coverage(real, generated):
    counts = functional.nearest_labels(generated, TRAINING, LABELS).bincount(minlength=5)
    return functional.class_coverage(counts, LABELS.bincount())


METRICS = FOUR | {
    "near_copies": (lambda: NearCopyShare(TRAINING), near_copy_share),
    "inverted": (lambda: InvertedShare(NUM_PIXELS), inverted_share),
    "class_balance": (lambda: ClassBalanceError(TRAINING, LABELS), class_balance_error),
    "class_coverage": (lambda: ClassCoverage(TRAINING, LABELS), class_coverage),
    "precision": (lambda: ManifoldPrecision(NUM_PIXELS), functional.manifold_precision),
    "recall": (lambda: ManifoldRecall(NUM_PIXELS), functional.manifold_recall),
}


@pytest.fixture(params=METRICS)
def name(request):
    return request.param


@pytest.fixture
def metric(name):
    return METRICS[name][0]()


@pytest.fixture
def expected(name):
    return METRICS[name][1](REAL, GENERATED)


def feed(metric, real=REAL, generated=GENERATED, batch=COUNT):
    for part in real.split(batch):
        metric.update(part, real=True)
    for part in generated.split(batch):
        metric.update(part, real=False)
    return metric


def state_bytes(metric):
    states = [[state] if torch.is_tensor(state) else state for state in metric.metric_state.values()]
    return sum(tensor.nbytes for state in states for tensor in state)


@pytest.mark.parametrize("batch", [COUNT, 6, 5, 1])
def test_batches_of_any_size_agree_with_the_function(metric, expected, batch):
    value = feed(metric, batch=batch).compute()
    assert value.dtype == torch.float64
    assert value.shape == ()
    torch.testing.assert_close(value, expected, rtol=1e-10, atol=0)


def test_sides_may_be_interleaved_and_a_batch_empty(metric, expected):
    for real, generated in zip(REAL.split(7), GENERATED.split(7), strict=True):
        metric.update(generated, False)
        metric.update(real.view(-1, 1, NUM_PIXELS), True)
        metric.update(real[:0], True)
        metric.update(real[:0], False)
    torch.testing.assert_close(metric.compute(), expected, rtol=1e-10, atol=0)


def test_forward_returns_the_value_so_far(metric, name, expected):
    assert torch.isnan(metric(REAL[:29], real=True))
    value = metric(GENERATED[:29], real=False)
    torch.testing.assert_close(value, METRICS[name][1](REAL[:29], GENERATED[:29]), rtol=1e-10, atol=0)
    metric(REAL[29:], real=True)
    metric(GENERATED[29:], real=False)
    torch.testing.assert_close(metric.compute(), expected, rtol=1e-10, atol=0)


def test_merged_states_agree_with_one_metric(metric, expected):
    other = copy.deepcopy(metric)
    feed(other, REAL[:29], GENERATED[:29])
    feed(metric, REAL[29:], GENERATED[29:])
    metric.compute()
    metric.merge_state(other)
    torch.testing.assert_close(metric.compute(), expected, rtol=1e-10, atol=0)


def test_reset_forgets_everything(metric, expected):
    fresh = state_bytes(metric)
    feed(metric, GENERATED, REAL)
    metric.compute()
    metric.reset()
    assert state_bytes(metric) == fresh
    with pytest.raises(SampleCountError), pytest.warns(UserWarning, match="before"):
        metric.compute()
    torch.testing.assert_close(feed(metric).compute(), expected)


def test_pickle_clone_and_device(metric, expected):
    feed(metric)
    for again in (pickle.loads(pickle.dumps(metric)), metric.clone(), copy.deepcopy(metric), metric.to("cpu")):
        torch.testing.assert_close(again.compute(), expected)
        assert again.device == torch.device("cpu")


def test_states_move_with_the_metric(metric):
    """On the meta device nothing is computed, but what does not move would show."""
    moved = feed(metric).to("meta")
    states = [[state] if torch.is_tensor(state) else state for state in moved.metric_state.values()]
    assert all(tensor.is_meta for state in states for tensor in state)
    assert all(buffer.is_meta for buffer in moved.buffers())


def test_state_dict(metric, name, expected):
    assert not metric.state_dict()
    metric.persistent(True)
    feed(metric)
    again = METRICS[name][0]()
    again.persistent(True)
    again.load_state_dict(metric.state_dict())
    again.update(REAL[:0], True)
    torch.testing.assert_close(again.compute(), expected)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_other_floating_dtypes(metric, name, dtype):
    real, generated = REAL.to(dtype), GENERATED.to(dtype)
    value = feed(metric, real, generated).compute()
    torch.testing.assert_close(value, METRICS[name][1](real.float(), generated.float()), rtol=1e-6, atol=0)


def test_half_leaves_the_states_precise(metric, expected):
    torch.testing.assert_close(feed(metric.half()).compute(), expected)


def test_autocast_and_inference_mode_change_nothing(metric, expected):
    with torch.inference_mode(), torch.autocast("cpu", dtype=torch.bfloat16):
        feed(metric, REAL[:29], GENERATED[:29])
    feed(metric, REAL[29:], GENERATED[29:])
    torch.testing.assert_close(metric.compute(), expected, rtol=1e-10, atol=0)


def test_real_images_are_taken_once_for_all_sampling_times(calls):
    generated = {1.0: GENERATED, 2.0: images(COUNT, 4), 3.0: images(COUNT, 5, spread=0.5)}
    measures = StageMeasures(list(generated), lambda: four_measures(NUM_PIXELS))
    for part in (slice(29), slice(29, None)):
        measures.update(REAL[part], {time: side[part] for time, side in generated.items()}, images(COUNT, 6)[part])
    evaluation = measures.compute("val", 1, 1.0, COUNT)
    assert calls == ["batch_moments", "batch_moments", "spectrum_of_moments"]
    for time, side in generated.items():
        assert evaluation.measures[time]["spectrum_error"] == pytest.approx(
            functional.spectrum_error(REAL, side).item()
        )
        expected = functional.second_moment_error(REAL, side).item()
        assert evaluation.measures[time]["second_moment_error"] == pytest.approx(expected)


def test_a_spectrum_is_the_metrics_own():
    with torch.inference_mode():
        feed(SpectrumError(NUM_PIXELS)).compute()
    for _ in range(2):
        metric = feed(SpectrumError(NUM_PIXELS))
        torch.testing.assert_close(metric.compute(), functional.spectrum_error(REAL, GENERATED))
        metric.real_spectrum.mul_(2)


def test_images_may_be_overwritten_afterwards(metric, expected):
    real, generated = REAL.clone(), GENERATED.clone()
    feed(metric, real, generated)
    real.zero_()
    generated.zero_()
    torch.testing.assert_close(metric.compute(), expected)


def test_plot(metric):
    figure, _ = feed(metric).plot()
    assert figure is not None
    figure, _ = metric.plot([metric.compute(), metric.compute()])
    assert figure is not None
    matplotlib.pyplot.close("all")


def test_constants(metric, name):
    assert metric.is_differentiable is False
    assert metric.full_state_update is False
    assert metric.higher_is_better is (name in ("class_coverage", "precision", "recall"))
    assert metric.plot_lower_bound == 0


@pytest.mark.parametrize(
    ("wrong", "error", "message"),
    [
        (torch.zeros(3, NUM_PIXELS, dtype=torch.uint8), TypeError, r"\[-1, 1\]"),
        (torch.full((3, NUM_PIXELS), 255.0), ValueError, "outside"),
        (torch.full((3, NUM_PIXELS), torch.nan), ValueError, "39 NaN"),
        (torch.zeros(3, NUM_PIXELS + 1), ValueError, "14 pixels an image"),
        (torch.zeros(NUM_PIXELS), ValueError, "shape"),
    ],
)
@pytest.mark.parametrize("real", [True, False])
def test_wrong_images_are_refused_and_leave_no_trace(metric, expected, wrong, error, message, real):
    with pytest.raises(error, match=message):
        metric.update(wrong, real=real)
    torch.testing.assert_close(feed(metric).compute(), expected)


def test_nothing_to_compute(metric):
    with pytest.raises(SampleCountError), pytest.warns(UserWarning, match="before"):
        metric.compute()


@pytest.mark.parametrize("name", [*FOUR, "near_copies", "inverted", "precision", "recall"])
@pytest.mark.parametrize("counts", [(1, 1), (COUNT, 0), (0, COUNT), (1, COUNT)])
def test_too_few_images(metric, counts):
    with pytest.raises(SampleCountError, match=f"got {counts[0]} real and {counts[1]} generated"):
        feed(metric, REAL[: counts[0]], GENERATED[: counts[1]]).compute()


@pytest.mark.parametrize("name", ["relative_entropy", "adversarial_accuracy"])
def test_unequal_numbers_are_refused(metric):
    with pytest.raises(SampleCountError, match="must be equal, got 53 real and 29 generated"):
        feed(metric, REAL, GENERATED[:29]).compute()


@pytest.mark.parametrize("num_pixels", [0, -5, 2.5, None])
def test_number_of_pixels_must_be_one(num_pixels):
    with pytest.raises(ValueError, match="num_pixels"):
        SecondMomentError(num_pixels)


def test_labels_must_fit_the_training_images():
    with pytest.raises(ValueError, match="31 training images"):
        ClassCoverage(TRAINING, LABELS[:7])


@pytest.mark.parametrize("name", ["second_moment", "spectrum"])
def test_moment_states_do_not_grow(metric):
    sizes = {state_bytes(feed(metric, batch=11)) for _ in range(3)}
    assert sizes == {2 * (NUM_PIXELS + 1) ** 2 * 8}


def test_parts_of_the_measures():
    accuracy = feed(AdversarialAccuracyIndicator(NUM_PIXELS))
    entropy = feed(RelativeEntropyError(NUM_PIXELS))
    spectrum = feed(SpectrumError(NUM_PIXELS))
    value = accuracy.compute()
    assert (value, accuracy.generated_accuracy, accuracy.real_accuracy) == functional.adversarial_accuracy(
        REAL, GENERATED
    )
    assert entropy.compute() == entropy.entropy_ratio.square()
    assert entropy.entropy_ratio == functional.entropy_ratio(REAL, GENERATED)
    assert spectrum.compute() == (spectrum.real_spectrum - spectrum.generated_spectrum).square().mean()
    assert (spectrum.real_spectrum.diff() >= 0).all()
    for metric in (accuracy, entropy, spectrum):
        metric.reset()
    assert accuracy.generated_accuracy is accuracy.real_accuracy is entropy.entropy_ratio is None
    assert spectrum.real_spectrum is spectrum.generated_spectrum is None


class TestCollection:
    @pytest.fixture
    def collection(self):
        return MetricCollection({name: make() for name, (make, _) in METRICS.items()})

    @pytest.fixture
    def values(self):
        return {name: function(REAL, GENERATED) for name, (_, function) in METRICS.items()}

    def test_states_are_shared(self, collection):
        feed(collection, batch=7)
        groups = {frozenset(group) for group in collection.compute_groups.values()}
        assert groups == {
            frozenset(group)
            for group in (
                ["second_moment", "spectrum"],
                ["relative_entropy", "adversarial_accuracy", "precision", "recall"],
                ["near_copies"],
                ["inverted"],
                ["class_balance", "class_coverage"],
            )
        }

    def test_values(self, collection, values):
        torch.testing.assert_close(feed(collection, batch=7).compute(), values, rtol=1e-10, atol=0)

    def test_values_after_reset(self, collection, values):
        feed(collection, GENERATED, REAL)
        collection.compute()
        collection.reset()
        torch.testing.assert_close(feed(collection, batch=7).compute(), values, rtol=1e-10, atol=0)

    def test_memory_stays_flat_over_five_epochs(self, collection):
        sizes = []
        for _ in range(5):
            feed(collection, batch=7).compute()
            collection.reset()
            gc.collect()
            sizes.append(sum(found.nbytes for found in gc.get_objects() if type(found) is torch.Tensor))
        assert len(set(sizes[1:])) == 1

    @pytest.mark.parametrize("updates_first", [0, 1])
    def test_forward_counts_each_image_once(self, collection, values, updates_first):
        """Shared states must not be filled by each metric of a group in turn."""
        for index, (real, generated) in enumerate(zip(REAL.split(19), GENERATED.split(19), strict=True)):
            add = collection.update if index < updates_first else collection
            add(real, real=True)
            add(generated, real=False)
        torch.testing.assert_close(collection.compute(), values, rtol=1e-10, atol=0)
