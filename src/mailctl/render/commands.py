"""Commands to copy, as they are shown to people: they act on the settings file that the call at hand was given.

In prose a command stands in backticks; where a field is a command (`next`), it stands there alone. Whoever composes
one writes it without the options that stand before every command.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from msgspec import Struct

T = TypeVar("T", bound="Struct")

_COMMAND = "next"
_PROSE = frozenset({"message", "hint", "cause", "why", "remedy", "said", "problem", "warnings"})
_IN_PROSE = re.compile(r"`(mailctl [^`\n]+)`")
_STANDS_ALONE = re.compile(r"mailctl (?:--config |--install-completion|demo\b|sandbox\b|.*--help$)")


@dataclass(frozen=True)
class Commands:
    """Completes commands. `config`: the settings file as `--config` names it; None where that was not given."""

    config: str | None = None

    def complete(self, command: str) -> str:
        """Return a command with the call's `--config`; as it is where it has one, needs none, or is not mailctl's."""
        if self.config is None or not command.startswith("mailctl ") or _STANDS_ALONE.match(command):
            return command
        return f"mailctl --config {_quoted(self.config)}{command.removeprefix('mailctl')}"

    def complete_prose(self, text: str) -> str:
        """Return prose in which each command in backticks is complete."""
        if self.config is None or "`mailctl " not in text:
            return text
        return _IN_PROSE.sub(lambda found: f"`{self.complete(found[1])}`", text)

    def complete_fields(self, model: T) -> T:
        """Return a model, such as a step or a finding, whose next command and whose prose are complete."""
        if self.config is None:
            return model
        from msgspec.structs import asdict, replace

        return replace(model, **self._completed(asdict(model)))

    def complete_json(self, fields: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return what is to be encoded as JSON, with the same fields complete wherever they stand."""
        if self.config is None:
            return fields
        import msgspec

        return self._inside(msgspec.to_builtins(fields))

    def _inside(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        return {name: self._inside_value(value) for name, value in {**fields, **self._completed(fields)}.items()}

    def _inside_value(self, value: Any) -> Any:
        if isinstance(value, list):
            return [self._inside_value(item) for item in value]
        return self._inside(value) if isinstance(value, dict) else value

    def _completed(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        """Return those of the fields that hold commands, complete."""
        completed: dict[str, Any] = {}
        for name, value in fields.items():
            if name == _COMMAND and isinstance(value, str):
                completed[name] = self.complete(value)
            elif name in _PROSE and isinstance(value, str):
                completed[name] = self.complete_prose(value)
            elif name in _PROSE and isinstance(value, list):
                completed[name] = [self.complete_prose(item) if isinstance(item, str) else item for item in value]
        return completed


def _quoted(path: str) -> str:
    """Quote a path for the shell: POSIX; on Windows as cmd and PowerShell both take it, which was not tried there."""
    if sys.platform == "win32":
        from subprocess import list2cmdline

        return list2cmdline([path])
    from shlex import quote

    return quote(path)
