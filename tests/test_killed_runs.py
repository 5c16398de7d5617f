"""A run that is killed and resumed ends as one that never was."""

import json
import signal
from itertools import pairwise

import pytest
import torch
from forked import exit_code, start
from killed_runs import INTERVAL, NUM_STEPS, report
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

KILL, TERM, INT = signal.SIGKILL, signal.SIGTERM, signal.SIGINT
PLAN = {
    "killed": [("fsync", 1, KILL), ("replace", 2, KILL), ("validation_step", 1, KILL)],
    "by_request": [("training_step", 2, TERM), ("validation_step", 1, TERM), ("training_step", 2, INT)],
}
MANY = {
    "while_writing": [("fsync", 6, KILL), ("replace", 3, KILL), ("fsync", 3, KILL), ("replace", 4, KILL)],
    "in_steps": [("training_step", 5, KILL), ("training_step", 4, KILL), ("validation_step", 1, KILL)],
    **{f"at_random_{number}": 2 for number in range(10)},
}
"""Places and counts of calls at which the process dies, and numbers of random moments."""


def run(folder, plan):
    """What each attempt of each run came to."""
    assert exit_code(start(report, folder, plan), seconds=1800) == 0
    return json.loads((folder / "report.json").read_text())


def newest_run(folder):
    return max((folder / "logs" / "runs").iterdir(), key=lambda run: int(run.name.removeprefix("version_")))


def scalars(folder):
    """Every value in TensorBoard's files: tag to (step, value) in order."""
    events = EventAccumulator(str(folder), size_guidance={"scalars": 0})
    events.Reload()
    return {tag: [(event.step, event.value) for event in events.Scalars(tag)] for tag in events.Tags()["scalars"]}


def same(left, right):
    """Whether two nested structures are equal bit for bit."""
    if isinstance(left, torch.Tensor):
        return torch.equal(left, right)
    if isinstance(left, dict):
        return left.keys() == right.keys() and all(same(left[name], right[name]) for name in left)
    if isinstance(left, (list, tuple)):
        return len(left) == len(right) and all(map(same, left, right))
    return left == right


@pytest.mark.parametrize("plan", [PLAN, pytest.param(MANY, marks=pytest.mark.slow)], ids=["some", "many"])
def test_a_killed_run_ends_as_one_that_never_was(tmp_path, plan):
    attempts_of = run(tmp_path, plan)
    never = newest_run(tmp_path / "never")
    whole = torch.load(never / "checkpoints" / "last.ckpt", weights_only=True)
    assert whole["global_step"] == NUM_STEPS
    for name, attempts in attempts_of.items():
        folder = newest_run(tmp_path / name)
        output = (tmp_path / name / "output.txt").read_text()
        assert attempts[-1]["code"] == 0, output
        assert "Traceback" not in output, output
        for before, after in pairwise(attempts):
            assert before["begun"] - before["saved"] <= INTERVAL, "more is lost than since the last checkpoint"
            assert after["saved"] >= before["saved"]
        resumed = torch.load(folder / "checkpoints" / "last.ckpt", weights_only=True)
        for part in ("global_step", "epoch", "state_dict", "optimizer_states", "lr_schedulers", "loops"):
            assert same(resumed[part], whole[part]), f"{name}: {part}"
        assert (folder / "measures.csv").read_text() == (never / "measures.csv").read_text(), name
        logged, expected = scalars(folder), scalars(never)
        killed_after_the_end = len(attempts) > 1 and attempts[-2]["saved"] == NUM_STEPS
        # What a kill leaves of a file is overwritten by the next one, if any comes.
        assert killed_after_the_end or not list(folder.rglob("*.tmp")), name
        if killed_after_the_end:
            # Killed after the last step: the last validation is repeated, the hyperparameters' table may be missing.
            logged = {tag: sorted(set(values)) for tag, values in logged.items() if not tag.startswith("reached/")}
            expected = {tag: values for tag, values in expected.items() if not tag.startswith("reached/")}
        assert logged == expected, name
        # Only a run that left no checkpoint is begun anew, in a folder of its own.
        assert int(folder.name.removeprefix("version_")) <= sum(attempt["saved"] == 0 for attempt in attempts), name
    if "by_request" in attempts_of:
        requested = attempts_of["by_request"][:-1]
        assert [attempt["code"] for attempt in requested] == [143, 143, 130]
        assert [attempt["saved"] for attempt in requested] == [2, 6, 8]
