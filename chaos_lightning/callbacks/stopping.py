"""Signals that ask a run to stop, obeyed at a moment when nothing is half done."""

import signal
import threading
import time
from types import FrameType
from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.utilities.rank_zero import rank_zero_info

AGREE_EVERY = 10
"""Number of training steps after which several processes ask one another whether to stop."""

SAME_REQUEST = 2.0
"""Seconds within which several signals are one request."""


class RunStopped(SystemExit):
    """A signal has stopped the run, when nothing was half done.

    The exit status is the shell's for the signal: 143 after SIGTERM, 130 after Ctrl-C. Processes other than the first
    exit with 0: after another status a launcher would kill the first one.

    Args:
        signum: number of the signal.
        is_first_process: whether this process has global rank 0.
    """

    def __init__(self, signum: signal.Signals, *, is_first_process: bool) -> None:
        super().__init__(128 + signum if is_first_process else 0)


class EvaluationSignals(Callback):
    """Exits validation, test and prediction at once on SIGTERM: nothing is half done there.

    Lightning would go on to the end, and several processes would wait for one another. Lightning restores the previous
    handler itself.

    Raises:
        RunStopped: from the place where the signal meets the program.
    """

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Take the signal over from Lightning, unless training goes on."""
        if trainer.state.fn != "fit":
            _leave_on_sigterm(trainer)

    def on_test_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Take the signal over from Lightning."""
        _leave_on_sigterm(trainer)

    def on_predict_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Take the signal over from Lightning."""
        _leave_on_sigterm(trainer)


def _leave_on_sigterm(trainer: Trainer) -> None:
    def leave(signum: int, frame: FrameType | None) -> None:
        # Launchers pass on a signal that the whole process group has got already.
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        launcher = trainer.strategy.launcher
        if launcher is not None:
            launcher.kill(signal.SIGTERM)
        rank_zero_info("Stopped by SIGTERM; what was written before is intact.")
        raise RunStopped(signal.SIGTERM, is_first_process=trainer.is_global_zero)

    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, leave)


class StopSignals:
    """Notes SIGTERM and Ctrl-C, so that no step is broken off, where weights may be half updated.

    A launcher often passes on a signal that the process group has got already, so all signals within two seconds are
    one. A later signal acts as it would without this class.
    """

    def __init__(self) -> None:
        self._received: signal.Signals | None = None
        self._received_at = 0.0
        self._before: dict[signal.Signals, Any] = {}

    def listen(self) -> None:
        """Take the signals over; do nothing outside the main thread, which alone gets them."""
        self._received = None
        if threading.current_thread() is threading.main_thread():
            for signum in (signal.SIGTERM, signal.SIGINT):
                self._before[signum] = signal.signal(signum, self._note)

    def restore(self) -> None:
        """Restore the previous handlers."""
        for signum, handler in self._before.items():
            signal.signal(signum, handler)
        self._before = {}

    def _note(self, signum: int, frame: FrameType | None) -> None:
        now = time.monotonic()
        if self._received is None:
            self._received, self._received_at = signal.Signals(signum), now
        elif now > self._received_at + SAME_REQUEST:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            signal.signal(signal.SIGINT, signal.default_int_handler)
            signal.raise_signal(signum)

    def agreed(self, trainer: Trainer) -> signal.Signals | None:
        """Agree on the signal to stop for, if any process has received one; all must ask at the same steps."""
        if trainer.world_size == 1:
            return self._received
        if not trainer.validating and trainer.global_step % AGREE_EVERY:
            return None
        anyone = trainer.strategy.reduce_boolean_decision(self._received is not None, all=False)
        return (self._received or signal.SIGTERM) if anyone else None

    def __getstate__(self) -> dict[str, Any]:
        """Leave out the handlers, which belong to this process."""
        return {"_received": None, "_received_at": 0.0, "_before": {}}
