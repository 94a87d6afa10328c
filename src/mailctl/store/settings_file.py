"""The settings file: loaded fast, changed in transactions, and one change taken back.

A change reads the file, computes the new text, takes the lock, makes sure that the file is still what was read, keeps
the old bytes in `NAME.undo` beside it, and replaces it. What changes nothing takes no lock and writes nothing.
"""

from __future__ import annotations

import os
import stat
from functools import cached_property
from pathlib import Path

import msgspec
from msgspec import Struct

from mailctl.durable import Durability, cause_of, lock_file, replace_file, resolve_target
from mailctl.errors import Problem, SettingsChangedError, SettingsError, SettingsInvalidError
from mailctl.model.decode import decode_or_raise
from mailctl.model.settings import Edit, Settings
from mailctl.store.reading import Parsed, parse_settings, parse_text, with_lines

_ODD_RIGHTS = stat.S_IWGRP | stat.S_IXGRP | stat.S_IRWXO
"""Reading is a group's right in the settings of a machine, where programs of several users send."""


class Loaded(Struct, frozen=True):
    """What was read: the settings, what should be said of the file (unknown names, too wide a mode), and its bytes."""

    settings: Settings
    warnings: tuple[Problem, ...]
    content: bytes | None


class Change(Struct, frozen=True, dict=True):
    """A change of the settings file, made or (dry run) only computed.

    `old`, `new`: the file's bytes, None where there was no file. `before`: what they said; empty settings where that
    could not be read. `durability`: None where nothing was written.
    """

    before: Settings
    after: Settings
    old: bytes | None
    new: bytes | None
    durability: Durability | None = None

    @property
    def changed(self) -> bool:
        return self.old != self.new

    @cached_property
    def diff(self) -> str:
        """The change as a unified diff of the file's text; empty where nothing changes."""
        from mailctl.store.difference import unified_difference

        return unified_difference(self.old or b"", self.new or b"")


class SettingsFile:
    """The settings file at a path, which may be a symbolic link, and need not exist yet.

    Every method raises SettingsInvalidError where the file breaks TOML or a rule, and SettingsError where it cannot
    be read; those that write raise SettingsLockedError, SettingsChangedError and SettingsWriteError, too, and have then
    changed nothing.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._parsed: tuple[Parsed, ...] = ()  # what is parsed is not parsed again: the last text, and a new one

    def load(self) -> Settings:
        """Read the file; without one, the settings are empty."""
        self.__dict__.pop("loaded", None)
        return self.loaded.settings

    @cached_property
    def loaded(self) -> Loaded:
        """What the last `load` read, or a first one."""
        content, mode = _read(self.path)
        if content is None:
            return Loaded(Settings(), (), None)
        parsed = self._parse(content)
        warnings = list(parsed.unknown)
        if os.name == "posix" and mode & _ODD_RIGHTS:
            message = (
                f"others than its owner have rights to the file (mode {mode:04o}): "
                f"`chmod 600 {self.path}`, or 640 for a group whose programs send"
            )
            warnings.append(Problem("", message))
        return Loaded(parsed.settings, tuple(warnings), content)

    def validate(self) -> list[Problem]:
        """Read the file and return all that is odd in it, what its servers warn of included, with lines."""
        odd = list(self.load().oddities())
        return [*self.loaded.warnings, *with_lines(odd, parse_text(self.loaded.content or b"", self.path))]

    def read_bytes(self) -> bytes | None:
        """Return the file's bytes as they are, None where there is no file."""
        return _read(self.path)[0]

    def change(self, edit: Edit, *, dry_run: bool = False) -> Change:
        """Make the file say what `edit` returns for the settings that it is given.

        `edit` has no effects: it is called again where the file has meanwhile been changed by another process. What it
        returns goes through the decoder, which raises InvalidValueError or ExclusiveSettingsError if it breaks a rule.
        """
        change = self._edited(self.read_bytes(), edit)
        if dry_run or not change.changed:
            return change
        with lock_file(self.path):
            current = self.read_bytes()
            if current != change.old:
                change = self._edited(current, edit)
            return self._write(change)

    def replace(self, new: bytes | None, *, expected: bytes | None, dry_run: bool = False) -> Change:
        """Replace the whole text by another valid one; `expected`: what the caller knows the file to hold."""
        change = Change(self._said(expected), self._parse(new).settings, expected, new)
        if dry_run or not change.changed:
            return change
        with lock_file(self.path):
            return self._write(change)

    def undo(self, *, dry_run: bool = False) -> Change:
        """Bring back the bytes from before the last change; undone again, that change is there again."""
        if dry_run or not self._undo_path.exists():
            return self._undone()
        with lock_file(self.path):
            return self._write(self._undone(), undoing=True)

    @property
    def _undo_path(self) -> Path:
        target = resolve_target(self.path)
        return target.with_name(target.name + ".undo")

    def _edited(self, content: bytes | None, edit: Edit) -> Change:
        parsed = self._parse(content)
        before = parsed.settings
        after = edit(before)
        if after == before:
            return Change(before, after, content, content)
        from mailctl.store.editing import edit_content  # what only reads does without

        after = decode_or_raise(Settings, msgspec.to_builtins(after), lax=False)
        edited = edit_content(content or b"", before, after, self.path)
        self._parsed = (parsed, edited)
        return Change(before, after, content, edited.content)

    def _undone(self) -> Change:
        current, kept = self.read_bytes(), _read(self._undo_path)[0]
        before = self._said(current)
        if kept is None:
            return Change(before, before, current, current)
        return Change(before, parse_settings(kept, self._undo_path).settings, current, kept)

    def _parse(self, content: bytes | None) -> Parsed:
        text = content or b""
        for parsed in self._parsed:
            if parsed.content == text:
                return parsed
        self._parsed = (parse_settings(text, self.path),)
        return self._parsed[0]

    def _said(self, content: bytes | None) -> Settings:
        try:
            return self._parse(content).settings
        except SettingsInvalidError:
            return Settings()

    def _write(self, change: Change, *, undoing: bool = False) -> Change:
        """Write under the lock. A kill between the two files costs one undo or redo, never settings."""

        def check_unchanged() -> None:
            if self.read_bytes() != change.old:
                raise SettingsChangedError(
                    f"{self.path} was changed by another program at the same moment; nothing was written",
                    hint="run the command again",
                )

        if not change.changed or change.new is None:
            return change
        self.__dict__.pop("loaded", None)
        if not undoing:
            check_unchanged()
            replace_file(self._undo_path, change.old or b"")
        durability = replace_file(self.path, change.new, check=check_unchanged)
        if undoing:
            replace_file(self._undo_path, change.old or b"")
        return Change(change.before, change.after, change.old, change.new, durability)


def _read(path: Path) -> tuple[bytes | None, int]:
    """Return a file's bytes and mode; None and 0 where there is no file."""
    hint = None
    try:
        mode = path.stat().st_mode
        if stat.S_ISREG(mode) or stat.S_ISDIR(mode):
            return path.read_bytes(), stat.S_IMODE(mode)
        cause = "it is not a regular file"  # what a device or a pipe gives may never come, or never end
    except FileNotFoundError:
        if not path.is_symlink():
            return None, 0
        cause = f"it is a symbolic link to {path.readlink()}, which does not exist"
    except PermissionError as error:
        cause, hint = cause_of(error), f"`chgrp GROUP {path}` and `chmod 640 {path}` let the users of a group read it"
    except OSError as error:
        cause = cause_of(error)
    raise SettingsError(f"cannot read {path}: {cause}", hint=hint, details={"path": str(path)})
