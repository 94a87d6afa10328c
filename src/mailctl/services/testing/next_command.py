"""The command to run next, complete: with what the call at hand was given and the next one needs again."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field

from mailctl.services.testing.check import LOGGED_IN, Depth

_WITH_ENVELOPE = (Depth.ENVELOPE, Depth.MESSAGE)


@dataclass(frozen=True, kw_only=True)
class TestCommand:
    """The call of a test, to be made again: `line` is the command with its target, `mailctl test send office`.

    `depth`: how far it went, and `default_depth` how far it goes by itself. `login`: the words that give its login
    anew. `envelope`: its options for sender and recipient, by their names.
    """

    line: str
    depth: Depth
    default_depth: Depth
    login: tuple[str, ...] = ()
    envelope: Mapping[str, str] = field(default_factory=dict)

    def complete(self, command: str) -> str:
        """Return a command; if it is this test with other options, with those that it needs besides.

        What is in capitals (`--to ADDRESS`) is left to be filled in by a person.
        """
        if command != self.line and not command.startswith(f"{self.line} "):
            return command
        given = shlex.split(command[len(self.line) :])
        if "--depth" not in given and self.depth is not self.default_depth:
            given = ["--depth", str(self.depth), *given]
        depth = Depth(given[given.index("--depth") + 1]) if "--depth" in given else self.default_depth
        words = [*self.login] if depth in LOGGED_IN else []
        if depth in _WITH_ENVELOPE:
            words += [] if "--to" in (*given, *self.envelope) else ["--to", "ADDRESS"]
            words += [word for name, value in self.envelope.items() if name not in given for word in (name, value)]
        return " ".join([self.line, *map(shlex.quote, [*words, *given])])
