"""Measures of one validation or test run, at T and at other sampling times, with their floors."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn
from torchmetrics import Metric, MetricCollection

from chaos_lightning.metrics.catalogue import ERRORS, FEATURE_MEASURES, MEASURES, Measure
from chaos_lightning.metrics.class_measures import ClassEvaluation, ClassMeasures
from chaos_lightning.metrics.feature_network import FeatureNetwork
from chaos_lightning.metrics.spectrum import SpectrumError
from chaos_lightning.shapes import has_neighbours, num_values


@dataclass(frozen=True)
class Evaluation:
    """Measures of one validation or test run.

    Attributes:
        stage: "val" or "test".
        step: Training steps that the network had taken.
        num_samples: Generated images, and as many real ones.
        sampling_time: Time T at which the network was trained to sample; 0 for generators without one.
        measures: Sampling time to measure name to value.
        floors: Measure name to the value that real training images reach against the same held-out images.
        real_spectrum: Singular values of the real images, descending.
        generated_spectrum: Singular values of the images generated at T, descending.
        classes: Measures by class, of networks that know classes; None for others.
    """

    stage: str
    step: int
    num_samples: int
    sampling_time: float
    measures: dict[float, dict[str, float]]
    floors: dict[str, float]
    real_spectrum: Tensor
    generated_spectrum: Tensor
    classes: ClassEvaluation | None = None


def four_measures(num_pixels: int) -> MetricCollection:
    """Make the four accuracy measures, which share the states that they can.

    Args:
        num_pixels: Pixels of an image.
    """
    return MetricCollection({name: _make(MEASURES[name], num_pixels=num_pixels) for name in ERRORS})


def feature_measures(
    features: nn.Module, image_shape: Sequence[int], count: int | None = None
) -> dict[str, Metric | MetricCollection]:
    """Make the measures in the feature space of a network, by their names.

    Args:
        features: Network, see :class:`FeatureNetwork`; one of the measures needs a classifier.
        image_shape: Shape of a sample.
        count: Images on a side, of which a measure may need more; None makes all measures.
    """
    features = FeatureNetwork.of(features, image_shape)  # one for all, which then share its results
    given = {"features": features, "classifier": features, "image_shape": image_shape}
    return {
        name: _make(MEASURES[name], **given)
        for name in FEATURE_MEASURES
        if (count is None or MEASURES[name].least_images <= count)
        and ("classifier" not in MEASURES[name].needs or features.is_classifier)
    }


def visible_measures(features: nn.Module, image_shape: Sequence[int]) -> dict[str, Metric | MetricCollection]:
    """Make the measures of differences that the eye sees, by their names.

    They are :func:`feature_measures`, precision and recall of the pixels, and for images their roughness.

    Args:
        features: Network, see :class:`FeatureNetwork`.
        image_shape: Shape of a sample.
    """
    names = ["manifold_precision", "manifold_recall"]
    if has_neighbours(tuple(image_shape), 3):
        names.append("roughness")
    given = {"num_pixels": num_values(tuple(image_shape)), "image_shape": tuple(image_shape)}
    return {name: _make(MEASURES[name], **given) for name in names} | feature_measures(features, image_shape)


def all_measures(
    image_shape: Sequence[int],
    training_images: Tensor | None,
    training_labels: Tensor | None,
    count: int,
    features: nn.Module | None = None,
) -> MetricCollection:
    """Make the accuracy measures, and the measures of diversity that are possible.

    Args:
        image_shape: Shape of a sample; the measures of neighbouring pixels need an image of 3 x 3 of them at least.
        training_images: Training images of the generator, ``(M, ...)``, for near-copies; None leaves these out.
        training_labels: Their labels, ``(M,)``, for the classes; None leaves these out.
        count: Images on a side.
        features: Network for the measures in its feature space; None leaves these out.
    """
    shape = tuple(image_shape)
    num_pixels = num_values(shape)
    given = {
        "num_pixels": num_pixels,
        "image_shape": shape if has_neighbours(shape, 3) else None,
        "training_images": training_images,
        "training_labels": training_labels,
    }
    possible = [
        measure
        for measure in MEASURES.values()
        if measure.metric is not None
        and measure.name not in (*ERRORS, *FEATURE_MEASURES)
        and measure.least_images <= count
        and all(given[need] is not None for need in measure.needs)
    ]
    measures = four_measures(num_pixels)

    # The order in which files list them: first the measures that need least.
    def order(measure: Measure) -> tuple[bool, int, int]:
        return "training_images" in measure.needs, len(measure.needs), measure.least_images

    for measure in sorted(possible, key=order):
        measures.add_metrics({measure.name: _make(measure, **given)})
    if features is not None:
        measures.add_metrics(feature_measures(features, image_shape, count))
    return measures


def _make(measure: Measure, **given: Any) -> Metric:
    assert measure.metric is not None, "parts belong to the metrics of others"
    return measure.metric(*(given[need] for need in measure.needs))


def evaluate(measures: MetricCollection, real: Tensor, generated: Tensor) -> dict[str, float]:
    """Measure generated images against real ones.

    Args:
        measures: Collection that has seen no images yet.
        real: Real images, ``(N, ...)``, pixels in [-1, 1].
        generated: Generated images, ``(N, ...)``, pixels in [-1, 1].

    Returns:
        Measure name to value.
    """
    measures.update(real, real=True)
    measures.update(generated, real=False)
    return values_with_parts(measures)


class StageMeasures(nn.Module):
    """Measures of one stage at several sampling times, and their floors.

    The floors compare real images with real images, which are the same in every run of a stage: they are measured
    in the first run and kept.

    Args:
        times: Sampling times.
        make_measures: Makes a collection of measures that holds :func:`four_measures`.
        classes: Measures by class, which the caller updates; None for networks that know no classes.
    """

    def __init__(
        self, times: list[float], make_measures: Callable[[], MetricCollection], classes: ClassMeasures | None = None
    ) -> None:
        super().__init__()
        self.times = times
        self._at_times = nn.ModuleList(make_measures() for _ in times)
        self.floor = make_measures()
        self.floors: dict[str, float] = {}
        self.classes = classes
        self.num_samples = 0

    @property
    def at_times(self) -> list[MetricCollection]:
        """Measures at each of the times."""
        return [measures for measures in self._at_times if isinstance(measures, MetricCollection)]

    def update(self, real: Tensor, generated: dict[float, Tensor], floor: Tensor) -> None:
        """Add real images, as many images generated at each time, and as many other real ones."""
        self.num_samples += len(real)
        for time, measures in zip(self.times, self.at_times, strict=True):
            measures.update(real, real=True)
            measures.update(generated[time], real=False)
        if not self.floors:
            self.floor.update(real, real=True)
            self.floor.update(floor, real=False)

    def compute(self, stage: str, step: int, sampling_time: float, num_samples: int) -> Evaluation:
        """Evaluate over all processes, and forget the images."""
        if not self.floors:
            self.floors = values_with_parts(self.floor)
            self.floor.reset()
        measures = {}
        spectra: tuple[Tensor, Tensor] | None = None
        for time, collection in zip(self.times, self.at_times, strict=True):
            measures[time] = values_with_parts(collection)
            if time == sampling_time:
                spectra = computed_spectra(collection)
            collection.reset()
        assert spectra is not None, "the sampling time of training is always among the times"
        classes = None
        if self.classes is not None:
            classes = self.classes.evaluate()
            self.classes.reset()
        return Evaluation(stage, step, num_samples, sampling_time, measures, dict(self.floors), *spectra, classes)

    def reset(self) -> None:
        """Forget all images, for a run that was broken off."""
        self.num_samples = 0
        for collection in [*self.at_times, self.floor]:
            collection.reset()
        if self.classes is not None:
            self.classes.reset()


def values_with_parts(collection: MetricCollection) -> dict[str, float]:
    """Compute the measures of a collection, and list them with their parts as plain numbers."""
    values = {name: float(value) for name, value in collection.compute().items()}
    parts = [measure for measure in MEASURES.values() if measure.part_of in values]
    return values | {part.name: float(getattr(collection[part.part_of], part.name)) for part in parts}


def computed_spectra(collection: MetricCollection) -> tuple[Tensor, Tensor]:
    """Return the spectra of a computed collection: singular values of real and generated images, descending."""
    spectrum = collection["spectrum_error"]
    assert isinstance(spectrum, SpectrumError)
    assert spectrum.real_spectrum is not None, "set by compute"
    assert spectrum.generated_spectrum is not None, "set by compute"
    return spectrum.real_spectrum.cpu().flip(0), spectrum.generated_spectrum.cpu().flip(0)
