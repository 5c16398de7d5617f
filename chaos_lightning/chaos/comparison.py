"""Theory and measurement as numbers: the table at the head of the page, and the file with everything."""

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from torch import Tensor

from chaos_lightning.chaos.long_run_section import layer_names
from chaos_lightning.chaos.measured import LongRun
from chaos_lightning.chaos.sampling import SamplingRun
from chaos_lightning.chaos.subject import Subject
from chaos_lightning.dynamics.standard_errors import mean_and_error
from chaos_lightning.files import written_at_once
from chaos_lightning.theory import falling_times

LARGE = 0.05
"""Difference from theory, relative to it, that the page names as a disagreement."""


class Value(NamedTuple):
    """A measured number and its standard error; NaN for an error that is not known."""

    mean: float
    error: float = math.nan

    def __str__(self) -> str:
        """Write both, the mean as exactly as the error allows; a dash for what is not there."""
        if math.isnan(self.mean):
            return "–"
        if not math.isfinite(self.error) or self.error == 0:
            return f"{self.mean:.3g}"
        digits = max(0, 1 - math.floor(math.log10(self.error)))
        return f"{self.mean:.{digits}f} ± {self.error:.{digits}f}"


class Row(NamedTuple):
    """A quantity: what theory says (None where it says nothing), and measured values by the network's name."""

    quantity: str
    theory: float | None
    measured: dict[str, Value]

    @property
    def difference(self) -> float | None:
        """Difference of the untrained network from theory, relative to theory."""
        if not self.theory or not math.isfinite(self.theory):
            return None
        return self.measured["untrained"].mean / self.theory - 1


def comparison(subject: Subject, measured: Mapping[str, LongRun]) -> list[Row]:
    """Compare theory and measurement, times in units of tau."""
    tau, theory, rows = subject.clock.tau, subject.theory, []

    def row(quantity: str, expected: Any, values: dict[str, Value]) -> None:
        rows.append(Row(quantity, None if theory is None or expected is None else float(expected), values))

    def each(value: Any) -> dict[str, Value]:
        return {name: value(run) for name, run in measured.items()}

    row(
        "largest Lyapunov exponent λ₁ τ",
        theory and theory.lyapunov_exponent * tau,
        each(lambda run: Value(float(run.spectrum.mean[0]) * tau, float(run.spectrum.standard_error[0]) * tau)),
    )
    for layer, name in enumerate(layer_names(len(subject.layer_sizes))):
        row(
            f"variance of the potentials, {name}",
            theory and theory.variances[layer],
            each(
                lambda run, layer=layer: Value(
                    float(run.autocorrelations.mean[layer, 0]), float(run.autocorrelations.standard_error[layer, 0])
                )
            ),
        )
        row(
            f"correlation time / τ (to 1/e), {name}",
            theory and theory.correlation_times[layer] / tau,
            each(lambda run, layer=layer: _falling_time(run, layer, tau)),
        )
        if len(subject.layer_sizes) > 1:
            row(
                f"share of chaos, {name}",
                theory and theory.deviation_shares[layer],
                each(lambda run, layer=layer: Value(*(float(part[layer]) for part in run.layer_shares))),
            )
    row(
        "radius of the Jacobian's eigenvalues τ",
        theory and theory.jacobian_radius,
        each(lambda run: Value(run.jacobian_radius)),
    )
    row("Kaplan-Yorke dimension", None, each(lambda run: _over_chains(run.spectrum.dimension)))
    row("entropy rate, nats per τ", None, each(lambda run: _over_chains(run.spectrum.entropy_rate * tau)))
    return rows


def disagreement(rows: list[Row]) -> str:
    """Say in sentences where theory and measurement differ by more than 5 %."""
    if all(row.theory is None for row in rows):
        return ""
    large = [row for row in rows if row.difference is not None and abs(row.difference) > LARGE]
    scope = (
        "Theory is of infinitely large layers and of the untrained network; errors cover the chains of this one "
        "network, not what networks of this size differ by."
    )
    if not large:
        return f"Theory and measurement of the untrained network agree to {LARGE:.0%} in all quantities. {scope}"
    texts = [f"{row.quantity} ({row.measured['untrained']} instead of {row.theory:.3g})" for row in large]
    return f"Theory and measurement differ by more than {LARGE:.0%} in: {'; '.join(texts)}. {scope}"


def write_numbers(
    path: Path, subject: Subject, rows: list[Row], long_run: Mapping[str, LongRun], sampling: Mapping[str, SamplingRun]
) -> None:
    """Write all numbers of the page with their standard errors as JSON; NaN and infinities are null."""
    content: dict[str, Any] = {
        "network": {
            "layer_sizes": list(subject.layer_sizes),
            "gain": subject.gain,
            "tau": subject.clock.tau,
            "dt": subject.clock.dt,
            "sampling_time": subject.clock.sampling_time,
            "seed": subject.seed,
            "num_chains": subject.num_chains,
        },
        "comparison": [
            {
                "quantity": row.quantity,
                "theory": row.theory,
                **{name: {"mean": value.mean, "standard_error": value.error} for name, value in row.measured.items()},
            }
            for row in rows
        ],
    }
    if subject.theory is not None:
        content["theory"] = {"lags": subject.theory.times, "autocorrelations": subject.theory.potentials}
    for name, run in long_run.items():
        on_the_way = sampling[name]
        spectra = [mean_and_error(spectrum.dimension) for spectrum in on_the_way.spectra]
        content[name] = {
            "lags": run.autocorrelations.times,
            "autocorrelations": _pair(run.autocorrelations.mean, run.autocorrelations.standard_error),
            "lyapunov_spectrum": _pair(run.spectrum.mean, run.spectrum.standard_error),
            "layer_shares": _pair(*run.layer_shares),
            "jacobian_eigenvalues": {
                f"{time:g}": {"real": values.real, "imaginary": values.imag} for time, values in run.eigenvalues.items()
            },
            "times": on_the_way.exponents.times,
            "exponent_from_start": _pair(on_the_way.exponents.mean, on_the_way.exponents.standard_error),
            "local_exponent": _pair(
                [float(spectrum.mean[0]) for spectrum in on_the_way.spectra],
                [float(spectrum.standard_error[0]) for spectrum in on_the_way.spectra],
            ),
            "local_dimension": _pair(*([float(each[part]) for each in spectra] for part in (0, 1))),
            "overlap": _pair(*on_the_way.overlaps),
            "overlap_with_sampling_time": _pair(*on_the_way.overlaps_with_final),
            "decided_share": on_the_way.decided,
            "pair_times": on_the_way.pair_times,
            "pair_distances": on_the_way.pair_distances,
            "sample_distance": on_the_way.sample_distance,
        }
    with written_at_once(path) as temporary:
        temporary.write_text(json.dumps(_plain(content)) + "\n", encoding="utf-8")


def _pair(mean: Any, error: Any) -> dict[str, Any]:
    return {"mean": mean, "standard_error": error}


def _plain(content: Any) -> Any:
    """Turn tensors into lists, and numbers that JSON has not into None."""
    if isinstance(content, Tensor):
        return _plain(content.tolist())
    if isinstance(content, dict):
        return {name: _plain(value) for name, value in content.items()}
    if isinstance(content, list):
        return [_plain(value) for value in content]
    return None if isinstance(content, float) and not math.isfinite(content) else content


def _over_chains(values: Tensor) -> Value:
    mean, error = mean_and_error(values)
    return Value(float(mean), float(error))


def _falling_time(run: LongRun, layer: int, tau: float) -> Value:
    """Measure the correlation time of each chain; of those whose autocorrelation falls so far."""
    curves = run.autocorrelations
    times = falling_times(curves.times, curves.of_chains[:, layer]) / tau
    return _over_chains(times[~times.isnan()])
