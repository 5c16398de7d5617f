"""The clock, on a clock of its own."""

from types import SimpleNamespace

from chaos_lightning.callbacks import TrainingClock, clock


def test_the_clock_runs_in_training_alone_and_across_checkpoints(monkeypatch):
    now = iter([0.0, 1.0, 3.0, 100.0, 104.0])
    monkeypatch.setattr(clock, "time", SimpleNamespace(monotonic=lambda: next(now)))

    def step(watch):
        watch.on_train_batch_start(None, None, None, 0)
        watch.on_train_batch_end(None, None, None, None, 0)

    watch = TrainingClock()
    step(watch)  # 0 to 1
    step(watch)  # 1 to 3, the wait for its batch included
    watch.on_validation_start(None, None)
    resumed = TrainingClock()
    resumed.load_state_dict(watch.state_dict())
    step(resumed)  # 100 to 104
    assert (resumed.seconds, resumed.steps) == (7.0, 3)
