"""Signals that ask to stop."""

import signal

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
