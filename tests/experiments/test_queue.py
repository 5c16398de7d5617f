"""The queue and its workers, without any training."""

import gc
import itertools
import weakref
from concurrent.futures import ThreadPoolExecutor

import pytest
from optuna.trial import TrialState
from test_plan import GAIN, plan

from chaos_lightning.experiments.queue import RunQueue
from chaos_lightning.experiments.workers import work


def take_all(queue):
    """Act as a worker, without the work."""
    names = []
    while (claim := queue.claim()) is not None:
        names.append(claim.run.name)
        claim.finish(0.5, {})
    return names


def die(claim):
    """Act as the system when a worker is killed: it only frees the worker's locks."""
    claim._lock.release()


def test_workers_at_once_take_each_run_once(tmp_path):
    sweep = plan(tmp_path, grids=[{GAIN: list(range(5))}], seeds=[0, 1, 2])
    with ThreadPoolExecutor(4) as pool:
        taken = list(pool.map(take_all, [RunQueue(sweep) for _ in range(4)]))
    assert sorted(itertools.chain(*taken)) == sorted(run.name for run in sweep.runs())
    assert len(RunQueue(sweep).study.trials) == 15


def test_a_run_in_work_is_not_handed_out_but_one_of_a_killed_worker_is(tmp_path):
    mine, other = (RunQueue(plan(tmp_path, seeds=[0])) for _ in range(2))
    first, second = mine.claim(), mine.claim()
    assert other.claim() is None
    die(first)
    again = other.claim()
    assert again.run == first.run
    assert other.claim() is None
    again.finish(0.5, {})
    second.finish(0.5, {})
    assert [trial.state for trial in mine.study.trials] == [TrialState.FAIL, TrialState.COMPLETE, TrialState.COMPLETE]
    assert {name: trial.state for name, trial in mine.latest().items()} == dict.fromkeys(
        [first.run.name, second.run.name], TrialState.COMPLETE
    )


def test_a_run_whose_worker_was_killed_comes_last_for_it_may_kill_the_next_too(tmp_path):
    queue = RunQueue(plan(tmp_path, seeds=[0]))
    first = queue.claim()
    die(first)
    assert take_all(queue) == ["gain=1.5,seed=0", first.run.name]


def test_what_a_run_leaves_is_gone_before_the_next(tmp_path):
    left = []

    def leave(plan, run):
        assert all(thing() is None for thing in left)
        thing = type("Thing", (), {})()
        thing.itself = thing
        left.append(weakref.ref(thing))
        return 0.5, {}

    gc.disable()  # as if it had other things to do
    try:
        work(plan(tmp_path), 1, None, leave)
    finally:
        gc.enable()
    assert len(left) == len(plan(tmp_path).runs()) > 1


def test_runs_that_are_no_longer_in_the_plan_are_not_told_of(tmp_path):
    take_all(RunQueue(plan(tmp_path, grids=[{"model.init_args.l1": [0, 1]}], seeds=[0])))
    queue = RunQueue(plan(tmp_path, seeds=[0]))
    assert queue.done() == {}
    take_all(queue)
    assert list(queue.done()) == ["gain=0,seed=0", "gain=1.5,seed=0"]


def test_a_worker_killed_before_it_starts_its_run_loses_none(tmp_path):
    queue = RunQueue(plan(tmp_path, seeds=[0]))
    queue.study.ask()  # a trial of no run yet, whose worker is gone
    assert sorted(take_all(queue)) == ["gain=0,seed=0", "gain=1.5,seed=0"]


def test_a_failed_run_is_done_again_only_when_asked_for(tmp_path):
    queue = RunQueue(plan(tmp_path, seeds=[0]))
    queue.claim().fail("ValueError: why")
    assert take_all(queue) == ["gain=1.5,seed=0"]
    assert take_all(RunQueue(plan(tmp_path, seeds=[0]))) == []
    queue.retry_failed()
    queue.retry_failed()  # as two commands on two machines may do
    assert take_all(queue) == ["gain=0,seed=0"]
    assert {trial.state for trial in queue.latest().values()} == {TrialState.COMPLETE}


def test_a_failed_run_that_is_no_longer_in_the_plan_is_not_done_again(tmp_path):
    RunQueue(plan(tmp_path, seeds=[0])).claim().fail("ValueError: why")
    changed = RunQueue(plan(tmp_path, grids=[{GAIN: [0.5, 1.5]}], seeds=[0]))
    changed.retry_failed()
    assert take_all(changed) == ["gain=0.5,seed=0", "gain=1.5,seed=0"]


def test_runs_of_one_name_are_refused(tmp_path):
    optimizers = {"model.init_args.optimizer": ["torch.optim.Adam", "mine.Adam"]}
    with pytest.raises(ValueError, match="two runs would be called optimizer=Adam,seed=0"):
        RunQueue(plan(tmp_path, grids=[optimizers], seeds=[0])).check_identity()


def test_a_grid_may_grow_but_what_runs_share_may_not_change(tmp_path):
    RunQueue(plan(tmp_path)).check_identity()
    assert len(take_all(RunQueue(plan(tmp_path)))) == 4
    assert take_all(RunQueue(plan(tmp_path, grids=[{GAIN: [0, 1.5, 3]}]))) == ["gain=3,seed=0", "gain=3,seed=1"]
    RunQueue(plan(tmp_path, grids=[{GAIN: [7]}], arguments=["--data.data_dir", "elsewhere"])).check_identity()
    with pytest.raises(ValueError, match="holds runs of another base config or with other common settings"):
        RunQueue(plan(tmp_path, settings={"trainer.max_steps": 5})).check_identity()


def test_a_run_that_is_finished_while_others_look_is_not_lost(tmp_path, monkeypatch):
    mine, other = (RunQueue(plan(tmp_path, seeds=[0])) for _ in range(2))
    claim = mine.claim()
    seen = other.study.get_trials(states=[TrialState.RUNNING])
    claim.finish(0.5, {})
    monkeypatch.setattr(other.study, "get_trials", lambda **_: seen)
    other._give_up_lost()
    assert [trial.state for trial in mine.study.trials] == [TrialState.COMPLETE]
