from types import SimpleNamespace

from lightning.pytorch.callbacks import RichProgressBar

from chaos_lightning.callbacks import StepProgressBar, progress


def test_the_bar_is_drawn_now_and_then_and_at_the_end(monkeypatch):
    clock, drawn = [100.0], []
    monkeypatch.setattr(progress.time, "monotonic", lambda: clock[0])
    monkeypatch.setattr(RichProgressBar, "on_train_batch_end", lambda *arguments: drawn.append(arguments[-1] + 1))
    bar = StepProgressBar(seconds_between_updates=0.25)
    for step, seconds in enumerate([0.01, 0.2, 0.1, 0.24, 3.0, 0.01, 0.01], start=1):
        clock[0] += seconds
        bar.on_train_batch_end(SimpleNamespace(global_step=step, max_steps=7), None, None, None, 0)
    assert drawn == [1, 3, 5, 7]
