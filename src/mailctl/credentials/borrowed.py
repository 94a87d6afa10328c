"""Secrets that stay where they are: an environment variable, a file; what a program prints is in command.py.

They are read and never written. Exactly one trailing newline (LF or CRLF) of a file or an output is removed.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path

from mailctl.credentials.deadline import call_with_deadline
from mailctl.durable import cause_of
from mailctl.errors import SecretMissingError, SecretStoreError
from mailctl.model.secret import Secret

FILE_DEADLINE_SECONDS = 10.0
# Room for a service account's key file; an endless source (`file:/dev/zero`) is cut off here.
SIZE_LIMIT_BYTES = 1024 * 1024

Warn = Callable[[str], None]


def secret_text(raw: bytes, source: str) -> Secret:
    """Return the secret that bytes hold: UTF-8, without exactly one trailing newline.

    Raises SecretStoreError for anything else; `source` says where the bytes came from.
    """
    if len(raw) > SIZE_LIMIT_BYTES:
        raise SecretStoreError(f"{source} holds more than {SIZE_LIMIT_BYTES} bytes: that is no secret")
    if raw.startswith(b"\xef\xbb\xbf"):
        raise SecretStoreError(f"{source} starts with a byte order mark", hint="save it as UTF-8 without one")
    raw = raw[:-2] if raw.endswith(b"\r\n") else raw.removesuffix(b"\n")
    try:
        return Secret(raw.decode())
    except UnicodeDecodeError:
        raise SecretStoreError(f"{source} does not hold UTF-8 text") from None


def require_text(secret: Secret, source: str) -> Secret:
    """Return a secret; raises SecretMissingError if it is empty, as what was never filled in is."""
    if not secret:
        raise SecretMissingError(f"{source} is empty", hint="put the secret there, or name another place for it")
    return secret


def read_variable(name: str) -> Secret:
    """Return the value of an environment variable; raises SecretMissingError if it is not set, or empty."""
    value = os.environ.get(name)
    if value is None:
        raise SecretMissingError(f"the environment variable {name} is not set", hint=f"set {name} and run it again")
    if not value.isascii() and any("\ud800" <= character <= "\udfff" for character in value):
        raise SecretStoreError(f"the environment variable {name} does not hold UTF-8 text")
    return require_text(Secret(value), f"the environment variable {name}")


def read_file(path: Path, warn: Warn) -> Secret:
    """Return what a file holds.

    Raises SecretMissingError if it is not there, or empty, SecretStoreError if it is unreadable.

    On POSIX systems a file that everybody may read or write is warned of.
    """
    try:
        raw, mode = call_with_deadline(lambda: _read(path), FILE_DEADLINE_SECONDS)
    except FileNotFoundError:
        raise SecretMissingError(
            f"the secret's file {path} does not exist", hint="write the secret there, or name another place for it"
        ) from None
    except TimeoutError:
        raise SecretStoreError(
            f"the secret's file {path} gave nothing within {FILE_DEADLINE_SECONDS:g} s",
            hint="see whether its file system or the program behind a pipe answers",
        ) from None
    except OSError as error:
        raise SecretStoreError(
            f"the secret's file {path} cannot be read: {cause_of(error)}",
            hint="name a file in it"
            if isinstance(error, IsADirectoryError)
            else "let the user that mailctl runs as read it, and nobody else",
        ) from None
    if os.name == "posix" and stat.S_ISREG(mode) and mode & (stat.S_IROTH | stat.S_IWOTH):
        from shlex import quote  # start-up is felt at every call

        can = "read" if mode & stat.S_IROTH else "change"
        warn(f"everybody on this machine can {can} the secret's file {path}: chmod o= {quote(str(path))}")
    source = f"the secret's file {path}"
    return require_text(secret_text(raw, source), source)


def _read(path: Path) -> tuple[bytes, int]:
    with path.open("rb") as file:
        return file.read(SIZE_LIMIT_BYTES + 1), os.fstat(file.fileno()).st_mode
