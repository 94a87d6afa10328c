"""Ledgers: what was done for an account, so that it is not done again: a durable line for each act.

They are beside the settings file, in `NAME.ledgers/OWNER/`, and not in a user's own folder: whoever runs mailctl with
these settings, a person or a system's timer, must know of the same acts. Those of the account that was deleted last are
in `NAME.ledgers.undo/`, for as long as its deletion may be undone. A line that a killed process left half
written tells of an act that was not acknowledged, and is dropped.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Generic, TypeVar
from urllib.parse import quote

import msgspec

from mailctl.durable import cause_of, lock_file, replace_file, system
from mailctl.errors import LedgerInvalidError, SettingsWriteError

R = TypeVar("R", bound=msgspec.Struct)

_LOCK_SECONDS = 2.0


class Ledger(Generic[R]):
    """The records of one kind of act, oldest first; open under its lock, see `open_ledger`."""

    def __init__(self, path: Path, kind: type[R]) -> None:
        self._path = path
        self._encoder = msgspec.json.Encoder()
        self.records: list[R] = _read(path, kind)
        self._descriptor = system.open(path, os.O_WRONLY | os.O_APPEND)

    def append(self, *records: R) -> None:
        """Add records; they are on the medium when this returns. Raises SettingsWriteError."""
        lines = b"".join(self._encoder.encode(record) + b"\n" for record in records)
        try:
            rest = memoryview(lines)
            while rest:
                rest = rest[system.write(self._descriptor, rest) :]
            system.sync(self._descriptor)
        except OSError as error:
            raise _write_error(self._path, error) from error
        self.records += records

    def rewrite(self, records: Iterable[R]) -> None:
        """Put other records in the place of all, in one step: for those that nobody will ask for any more.

        Raises SettingsWriteError.
        """
        kept = list(records)
        try:
            replace_file(self._path, b"".join(self._encoder.encode(record) + b"\n" for record in kept))
            renewed = system.open(self._path, os.O_WRONLY | os.O_APPEND)
        except OSError as error:
            raise _write_error(self._path, error) from error
        os.close(self._descriptor)
        self._descriptor, self.records = renewed, kept

    def close(self) -> None:
        os.close(self._descriptor)


@contextmanager
def open_ledger(settings: Path, owner: str, name: str, kind: type[R]) -> Iterator[Ledger[R]]:
    """Open a ledger of an owner, `name`d after its acts; its records are of a type.

    `settings`: the settings file. `owner`: any text. Raises SettingsLockedError while another process has it
    open, LedgerInvalidError for one that is not ours, SettingsWriteError.
    """
    path = _folder(settings, owner) / f"{name}.jsonl"
    with lock_file(path, timeout_seconds=_LOCK_SECONDS):
        try:
            if not path.exists():
                replace_file(path, b"")
            ledger = Ledger(path, kind)
        except OSError as error:
            raise _write_error(path, error) from error
        try:
            yield ledger
        finally:
            ledger.close()


def read_ledger(settings: Path, owner: str, name: str, kind: type[R]) -> list[R]:
    """Return the records of a ledger as they are now; none where there is none."""
    path = _folder(settings, owner) / f"{name}.jsonl"
    return _parse(path.read_bytes(), path, kind) if path.exists() else []


def has_ledgers(settings: Path, owner: str) -> bool:
    return _folder(settings, owner).is_dir()


def move_ledgers(settings: Path, owner: str, other: str) -> None:
    """Give all ledgers of an owner, if there are any, to another, in the place of what that one has."""
    if owner != other and has_ledgers(settings, owner):
        delete_ledgers(settings, other)
        try:
            _folder(settings, owner).rename(_folder(settings, other))
        except OSError as error:
            raise _write_error(_folder(settings, other), error) from error


def put_ledgers_aside(settings: Path, owner: str) -> None:
    """Take all ledgers of an owner away, for `bring_ledgers_back`; what was put aside before is gone then."""
    shutil.rmtree(_aside(settings), ignore_errors=True)
    if has_ledgers(settings, owner):
        try:
            _aside(settings).mkdir(mode=0o700)
            _folder(settings, owner).rename(_aside(settings) / _folder(settings, owner).name)
        except OSError as error:
            raise _write_error(_aside(settings), error) from error


def are_ledgers_aside(settings: Path, owner: str) -> bool:
    return (_aside(settings) / _folder(settings, owner).name).is_dir()


def bring_ledgers_back(settings: Path, owner: str) -> None:
    """Undo `put_ledgers_aside`, as far as the owner has no new ones."""
    if are_ledgers_aside(settings, owner) and not has_ledgers(settings, owner):
        kept = _aside(settings) / _folder(settings, owner).name
        try:
            kept.rename(_folder(settings, owner))
        except OSError as error:
            raise _write_error(kept, error) from error


def delete_ledgers(settings: Path, owner: str) -> None:
    """Delete all ledgers of an owner."""
    shutil.rmtree(_folder(settings, owner), ignore_errors=True)


def _aside(settings: Path) -> Path:
    return settings.absolute().with_suffix(".ledgers.undo")


def _folder(settings: Path, owner: str) -> Path:
    # Percent-encoded, whatever the owner is called is a file name on every system.
    return settings.absolute().with_suffix(".ledgers") / quote(owner, safe="@+-_")


def _read(path: Path, kind: type[R]) -> list[R]:
    content = path.read_bytes()
    if content and not content.endswith(b"\n"):
        content = content[: content.rfind(b"\n") + 1]
        replace_file(path, content)
    return _parse(content, path, kind)


def _parse(content: bytes, path: Path, kind: type[R]) -> list[R]:
    decoder = msgspec.json.Decoder(kind)
    records = []
    for number, line in enumerate(content[: content.rfind(b"\n") + 1].splitlines(), 1):
        try:
            records.append(decoder.decode(line))
        except msgspec.MsgspecError as error:
            raise LedgerInvalidError(
                f"{path}, line {number}: this is no record of the ledger: {error}",
                hint="put the line right, or take it away: what it tells of would then be done again",
                details={"path": str(path), "line": number},
            ) from None
    return records


def _write_error(path: Path, error: OSError) -> SettingsWriteError:
    return SettingsWriteError(
        f"cannot write {path}: {cause_of(error)}",
        hint="what was done so far is kept there",
        details={"path": str(path)},
    )
