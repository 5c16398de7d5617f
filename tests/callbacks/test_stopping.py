"""Signals that ask to stop."""

import signal
from types import SimpleNamespace

import pytest

from chaos_lightning.callbacks import stopping


@pytest.fixture
def signals():
    heard = stopping.StopSignals()
    heard.listen()
    yield heard
    heard.restore()


def test_what_a_launcher_sends_after_the_group_has_got_it_is_the_same_request(signals):
    signal.raise_signal(signal.SIGINT)
    signal.raise_signal(signal.SIGTERM)
    signal.raise_signal(signal.SIGINT)
    assert signals._received == signal.SIGINT


def test_a_later_signal_leaves_at_once(signals, monkeypatch):
    monkeypatch.setattr(stopping, "SAME_REQUEST", 0.0)
    signal.raise_signal(signal.SIGTERM)
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)


@pytest.mark.parametrize("own", [None, signal.SIGINT])
def test_a_signal_to_any_process_stops_all_at_the_same_step(own):
    """All processes decide together, here one that has received a signal and one that has not."""
    asked = []

    def any_of_both(received, *, all):
        asked.append(received)
        return True

    strategy = SimpleNamespace(reduce_boolean_decision=any_of_both)
    heard = stopping.StopSignals()
    heard._received = own
    steps = range(1, 2 * stopping.AGREE_EVERY + 1)
    trainers = [SimpleNamespace(world_size=2, validating=False, global_step=step, strategy=strategy) for step in steps]
    stops = [step for step, trainer in zip(steps, trainers, strict=True) if heard.agreed(trainer) is not None]
    assert stops == [stopping.AGREE_EVERY, 2 * stopping.AGREE_EVERY]
    assert asked == [own is not None] * 2
    assert heard.agreed(trainers[stopping.AGREE_EVERY - 1]) == (own or signal.SIGTERM)
