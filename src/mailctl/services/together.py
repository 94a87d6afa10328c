"""Several questions at once, each of which may never be answered."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from typing import TypeVar

K = TypeVar("K")
T = TypeVar("T")

_GRACE_SECONDS = 0.5
_TICK_SECONDS = 0.25


def run_together(jobs: Mapping[K, Callable[[], T]], seconds: float) -> Iterator[tuple[K, T]]:
    """Call all jobs at once, and yield each result under its job's key as it comes; raise what a job raises.

    Those that have not ended in time yield nothing; a moment is granted to those that keep the deadline themselves.
    They are left behind in daemon threads, which do not keep the process from ending.
    """
    ends: queue.SimpleQueue[tuple[K, T | None, BaseException | None]] = queue.SimpleQueue()

    def run(key: K, job: Callable[[], T]) -> None:
        try:
            ends.put((key, job(), None))
        except BaseException as error:  # noqa: BLE001 - it is raised again where the jobs were given
            ends.put((key, None, error))

    for key, job in jobs.items():
        threading.Thread(target=run, args=(key, job), daemon=True, name=f"mailctl {key}").start()
    end = time.monotonic() + seconds + _GRACE_SECONDS
    for _ in jobs:
        while True:
            try:
                key, result, error = ends.get(timeout=max(min(end - time.monotonic(), _TICK_SECONDS), 0.001))
                break
            except queue.Empty:  # Windows handles a signal only between two waits
                if time.monotonic() >= end:
                    return
        if error is not None:
            raise error
        yield key, result  # type: ignore[misc]  # None only beside an error, or as a job's own result
