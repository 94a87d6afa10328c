"""A program for `test_pop3_collect.py`: one collection after another, each killed a call later than the one before.

    collect_trials.py FOLDER

FOLDER has `template.toml`, settings with `@INTO@` for a folder. Each trial collects into a folder of its own, with
settings and ledger of its own, and is killed at its n-th call that anybody else could notice: a write, an fsync, or
something sent, before the call or (each third) in its middle. It forks, so it is a process of its own, without
pytest's threads. Between the death and the next run it waits for a line on standard input: the servers are then done
with what they received. Prints a line a trial: its folder, and whether it was killed; ends with the first that was not.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mailctl.cli.boundary import run
from mailctl.services.accounts import collection_recognition

ADDRESS = "new@example.test"


def collect_into(folder: Path, name: str) -> int:
    settings = folder / f"{name}.toml"
    if not settings.exists():
        settings.touch(mode=0o600)
        settings.write_text((folder / "template.toml").read_text().replace("@INTO@", name))
    return run(["--config", str(settings), "account", "pop3", "collect", ADDRESS])


def die_at(deadly: int, *, halfway: bool) -> None:
    """Let this process be killed at the n-th call that others notice; `halfway`: a half of what it says is said."""
    left = deadly

    def doomed(call: Callable[..., Any]) -> Callable[..., Any]:
        def instead(target: Any, *arguments: Any) -> Any:
            nonlocal left
            left -= 1
            if left == 0:
                if halfway and arguments and len(arguments[0]) > 1:
                    call(target, arguments[0][: len(arguments[0]) // 2])
                os.kill(os.getpid(), signal.SIGKILL)
            return call(target, *arguments)

        return instead

    os.write = doomed(os.write)
    os.fsync = doomed(os.fsync)
    socket.socket.send = doomed(socket.socket.send)  # type: ignore[method-assign]


def trial(folder: Path, name: str, deadly: int, *, halfway: bool) -> bool:
    """Collect in a child that is to be killed; tell whether it was."""
    child = os.fork()
    if child == 0:
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, 1)
        os.dup2(null, 2)
        die_at(deadly, halfway=halfway)
        os._exit(collect_into(folder, name))
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        return True
    assert os.waitstatus_to_exitcode(status) == 0, status
    return False


def main() -> None:
    folder = Path(sys.argv[1])
    collection_recognition.SETTLING_SECONDS = 0.0  # who runs this sees when the server has settled
    standard_output = os.dup(1)
    os.dup2(2, 1)
    was_killed, deadly = True, 0
    while was_killed:
        deadly += 1
        for halfway in (False, True) if deadly % 3 == 0 else (False,):
            name = f"Trial {deadly}{' halfway' * halfway}"
            was_killed = trial(folder, name, deadly, halfway=halfway)
            os.write(standard_output, f"{name}\t{'killed' if was_killed else 'ended'}\n".encode())
            sys.stdin.readline()
            assert collect_into(folder, name) == 0


if __name__ == "__main__":
    main()
