"""Ending a process by a signal: SIGTERM and SIGHUP unwind as Ctrl-C does, by KeyboardInterrupt."""

from __future__ import annotations

import signal
from types import FrameType
from typing import NoReturn


def interrupt_on_termination() -> None:
    """Let SIGTERM and SIGHUP raise KeyboardInterrupt, so that locks are released and what was begun is told.

    What the caller has had ignored (nohup) stays ignored. For the main thread alone.
    """

    def interrupt(_number: int, _frame: FrameType | None) -> NoReturn:
        raise KeyboardInterrupt

    for name in ("SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)  # Windows has no SIGHUP
        if number is not None and signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, interrupt)
