"""The measures over sampling time, from one run of the chains."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from torch import Tensor

from chaos_lightning.metrics.evaluation import computed_spectra, four_measures, values_with_parts
from chaos_lightning.models import ChaoticGenerator


@dataclass(frozen=True)
class Curves:
    """The measures over sampling time, with the images at T and their spectrum.

    Attributes:
        times: sampling times, ascending.
        values: values of each measure by name, one value per time.
        floors: value that other real images reach, by name of the measure.
        samples: images at T, ``(N, *image_shape)``.
        real_spectrum: singular values of the real images, descending.
        generated_spectrum: singular values of the images at T, descending.
        floor_spectrum: singular values of the other real images, descending.
    """

    times: list[float]
    values: dict[str, list[float]]
    floors: dict[str, float]
    samples: Tensor
    real_spectrum: Tensor
    generated_spectrum: Tensor
    floor_spectrum: Tensor


def times_to_measure(model: ChaoticGenerator) -> list[float]:
    """Return times from 0 to 3T, T among them: eight per T, evenly spaced as far as time steps allow."""
    steps = {round(model.clock.num_steps * eighth / 8) for eighth in range(3 * 8 + 1)}
    return [model.clock.time_after(step) for step in sorted(steps)]


def measure_over_time(
    model: ChaoticGenerator,
    real: Tensor,
    floor_images: Tensor,
    times: Sequence[float],
    seed: int,
    advance: Callable[[], None],
) -> Curves:
    """Measure samples, as many as there are real images, at each of the times.

    Args:
        model: the trained network.
        real: held-out images in [-1, 1], ``(N, *image_shape)``.
        floor_images: as many other real images.
        times: sampling times, ascending; the model's T must be among them.
        seed: seed of the samples.
        advance: function to call after each time.
    """
    measures = four_measures(real[0].numel())
    measures.update(real, real=True)
    measures.update(floor_images, real=False)
    floors = values_with_parts(measures)
    real_spectrum, floor_spectrum = computed_spectra(measures)

    values: dict[str, list[float]] = {name: [] for name in floors}
    for time, images in model.sample(len(real), times, seed).items():
        measures.reset()
        measures.update(real, real=True)
        measures.update(images, real=False)
        for name, value in values_with_parts(measures).items():
            values[name].append(value)
        if time == model.sampling_time:
            samples, generated_spectrum = images, computed_spectra(measures)[1]
        advance()
    return Curves(list(times), values, floors, samples, real_spectrum, generated_spectrum, floor_spectrum)
