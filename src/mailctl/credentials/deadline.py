"""Calls into libraries that may never return, with a deadline."""

from __future__ import annotations

from collections.abc import Callable
from threading import Thread
from typing import TypeVar

T = TypeVar("T")


def call_with_deadline(call: Callable[[], T], seconds: float) -> T:
    """Return what the call returns, or raise what it raises; TimeoutError if it has done neither in time.

    A call that hangs is left behind in a daemon thread, which does not keep the process from ending.
    """
    results: list[T] = []
    failures: list[BaseException] = []

    def run() -> None:
        try:
            results.append(call())
        except BaseException as error:  # noqa: BLE001 - it is raised again where the call was made
            failures.append(error)

    thread = Thread(target=run, daemon=True, name="mailctl-deadline")
    thread.start()
    thread.join(seconds)
    if failures:
        # Popped, so that error → traceback → frame → this list → error is no cycle that outlives the call.
        raise failures.pop()
    if not results:
        raise TimeoutError
    return results[0]
