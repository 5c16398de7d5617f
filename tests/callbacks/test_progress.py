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


def test_beside_the_bar_stand_the_measures_of_the_last_validation(monkeypatch):
    monkeypatch.setattr(RichProgressBar, "get_metrics", lambda *arguments: {"v_num": 3, "own": 0.5})
    measures = {"second_moment_error": 0.000123, "adversarial_accuracy_indicator": 0.0456, "spectrum_error": 0.7}
    before = SimpleNamespace(evaluation=None)
    after = SimpleNamespace(evaluation=SimpleNamespace(measures={50.0: {}, 100.0: measures}, sampling_time=100.0))
    bar = StepProgressBar()
    assert bar.get_metrics(None, before) == {"own": 0.5}
    assert bar.get_metrics(None, after) == {"own": 0.5, "E(2)": "1.2e-04", "E(AAI)": "4.6e-02"}
