"""Chaos on the way of samples: from the random start to three times the sampling time, out of equilibrium."""

import copy
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from chaos_lightning.chaos.subject import Subject
from chaos_lightning.dynamics import (
    ChaoticNetwork,
    EulerIntegrator,
    FiniteTimeExponents,
    LyapunovSpectrum,
    Stream,
    chain_overlaps,
    finite_time_exponents,
    initial_potentials,
    local_spectra,
    run_chains,
)
from chaos_lightning.dynamics.deviations import deviation_size, random_directions, scale_deviations
from chaos_lightning.dynamics.progress import with_progress_bar
from chaos_lightning.functional.class_balance import nearest_labels

NUM_SAMPLES = 100
"""Samples whose overlaps and classes are looked at."""

SPECTRUM_CHAINS = 3
"""Random starts of which local spectra are measured, at most."""

RELATIVE_SIZE = 1e-6
"""Difference of the starts of two chains, relative to their length."""

SAME_IMAGE = 0.1
"""Two chains end in the same image if it differs by less than this part of what samples differ by."""


@dataclass(frozen=True)
class SamplingRun:
    """Chaos on the way of samples, at times from after the start to 3T.

    Attributes:
        exponents: growth of deviations from the start to each time.
        spectra: local Lyapunov spectra, each since the time before.
        overlaps: overlap of the visible rates of different samples, normalised: mean and standard error, ``(times,)``.
        overlaps_with_final: overlap of a sample with itself at T, likewise.
        labels: class of the nearest training image, ``(times, samples)``; None without classes.
        pair_times: from 0 on.
        pair_distances: root mean square difference between the images of two chains whose starts differ by
            RELATIVE_SIZE, ``(pair times, pairs)``.
        sample_distance: the same between different samples at T, a mean over their pairs.
        pair_labels: classes at T and at 3T of both, ``(2 times, 2, pairs)``; None without classes.
    """

    exponents: FiniteTimeExponents
    spectra: list[LyapunovSpectrum]
    overlaps: tuple[Tensor, Tensor]
    overlaps_with_final: tuple[Tensor, Tensor]
    labels: Tensor | None
    pair_times: Tensor
    pair_distances: Tensor
    sample_distance: float
    pair_labels: Tensor | None

    @property
    def decided(self) -> Tensor | None:
        """Share of samples that have the class of T from this time to T, and after T still have it, ``(times,)``."""
        if self.labels is None:
            return None
        place = self.place_of_sampling_time
        same = self.labels == self.labels[place]
        before = same[: place + 1].flip(0).cumprod(dim=0).flip(0)
        after = same[place:].cumprod(dim=0)[1:]
        return torch.cat([before, after]).double().mean(dim=1)

    @property
    def place_of_sampling_time(self) -> int:
        """Index of T among the times."""
        return int((self.exponents.times - self.exponents.times[-1] / 3).abs().argmin())

    def same_image_share(self, place: int) -> float:
        """Share of pairs that are in the same image at a place among the pair times."""
        return float((self.pair_distances[place] < SAME_IMAGE * self.sample_distance).double().mean())


def times_of(subject: Subject) -> list[float]:
    """Return times from after the start to 3T, eight per T as far as time steps allow, T among them."""
    num_steps = subject.clock.num_steps
    steps = {round(num_steps * eighth / 8) for eighth in range(1, 3 * 8 + 1)} - {0}
    return [subject.clock.time_after(step) for step in sorted(steps)]


def measure_sampling(subject: Subject, name: str) -> SamplingRun:
    """Measure one of the networks of a subject, by name."""
    network, clock, times = subject.networks[name], subject.clock, times_of(subject)
    settings: dict[str, Any] = {"dt": clock.dt, "tau": clock.tau, "seed": (subject.seed, Stream.SAMPLING)}
    exponents = finite_time_exponents(network, subject.num_chains, times, **settings)
    spectra = _spectra_to_dimension(network, min(subject.num_chains, SPECTRUM_CHAINS), times, settings)

    steps = [clock.steps_until(time) for time in times]
    states = run_chains(network, clock.alpha, NUM_SAMPLES, steps, seed=settings["seed"])
    visible = [state.rates[0] for state in states]
    overlaps = [chain_overlaps([rates], normalised=True) for rates in visible]
    at_sampling_time = visible[times.index(clock.sampling_time)].double()
    own = torch.stack([torch.cosine_similarity(rates.double(), at_sampling_time) for rates in visible])
    labels = None
    if subject.training_images is not None:
        labels = torch.stack(
            [_labels(subject, rates) for rates in with_progress_bar(visible, "classes of nearest images")]
        )
    sample_distance = float(torch.pdist(at_sampling_time).mean()) / at_sampling_time.shape[1] ** 0.5

    pair_times, pairs = follow_pairs(network, subject)
    pair_labels = None
    if subject.training_images is not None:
        places = [clock.num_steps, 3 * clock.num_steps]
        pair_labels = torch.stack(
            [torch.stack([_labels(subject, rates) for rates in pairs[place]]) for place in places]
        )
    return SamplingRun(
        exponents,
        spectra,
        (torch.cat([each.mean for each in overlaps]), torch.cat([each.standard_error for each in overlaps])),
        (own.mean(dim=1), own.std(dim=1) / NUM_SAMPLES**0.5),
        labels,
        pair_times,
        (pairs[:, 0] - pairs[:, 1]).square().mean(dim=2).sqrt(),
        sample_distance,
        pair_labels,
    )


def follow_pairs(network: ChaoticNetwork, subject: Subject) -> tuple[Tensor, Tensor]:
    """Run pairs of chains that start close together, in float64.

    Returns:
        Times, every time step from 0 to 3T, and visible rates, ``(times, 2, pairs, visible units)``.
    """
    network, clock, seed = copy.deepcopy(network).double(), subject.clock, (subject.seed, Stream.SAMPLING)
    starts = initial_potentials(network.layer_sizes, subject.num_chains, seed=seed, dtype=torch.float64)
    directions = random_directions(network, subject.num_chains, seed=seed)
    changes = scale_deviations(directions, RELATIVE_SIZE * deviation_size(starts))
    integrator = EulerIntegrator(network, clock.alpha)
    state = integrator.start([torch.cat([x, x + dx]) for x, dx in zip(starts, changes, strict=True)])
    visible = [state.rates[0]]
    for _ in with_progress_bar(range(3 * clock.num_steps), "pairs of chains"):
        state = integrator.advance(state, 1)
        visible.append(state.rates[0])
    times = torch.arange(len(visible), dtype=torch.float64) * clock.dt
    return times, torch.stack(visible).unflatten(1, (2, subject.num_chains))


def _spectra_to_dimension(
    network: ChaoticNetwork, num_chains: int, times: list[float], settings: dict[str, Any]
) -> list[LyapunovSpectrum]:
    """Measure as many local exponents as the dimension takes at all times: 16, or twice as many until they do."""
    num_units, num_exponents = sum(network.layer_sizes), 16
    while True:
        num_exponents = min(num_exponents, num_units)
        spectra = local_spectra(network, num_chains, times, num_exponents=num_exponents, **settings)
        if all(spectrum.reaches_dimension for spectrum in spectra):
            return spectra
        num_exponents *= 2


def _labels(subject: Subject, rates: Tensor) -> Tensor:
    """Return the label of the training image nearest to each image of visible rates ``(samples, units)``."""
    assert subject.model is not None
    assert subject.training_images is not None
    return nearest_labels(subject.model.layout.images_of(rates).float(), *subject.training_images)
