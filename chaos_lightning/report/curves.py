"""The measures over sampling time, from one run of the chains."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from chaos_lightning.dynamics import EulerIntegrator, num_time_steps
from chaos_lightning.dynamics.chains import random_start
from chaos_lightning.metrics.evaluation import computed_spectra, four_measures, values_with_parts
from chaos_lightning.models import ChaoticGenerator
from chaos_lightning.models.base import SAMPLING

CHAINS_AT_ONCE = 500


@dataclass(frozen=True)
class Curves:
    """The measures over sampling time, and more of the images at T.

    Attributes:
        times: sampling times, ascending.
        values: measure name to its values, one a time.
        floors: measure name to what other real images reach.
        samples: images at T, ``(N, 1, side, side)``.
        real_spectrum: singular values of the real images, descending.
        generated_spectrum: of the images at T.
        floor_spectrum: of the other real images.
    """

    times: list[float]
    values: dict[str, list[float]]
    floors: dict[str, float]
    samples: Tensor
    real_spectrum: Tensor
    generated_spectrum: Tensor
    floor_spectrum: Tensor


def times_to_measure(model: ChaoticGenerator) -> list[float]:
    """Times from 0 to 3T, eight to a T and evenly spaced as far as time steps allow, T among them."""
    num_steps = num_time_steps(model.sampling_time, model.dt)
    steps = {round(num_steps * eighth / 8) for eighth in range(3 * 8 + 1)}
    return [model.time_after(step) for step in sorted(steps)]


@torch.no_grad()
def images_over_time(
    model: ChaoticGenerator, num_samples: int, times: Sequence[float], seed: int
) -> Iterator[tuple[float, Tensor]]:
    """Images of the same chains at ascending times, one time after another.

    They are those of :meth:`ChaoticGenerator.sample` with the same seed, up to rounding, but only the state of the
    chains is kept, so that memory does not grow with the number of times.

    Yields:
        Time and images ``(num_samples, 1, side, side)``.
    """
    network = model.network
    integrator = EulerIntegrator(network, model.dt / model.tau)
    states = [
        integrator.start(
            random_start(network, min(CHAINS_AT_ONCE, num_samples - first), seed=(seed, SAMPLING), first_chain=first)
        )
        for first in range(0, num_samples, CHAINS_AT_ONCE)
    ]
    steps_done = 0
    for time in times:
        steps = num_time_steps(time, model.dt, name="times")
        states = [integrator.advance(state, steps - steps_done) for state in states]
        steps_done = steps
        pixels = [model.layout.pixels_of(state.rates[0]) for state in states]
        yield time, torch.cat(pixels).unflatten(1, model.image_shape)


def measure_over_time(
    model: ChaoticGenerator,
    real: Tensor,
    floor_images: Tensor,
    times: Sequence[float],
    seed: int,
    advance: Callable[[], None],
) -> Curves:
    """Measure as many samples as there are real images at each of the times, which must hold the model's T.

    Args:
        model: the trained network.
        real: held-out images in [-1, 1], ``(N, 1, side, side)``.
        floor_images: as many other real images.
        times: ascending.
        seed: of the samples.
        advance: called after each time.
    """
    measures = four_measures(real[0].numel())
    measures.update(real, real=True)
    measures.update(floor_images, real=False)
    floors = values_with_parts(measures)
    real_spectrum, floor_spectrum = computed_spectra(measures)

    values: dict[str, list[float]] = {name: [] for name in floors}
    for time, images in images_over_time(model, len(real), times, seed):
        measures.reset()
        measures.update(real, real=True)
        measures.update(images, real=False)
        for name, value in values_with_parts(measures).items():
            values[name].append(value)
        if time == model.sampling_time:
            samples, generated_spectrum = images, computed_spectra(measures)[1]
        advance()
    return Curves(list(times), values, floors, samples, real_spectrum, generated_spectrum, floor_spectrum)
