"""The measures of one validation or test run, at T and at other sampling times, beside their floors."""

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor, nn
from torchmetrics import MetricCollection

from chaos_lightning.metrics.adversarial_accuracy import AdversarialAccuracyIndicator
from chaos_lightning.metrics.class_measures import ClassEvaluation, ClassMeasures
from chaos_lightning.metrics.relative_entropy import RelativeEntropyError
from chaos_lightning.metrics.second_moment import SecondMomentError
from chaos_lightning.metrics.spectrum import SpectrumError


@dataclass(frozen=True)
class Evaluation:
    """What one validation or test run measured.

    Attributes:
        stage: "val" or "test".
        step: training steps the network had taken.
        num_samples: samples a side.
        sampling_time: the time T at which the network was trained to sample; 0 for generators without one.
        measures: sampling time to measure name to value.
        floors: measure name to the value that real training images reach against the same held-out images.
        real_spectrum: singular values of the real images, descending.
        generated_spectrum: singular values of the images generated at T, descending.
        classes: what networks that know classes are measured by besides, for images asked for by class; else None.
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
    """The four accuracy measures, sharing what states they can."""
    return MetricCollection(
        {
            "second_moment_error": SecondMomentError(num_pixels),
            "spectrum_error": SpectrumError(num_pixels),
            "relative_entropy_error": RelativeEntropyError(num_pixels),
            "adversarial_accuracy_indicator": AdversarialAccuracyIndicator(num_pixels),
        }
    )


class StageMeasures(nn.Module):
    """Accumulates the measures of one stage at several sampling times, and their floors.

    The floors compare real images with real images, which are the same in every run of a stage: they are measured
    in the first run and kept.

    Args:
        times: sampling times.
        make_measures: makes a collection of measures, :func:`four_measures` and maybe others.
        classes: the measures of networks that know classes, which are updated by themselves.
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
        """The measures at each of the times."""
        return [measures for measures in self._at_times if isinstance(measures, MetricCollection)]

    def update(self, real: Tensor, generated: dict[float, Tensor], floor: Tensor) -> None:
        """Take in real images, as many images generated at each time, and as many other real ones."""
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
        """Forget the images taken in, for a run that was broken off."""
        self.num_samples = 0
        for collection in [*self.at_times, self.floor]:
            collection.reset()
        if self.classes is not None:
            self.classes.reset()


def values_with_parts(collection: MetricCollection) -> dict[str, float]:
    """The measures of a collection that holds the four, with their parts, as plain numbers."""
    values = {name: float(value) for name, value in collection.compute().items()}
    for measure, part in (
        ("relative_entropy_error", "entropy_ratio"),
        ("adversarial_accuracy_indicator", "generated_accuracy"),
        ("adversarial_accuracy_indicator", "real_accuracy"),
    ):
        values[part] = float(getattr(collection[measure], part))
    return values


def computed_spectra(collection: MetricCollection) -> tuple[Tensor, Tensor]:
    """Singular values of the real and of the generated images, descending, of a collection that was computed."""
    spectrum = collection["spectrum_error"]
    assert isinstance(spectrum, SpectrumError)
    assert spectrum.real_spectrum is not None, "set by compute"
    assert spectrum.generated_spectrum is not None, "set by compute"
    return spectrum.real_spectrum.cpu().flip(0), spectrum.generated_spectrum.cpu().flip(0)
