"""Timing of whole processes, side by side: the runs of all contestants alternate, so that a noisy moment hits all."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

MAILCTL = [sys.executable, "-m", "mailctl"]


@dataclass
class Runs:
    """What the runs of one command took: wall seconds each, and the largest peak of resident memory in MiB."""

    seconds: list[float] = field(default_factory=list)
    peak_mib: float = 0.0

    @property
    def median(self) -> float:
        return statistics.median(self.seconds)


def run_once(command: Sequence[str], environment: Mapping[str, str] | None = None, stdin: bytes = b"") -> Runs:
    """Run a command once; it has to succeed."""
    began = time.perf_counter()
    process = subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env={**os.environ, **(environment or {})},
    )
    assert process.stdin
    assert process.stderr
    if stdin:
        process.stdin.write(stdin)
    process.stdin.close()
    said = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    process.stderr.close()
    if process.returncode:
        raise RuntimeError(f"{' '.join(command)} ended with {process.returncode}: {said.decode(errors='replace')}")
    return Runs([seconds], usage.ru_maxrss / (1024 if sys.platform != "darwin" else 1024 * 1024))


def side_by_side(
    contestants: Mapping[str, Sequence[str]], *, rounds: int = 9, environment: Mapping[str, str] | None = None
) -> dict[str, Runs]:
    """Run each contestant once per round, after one round that is not counted."""
    results = {name: Runs() for name in contestants}
    for number in range(rounds + 1):
        for name, command in contestants.items():
            run = run_once(command, environment)
            if number:
                results[name].seconds += run.seconds
                results[name].peak_mib = max(results[name].peak_mib, run.peak_mib)
    return results


def print_ratio(what: str, measured: float, yardstick: float, goal: float, unit: str = "ms") -> None:
    """Print one line: what was measured, the yardstick, their ratio, and the goal."""
    scale = 1000 if unit == "ms" else 1
    ratio = measured / yardstick
    verdict = "ok" if ratio <= goal else "MISSED"
    print(
        f"{what:<58} {measured * scale:9.1f} {unit} / {yardstick * scale:9.1f} {unit}"
        f" = {ratio:5.2f}  (goal ≤ {goal:g})  {verdict}"
    )
