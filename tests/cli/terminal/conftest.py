"""The command as a process of its own: in a pipe, or on a terminal with a person before it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    import pexpect

PROGRAM = [sys.executable, "-m", "mailctl"]
_PERSONAL = ("MAILCTL_CONFIG", "MAILCTL_NO_INPUT", "NO_COLOR", "FORCE_COLOR", "COLUMNS", "LINES")

Spawn = Callable[..., "pexpect.spawn[str]"]
Pipe = Callable[..., "subprocess.CompletedProcess[bytes]"]


def environment(**changes: str) -> dict[str, str]:
    """Return this process' environment without what would change how mailctl speaks, and with `changes`."""
    plain = {name: value for name, value in os.environ.items() if name not in _PERSONAL}
    return plain | {"TERM": "xterm-256color"} | changes


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return tmp_path / "mailctl.toml"


@pytest.fixture
def spawn(config: Path) -> Iterator[Spawn]:
    """Start the command on a terminal of its own, 80 by 24 unless told."""
    pexpect = pytest.importorskip("pexpect", reason="needs a pseudo-terminal")
    children = []

    def start(*arguments: str, columns: int = 80, **changes: str) -> Any:
        child = pexpect.spawn(
            PROGRAM[0], [*PROGRAM[1:], *arguments], env=environment(MAILCTL_CONFIG=str(config), **changes),
            encoding="utf-8", dimensions=(24, columns), timeout=30,
        )  # fmt: skip
        children.append(child)
        return child

    yield start
    for child in children:
        child.close(force=True)


@pytest.fixture
def pipe(config: Path) -> Pipe:
    """Run the command to its end without any terminal."""

    def start(*arguments: str, **changes: str) -> Any:
        return subprocess.run(
            [*PROGRAM, *arguments], env=environment(MAILCTL_CONFIG=str(config), **changes), stdin=subprocess.DEVNULL,
            capture_output=True, check=False, timeout=60,
        )  # fmt: skip

    return start


def finish(child: pexpect.spawn[str]) -> tuple[int, str]:
    """Wait for the end of a command on a terminal, and return its exit code and what it said since the last look."""
    import pexpect

    child.expect(pexpect.EOF)
    child.close()
    assert child.signalstatus is None
    return int(child.exitstatus or 0), str(child.before).replace("\r\n", "\n")
