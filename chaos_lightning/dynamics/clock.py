"""Times of a network: time constant, time step and sampling time."""

from dataclasses import dataclass
from math import isfinite


@dataclass(frozen=True)
class Clock:
    """Time constant, time step and sampling time, all in one unit.

    Attributes:
        tau: time constant of the units.
        dt: length of an Euler step, shorter than tau.
        sampling_time: T, the time at which the activity is read out; a whole number of steps.

    Raises:
        ValueError: if dt is not between 0 and tau, tau is infinite, or T is not a whole number of steps, 1 or more;
            with advice.
    """

    tau: float = 10.0
    dt: float = 1.0
    sampling_time: float = 100.0

    def __post_init__(self) -> None:
        if not 0 < self.dt < self.tau:
            raise ValueError(
                f"dt must be positive and shorter than tau, but dt={self.dt} and tau={self.tau}; "
                f"try dt={self.tau / 10:g}"
            )
        if not self.sampling_time >= self.dt:
            raise ValueError(
                f"sampling_time must be at least one time step, but is {self.sampling_time} with dt={self.dt}"
            )
        if not isfinite(self.tau):
            raise ValueError(f"tau must be a finite number, but is {self.tau}")
        self.steps_until(self.sampling_time, name="sampling_time")

    @property
    def alpha(self) -> float:
        """Length of an Euler step in units of tau, ``dt / tau``."""
        return self.dt / self.tau

    @property
    def num_steps(self) -> int:
        """Number of Euler steps from the start to the sampling time."""
        return self.steps_until(self.sampling_time)

    def steps_until(self, time: float, *, name: str = "times") -> int:
        """Count the Euler steps from the start to a time.

        Args:
            time: 0 or more, a whole number of steps.
            name: name of the time in error messages.

        Raises:
            ValueError: if the time is negative, infinite or not a whole number of steps.
        """
        return num_time_steps(time, self.dt, name=name)

    def time_after(self, step: int) -> float:
        """Return the time after a number of steps; exactly ``sampling_time`` after its steps, no rounding error."""
        return self.sampling_time * (step / self.num_steps)

    def times_at(self, parts: list[float]) -> list[float]:
        """Return the times nearest to given fractions of T that are whole numbers of steps, 1 or more."""
        return [self.time_after(max(1, round(self.num_steps * part))) for part in parts]


def in_whole_steps(tau: float, dt: float) -> float:
    """Return tau rounded to whole time steps: the unit of durations that are some number of tau."""
    return round(tau / dt) * dt


def num_time_steps(duration: float, dt: float, *, name: str = "sampling_time") -> int:
    """Count the Euler steps of length ``dt`` in ``duration``, in the same unit.

    Raises:
        ValueError: if the duration is negative, infinite or not a whole number of steps.
    """
    if not isfinite(duration):
        raise ValueError(f"{name} must be a finite number, but is {duration}")
    steps = round(duration / dt)
    if duration < 0 or abs(steps * dt - duration) > 1e-6 * dt:
        raise ValueError(
            f"{name} must be a whole number of time steps, but {duration} is {duration / dt:g} steps of dt={dt}; "
            f"the nearest that fits is {max(steps, 0) * dt:g}"
        )
    return steps
