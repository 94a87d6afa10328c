"""A program for `test_crash.py`: changes of a settings file by child processes, which are killed or run in parallel.

    crash_trials.py KIND FILE COUNT

It forks, so it is a process of its own, without pytest's threads. Each trial ends with a look at the file: it must be
whole, the old or the new one. Prints what it saw as a JSON object, exits 1 at the first file that is neither.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import time
from collections import Counter
from pathlib import Path

from msgspec.structs import replace

from mailctl import durable
from mailctl.durable import System
from mailctl.model.decode import decode_or_raise
from mailctl.model.server import Server
from mailctl.store import SettingsFile, editing

assert editing  # loaded here, so that no child spends its short life on imports

NAME = "Number {}"


def server(code: str) -> Server:
    given = {"smtp": {"host": "h"}, "incoming": {"protocol": "imap", "host": "h"}}
    return decode_or_raise(Server, {"code": code, "name": NAME.format(0), **given})


def renamed(number: int):
    return lambda settings: replace(settings, servers=(replace(settings.servers[0], name=NAME.format(number)),))


class Dying(System):
    """A system that kills its process at the n-th call, before the call or (writing) in its middle."""

    def __init__(self, deadly: int) -> None:
        self._left = deadly

    def _count(self) -> bool:
        self._left -= 1
        return self._left == 0

    def _die_in_time(self) -> None:
        if self._count():
            os.kill(os.getpid(), signal.SIGKILL)

    def open(self, path, flags, mode=0o600):
        self._die_in_time()
        return super().open(path, flags, mode)

    def write(self, descriptor, block):
        if self._count():
            super().write(descriptor, block[: len(block) // 2])
            os.kill(os.getpid(), signal.SIGKILL)
        return super().write(descriptor, block)

    def sync(self, descriptor):
        self._die_in_time()
        super().sync(descriptor)

    def replace(self, source, target):
        self._die_in_time()
        super().replace(source, target)

    def close_lock(self, descriptor, path):
        self._die_in_time()
        super().close_lock(descriptor, path)


def fork(work) -> int:
    child = os.fork()
    if child:
        return child
    try:
        work()
    except BaseException as error:
        print(repr(error), file=sys.stderr, flush=True)
        os._exit(1)
    os._exit(0)


def number_in(path: Path, template: bytes) -> int:
    """Return which of the valid files is there, or exit."""
    content = path.read_bytes()
    number = SettingsFile(path).load().servers[0].name.removeprefix(NAME.format(""))
    if not number.isdigit() or content != template.replace(NAME.format(0).encode(), NAME.format(number).encode()):
        sys.exit(f"neither old nor new: {content!r}")
    return int(number)


def kill_at_each_call(file: SettingsFile, template: bytes) -> dict[str, object]:
    """Kill a change at its first, second, … call, until one comes through."""
    outcomes: Counter[str] = Counter()
    for deadly in range(1, 100):
        before = number_in(file.path, template)

        def change(deadly: int = deadly, number: int = before + 1) -> None:
            durable.system = Dying(deadly)
            SettingsFile(file.path).change(renamed(number))

        _, status = os.waitpid(fork(change), 0)
        after = number_in(file.path, template)
        if after not in (before, before + 1):
            sys.exit(f"{before} became {after}")
        if status == 0:
            return {"killed_at": deadly - 1, **outcomes}
        outcomes["new" if after > before else "old"] += 1
    sys.exit("the change never comes through")


def kill_at_random(file: SettingsFile, template: bytes, count: int) -> dict[str, object]:
    """Kill a process that changes the file in a loop, at any time."""
    changes = 0
    for _ in range(count):
        before = number_in(file.path, template)

        def change_on_and_on(number: int = before) -> None:
            while True:
                number += 1
                SettingsFile(file.path).change(renamed(number))

        child = fork(change_on_and_on)
        time.sleep(random.uniform(0, 0.012))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        changes += number_in(file.path, template) - before
    return {"changes": changes}


def add_in_parallel(file: SettingsFile, count: int) -> dict[str, object]:
    def adding(code: str):
        return lambda: SettingsFile(file.path).change(lambda s: replace(s, servers=(*s.servers, server(code))))

    children = [fork(adding(f"c{number}")) for number in range(count)]
    statuses = [os.waitpid(child, 0)[1] for child in children]
    return {"failed": sum(map(bool, statuses)), "servers": len(file.load().servers)}


def main(kind: str, path: Path, count: int) -> None:
    file = SettingsFile(path)
    if kind == "parallel":
        print(json.dumps(add_in_parallel(file, count)))
        return
    file.change(lambda settings: replace(settings, servers=(server("a"),)))
    template = path.read_bytes()
    print(json.dumps(kill_at_each_call(file, template) if kind == "each" else kill_at_random(file, template, count)))
    file.change(renamed(10**9))  # whatever the killed left behind does not stand in the way, and is swept


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]))
