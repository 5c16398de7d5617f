"""Failure signatures: known ways in which training goes wrong, and the advice for each.

Every threshold lies between the values of healthy and sick trainings, computed every 250 steps with 500 samples:

===================== =========================================== ========================================== ========
sign                  healthy                                     sick                                       limit
===================== =========================================== ========================================== ========
neighbour correlation 0.68 to 0.90                                -0.01 to 0.01, untrained networks          0.3
identical share       0 to 0.42, in the first 250 steps 0.91      0.80 to 1, collapsed networks              0.75
class share           0.7 to 1                                    0.1 to 0.8, collapsed networks             0.5
inverted share        0 to 0.04                                   0.28 to 0.43, see Adam below               0.25
largest potential     8 to 39                                     252 (Adam below); training stops at 10,000 1,000
validations without   0                                           all after the collapse of Adam below       5
progress
===================== =========================================== ========================================== ========

Healthy: the quickstart (computed every 500 steps), and a smaller network (tanh, 500 hidden units, M = 100, Adam with
betas of 0.5 and 0.99 and eps of 1e-3) for 4,000 steps, with one layer for 1,500 steps, and with hard tanh on
Fashion-MNIST for 2,000 steps. Collapsed: the smaller network with gain 0 and hard tanh, with plain SGD of learning rate
0.01, and with Adam's default eps of 1e-8, which after 2,250 steps leaves one shape and its negative (the quickstart by
the published rule with this eps has 86 % identical and 28 % inverted at its end). Untrained: one to three layers, both
rate functions. Real images: neighbour correlation 0.77 (MNIST) and 0.85 (Fashion-MNIST); their negatives have an
inverted share of 0.99 and 0.66.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from chaos_lightning.metrics.catalogue import ERRORS, SYMBOLS


@dataclass(frozen=True)
class Thresholds:
    """Thresholds of the signatures, see :class:`chaos_lightning.callbacks.TrainingAlarms`."""

    least_correlation: float
    least_class_share: float
    most_identical: float
    most_inverted: float
    plateau_patience: int
    largest_potential: float


@dataclass(frozen=True)
class Reading:
    """Everything known at a validation.

    Attributes:
        signs: values of :class:`chaos_lightning.metrics.WarningSigns`; empty if there were too few images.
        errors: the four accuracy measures of every validation so far, the newest last.
        floors: measure name to its value for real images.
        learning_rate: learning rate of the optimiser.
        is_chaotic: whether advice about the gain, and about Adam on Hebbian differences, makes sense.
    """

    signs: Mapping[str, float]
    errors: Sequence[Mapping[str, float]]
    floors: Mapping[str, float]
    learning_rate: float
    is_chaotic: bool = True


LEAST_PROGRESS = 0.02
"""A measure has improved if it is lower than its best so far by this share. With frozen weights it does not change at
all, since every validation runs the same chains."""

NEAR_FLOOR = 2.0
"""A measure within this factor of its floor need not improve: the floor itself scatters by as much."""

ADAM_ADVICE = "; with Adam, raise eps to 1e-3"
SGD_ADVICE = ". chaos_lightning.learning.largest_stable_rate says above which rate plain SGD swings to and fro"


def noise(reading: Reading, thresholds: Thresholds) -> str | None:
    """Describe samples that are noise: their pixels hardly correlate with their neighbours."""
    correlation = reading.signs.get("neighbour_correlation", 1)  # vectors have no neighbouring pixels
    # If samples are all alike, their small differences may look like noise, but the fault is collapse.
    are_identical = reading.signs["identical_share"] > thresholds.most_identical
    if correlation >= thresholds.least_correlation or are_identical:
        return None
    return (
        f"the samples are noise: neighbouring pixels correlate by {correlation:.2f} only (0 is noise, real images have "
        f"0.8; limit {thresholds.least_correlation:g}). If this does not end soon, raise the learning rate "
        f"(now {reading.learning_rate:g}){' or lower the gain' if reading.is_chaotic else ''}"
    )


def inversion(reading: Reading, thresholds: Thresholds) -> str | None:
    """Describe samples that are negatives."""
    share = reading.signs["inverted_share"]
    if share <= thresholds.most_inverted:
        return None
    return (
        f"{share:.0%} of the samples are inverted, with the brightness of a negative (limit "
        f"{thresholds.most_inverted:.0%}). Lower the learning rate (now {reading.learning_rate:g})"
        f"{ADAM_ADVICE if reading.is_chaotic else ''}"
    )


def collapse(reading: Reading, thresholds: Thresholds) -> str | None:
    """Describe samples that are all alike, or of few classes."""
    identical, classes = reading.signs["identical_share"], reading.signs["class_share"]
    reasons = []
    if identical > thresholds.most_identical:
        reasons.append(
            f"{identical:.0%} of the samples are nearly identical to another (limit {thresholds.most_identical:.0%})"
        )
    # Noise and negatives lie nearest to few classes in any case.
    if classes < thresholds.least_class_share and not (noise(reading, thresholds) or inversion(reading, thresholds)):
        reasons.append(f"{classes:.0%} of the classes occur (limit {thresholds.least_class_share:.0%})")
    if not reasons:
        return None
    return (
        f"the samples have collapsed: {' and '.join(reasons)}. Lower the learning rate (now "
        f"{reading.learning_rate:g}) or let it decay, raise {'the gain or ' if reading.is_chaotic else ''}the batch "
        f"size{ADAM_ADVICE + SGD_ADVICE if reading.is_chaotic else ''}"
    )


def plateau(reading: Reading, thresholds: Thresholds) -> str | None:
    """Describe measures that no longer improve and are far from their floors."""
    patience = thresholds.plateau_patience
    before, recent = reading.errors[:-patience], reading.errors[-patience:]
    if not before:
        return None
    best = {name: min(errors[name] for errors in before) for name in ERRORS}
    if any(errors[name] < (1 - LEAST_PROGRESS) * best[name] for errors in recent for name in ERRORS):
        return None
    if all(best[name] <= NEAR_FLOOR * reading.floors[name] for name in ERRORS):
        return None
    values = ", ".join(f"{symbol} {best[name]:.2g}" for name, symbol in SYMBOLS.items())
    return (
        f"training is on a plateau: in the last {patience} validations no measure came {LEAST_PROGRESS:.0%} below its "
        f"best before ({values}). Let the learning rate (now {reading.learning_rate:g}) decay, or stop here"
    )


SIGNATURES: Mapping[str, Callable[[Reading, Thresholds], str | None]] = {
    "noise": noise,
    "inversion": inversion,
    "collapse": collapse,
    "plateau": plateau,
}
"""Name of a failure to the function that describes it, with advice; None if it has not occurred."""
