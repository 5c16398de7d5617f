"""Who runs what: an Optuna study in the plan's folder, shared by all workers that see the folder."""

import os
import socket
from pathlib import Path
from typing import Any

import optuna
from filelock import FileLock, Timeout
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import FrozenTrial, TrialState

from chaos_lightning.sweep.plan import Run, RunPlan

optuna.logging.set_verbosity(optuna.logging.WARNING)

IDENTITY = "identity"
"""User attribute of the study: what its runs share."""

RUN = "run"
"""User attribute of a trial: name of the run that it is of."""

WORKER = "worker"
"""User attribute of a trial: machine and process that took it."""

CAUSE = "cause"
"""User attribute of a failed trial: why. A failed trial without it was lost: its worker was killed."""


class Claim:
    """A run that this worker has taken and nobody else will take while this worker lives."""

    def __init__(self, study: optuna.Study, trial: optuna.Trial, run: Run, lock: FileLock) -> None:
        self.run = run
        self._study, self._trial, self._lock = study, trial, lock

    def finish(self, value: float, attributes: dict[str, Any]) -> None:
        """Note that the run is done, and what it reached."""
        for name, content in attributes.items():
            self._trial.set_user_attr(name, content)
        self._study.tell(self._trial, value)
        self.release()

    def fail(self, cause: str) -> None:
        """Note that the run failed, and why. It is not tried again unless asked for."""
        self._trial.set_user_attr(CAUSE, cause)
        self._study.tell(self._trial, state=TrialState.FAIL)
        self.release()

    def release(self) -> None:
        """Let the run go: unless it is finished or failed, it counts as lost and can be taken again."""
        self._lock.release()
        Path(self._lock.lock_file).unlink(missing_ok=True)


class RunQueue:
    """Hands out the runs of a plan, each to one worker.

    A worker holds a file lock while it runs a trial. The system frees the lock when the worker dies, however it dies,
    and a running trial with a free lock is then handed out again.

    Args:
        plan: the runs.
    """

    def __init__(self, plan: RunPlan) -> None:
        self._plan = plan
        self._locks = plan.folder / "locks"
        self._locks.mkdir(parents=True, exist_ok=True)
        self._lock = FileLock(self._locks / "study.lock")
        with self._lock:
            # Optuna's own lock files outlive a killed process, and everybody waits for half a minute.
            lock: Any = FileLock(self._locks / "journal.lock")
            journal = JournalFileBackend(str(plan.folder / "study.journal"), lock_obj=lock)
            self.study = optuna.create_study(study_name="sweep", storage=JournalStorage(journal), load_if_exists=True)

    def check_identity(self) -> None:
        """Note what the runs of the folder share, or compare it with what was noted.

        Raises:
            ValueError: if they are of another base config, or have other common settings.
        """
        identity = self._plan.identity()
        with self._lock:
            noted = self.study.user_attrs.get(IDENTITY)
            if noted is None:
                self.study.set_user_attr(IDENTITY, identity)
            elif noted != identity:
                raise ValueError(
                    f"{self._plan.folder} holds runs of another base config or with other common settings, which "
                    "cannot be compared with these: choose another folder (--folder), or remove that one"
                )

    def latest(self) -> dict[str, FrozenTrial]:
        """The last trial of each run that has been tried, by the run's name."""
        return {trial.user_attrs[RUN]: trial for trial in self.study.get_trials(deepcopy=False)}

    def open_runs(self) -> list[Run]:
        """The runs of the plan that nobody has taken yet or whose worker was killed, in order."""
        latest = self.latest()
        return [run for run in self._plan.runs() if run.name not in latest or _is_lost(latest[run.name])]

    def claim(self) -> Claim | None:
        """Take the next run that is to be done; None if every run is done, failed or taken."""
        with self._lock:
            self._give_up_lost()
            if not self.study.get_trials(deepcopy=False, states=[TrialState.WAITING]):
                runs = self.open_runs()
                if not runs:
                    return None
                self._enqueue(runs[0])
            trial = self.study.ask()
            trial.set_user_attr(WORKER, f"{socket.gethostname()}:{os.getpid()}")
            lock = FileLock(self._trial_lock(trial.number))
            lock.acquire(timeout=0)
            return Claim(self.study, trial, run_of(trial.user_attrs), lock)

    def retry_failed(self) -> None:
        """Hand out again what failed."""
        with self._lock:
            for trial in self.latest().values():
                if trial.state == TrialState.FAIL:
                    self._enqueue(run_of(trial.user_attrs))

    def _enqueue(self, run: Run) -> None:
        attributes = {RUN: run.name, "settings": dict(run.settings), "seed": run.seed}
        self.study.enqueue_trial({}, user_attrs=attributes)

    def _give_up_lost(self) -> None:
        for trial in self.study.get_trials(states=[TrialState.RUNNING]):
            lock = FileLock(self._trial_lock(trial.number))
            try:
                lock.acquire(timeout=0)
            except Timeout:
                continue
            # The lock may be free because the run was finished just now.
            self.study.tell(trial.number, state=TrialState.FAIL, skip_if_finished=True)
            lock.release()
            Path(lock.lock_file).unlink(missing_ok=True)

    def _trial_lock(self, number: int) -> Path:
        return self._locks / f"trial_{number}.lock"


def run_of(attributes: dict[str, Any]) -> Run:
    """The run that a trial is of, from the trial's user attributes."""
    return Run(attributes["settings"], attributes["seed"])


def _is_lost(trial: FrozenTrial) -> bool:
    return trial.state == TrialState.FAIL and CAUSE not in trial.user_attrs
