"""A run can be ended from outside like by Ctrl-C, but not while its file is being sealed."""

from __future__ import annotations

import signal
import threading

import pytest

from storbench.harness.signals import terminate_as_interrupt, uninterrupted


def test_sigterm_ends_a_run_like_ctrl_c() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(KeyboardInterrupt), terminate_as_interrupt():
        signal.raise_signal(signal.SIGTERM)
    assert signal.getsignal(signal.SIGTERM) is before


def test_neither_signal_disturbs_a_sealing() -> None:
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    with terminate_as_interrupt(), uninterrupted():
        signal.raise_signal(signal.SIGTERM)
        signal.raise_signal(signal.SIGINT)
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before


def test_after_a_sealing_the_signals_work_again() -> None:
    with terminate_as_interrupt():
        with uninterrupted():
            signal.raise_signal(signal.SIGTERM)
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGTERM)
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)


def test_in_another_thread_signals_stay_the_callers() -> None:
    before = signal.getsignal(signal.SIGTERM)
    done: list[bool] = []

    def work() -> None:
        with terminate_as_interrupt(), uninterrupted():
            done.append(signal.getsignal(signal.SIGTERM) is before)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert done == [True]
