"""Timing of whole processes, side by side: the runs of all contestants alternate, so that a noisy moment hits all.

A busy machine only ever adds to what a run takes, so the least of several runs is the one to compare.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

MAILCTL = [sys.executable, "-m", "mailctl"]


@dataclass
class Runs:
    """What the runs of one command took, each: seconds on the clock, and of the processor (user and system).

    `peak_mib` is the largest peak of resident memory, in MiB.
    """

    wall_seconds: list[float] = field(default_factory=list)
    cpu_seconds: list[float] = field(default_factory=list)
    peak_mib: float = 0.0

    @property
    def best_wall(self) -> float:
        return min(self.wall_seconds)

    @property
    def best_cpu(self) -> float:
        return min(self.cpu_seconds)

    def add(self, other: Runs) -> None:
        """Take the runs of another into account."""
        self.wall_seconds += other.wall_seconds
        self.cpu_seconds += other.cpu_seconds
        self.peak_mib = max(self.peak_mib, other.peak_mib)


def run_once(command: Sequence[str], environment: Mapping[str, str] | None = None, stdin: bytes = b"") -> Runs:
    """Run a command once; it has to succeed."""
    began = time.perf_counter()
    process = subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        # Empty means unset: like an installed program, it keeps its bytecode and is not compiled at each start.
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "", **(environment or {})},
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
    peak_mib = usage.ru_maxrss / (1024 if sys.platform != "darwin" else 1024 * 1024)
    return Runs([seconds], [usage.ru_utime + usage.ru_stime], peak_mib)


def side_by_side(
    contestants: Mapping[str, Sequence[str]], *, rounds: int = 9, environment: Mapping[str, str] | None = None
) -> dict[str, Runs]:
    """Run each contestant once per round, after one round that is not counted."""
    results = {name: Runs() for name in contestants}
    for number in range(rounds + 1):
        for name, command in contestants.items():
            run = run_once(command, environment)
            if number:
                results[name].add(run)
    return results


def print_ratio(what: str, measured: float, yardstick: float, goal: float, unit: str = "ms") -> None:
    """Print one line: what was measured, the yardstick, their ratio, and the goal."""
    scale = 1000 if unit == "ms" else 1
    ratio = measured / yardstick
    verdict = "ok" if ratio <= goal else "MISSED"
    print(
        f"{what:<62} {measured * scale:9.1f} {unit} / {yardstick * scale:9.1f} {unit}"
        f" = {ratio:5.2f}  (goal ≤ {goal:g})  {verdict}"
    )
