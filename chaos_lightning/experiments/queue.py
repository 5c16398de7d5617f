"""The queue of runs: an Optuna study in the plan's folder, shared by all workers that see the folder."""

import os
import socket
from pathlib import Path
from typing import Any

import optuna
from filelock import FileLock, Timeout
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import FrozenTrial, TrialState

from chaos_lightning.experiments.plan import Plan, Run

optuna.logging.set_verbosity(optuna.logging.WARNING)

IDENTITY = "identity"
"""User attribute of the study: the identity of the plan, which all its runs share."""

RUN = "run"
"""User attribute of a trial: name of its run."""

SETTINGS = "settings"
"""User attribute of a trial: settings of its run."""

WORKER = "worker"
"""User attribute of a trial: machine and process that took it."""

RETRIED = "retried"
"""User attribute of the study: numbers of the failed trials whose runs are to be done again."""

CAUSE = "cause"
"""User attribute of a failed trial: cause of the failure. A failed trial without it was lost: its worker was killed."""


class Claim:
    """A run that this worker has taken. Nobody else takes it while this worker lives."""

    def __init__(self, study: optuna.Study, trial: optuna.Trial, run: Run, lock: FileLock) -> None:
        self.run = run
        self._study, self._trial, self._lock = study, trial, lock

    def finish(self, value: float, attributes: dict[str, Any]) -> None:
        """Note that the run is done, with its E(2) and its attributes."""
        for name, content in attributes.items():
            self._trial.set_user_attr(name, content)
        self._study.tell(self._trial, value)
        self.release()

    def fail(self, cause: str) -> None:
        """Note that the run failed, and why. It is not tried again unless the user asks for it."""
        self._trial.set_user_attr(CAUSE, cause)
        self._study.tell(self._trial, state=TrialState.FAIL)
        self.release()

    def release(self) -> None:
        """Let the run go. Unless it is finished or failed, it counts as lost and can be taken again."""
        self._lock.release()
        Path(self._lock.lock_file).unlink(missing_ok=True)


class RunQueue:
    """Hands out the runs of a plan, each to one worker.

    A worker holds a file lock while it runs a trial. The system frees the lock when the worker dies, however it dies,
    and a running trial with a free lock is then handed out again.

    Args:
        plan: plan of the runs.

    Attributes:
        lock: lock to hold while the study is written.
        drawing: lock to hold while tables and pictures are written; other workers can take runs meanwhile.
        study: Optuna's study.
    """

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._locks = plan.folder / "locks"
        self._locks.mkdir(parents=True, exist_ok=True)
        self.lock = FileLock(self._locks / "study.lock")
        self.drawing = FileLock(self._locks / "drawing.lock")
        with self.lock:
            # Optuna's own lock files outlive a killed process, and everybody waits for half a minute.
            lock: Any = FileLock(self._locks / "journal.lock")
            journal = JournalFileBackend(str(plan.folder / "study.journal"), lock_obj=lock)
            self.study = optuna.create_study(study_name="sweep", storage=JournalStorage(journal), load_if_exists=True)

    def check_identity(self) -> None:
        """Note the identity of the plan in a new folder, or compare it with the one noted there.

        Raises:
            ValueError: if the folder holds runs of another base config or with other common settings, or if two runs of
                the plan have one name.
        """
        names = [run.name for run in self._plan.runs()]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(
                f"two runs would be called {twice[0]}: values that differ must differ in the last part of their names"
            )
        identity = self._plan.identity()
        with self.lock:
            noted = self.study.user_attrs.get(IDENTITY)
            if noted is None:
                self.study.set_user_attr(IDENTITY, identity)
            elif noted != identity:
                raise ValueError(
                    f"{self._plan.folder} holds runs of another base config or with other common settings (data, "
                    "budget and number of samples included), which cannot be compared with these: choose another "
                    "folder (--folder), or remove that one"
                )

    def latest(self) -> dict[str, FrozenTrial]:
        """Find the last trial of each run that has been tried, by the run's name."""
        trials = self.study.get_trials(deepcopy=False)
        return {trial.user_attrs[RUN]: trial for trial in trials if RUN in trial.user_attrs}

    def open_runs(self) -> list[Run]:
        """List the runs that nobody has taken yet, then the lost ones and those to try again.

        Lost ones come last, for a run whose worker was killed may kill the next one too.
        """
        latest, retried = self.latest(), self._retried()
        runs = [run for run in self._plan.runs() if run.name not in latest or _is_open(latest[run.name], retried)]
        return sorted(runs, key=lambda run: run.name in latest)

    def done(self) -> dict[str, dict[str, Any]]:
        """Collect the attributes of the finished runs of the plan, by the runs' names, in the order of the plan."""
        latest = self.latest()
        runs = [latest[run.name] for run in self._plan.runs() if run.name in latest]
        return {run.user_attrs[RUN]: run.user_attrs for run in runs if run.state == TrialState.COMPLETE}

    def claim(self) -> Claim | None:
        """Take the next open run; None if every run is done, failed or taken."""
        with self.lock:
            self._give_up_lost()
            runs = self.open_runs()
            if not runs:
                return None
            run = runs[0]
            trial = self.study.ask()
            lock = FileLock(self._trial_lock(trial.number))
            lock.acquire(timeout=0)
            worker = f"{socket.gethostname()}:{os.getpid()}"
            for name, value in {SETTINGS: dict(run.settings), WORKER: worker, RUN: run.name}.items():
                trial.set_user_attr(name, value)
            return Claim(self.study, trial, run, lock)

    def retry_failed(self) -> None:
        """Open the failed runs again."""
        with self.lock:
            failed = {trial.number for trial in self.latest().values() if trial.state == TrialState.FAIL}
            self.study.set_user_attr(RETRIED, sorted({*self._retried(), *failed}))

    def _retried(self) -> list[int]:
        numbers: list[int] = self.study.user_attrs.get(RETRIED, [])
        return numbers

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


def _is_open(trial: FrozenTrial, retried: list[int]) -> bool:
    is_lost = CAUSE not in trial.user_attrs
    return trial.state == TrialState.FAIL and (is_lost or trial.number in retried)
