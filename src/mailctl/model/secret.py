"""Secrets in memory, and references to where secrets live. The settings hold references, never secrets."""

from __future__ import annotations

from enum import StrEnum
from typing import NoReturn

from msgspec import Struct

from mailctl.errors import InvalidValueError, Problem


class Secret:
    """A secret in memory. It never shows itself: `repr`, `str`, formatting and pickling are closed."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """Return the secret's text, to be handed to a protocol or a secret store and nowhere else."""
        return self._text

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._text == self._text

    def __hash__(self) -> int:
        return hash(("secret", self._text))

    def __bool__(self) -> bool:
        return bool(self._text)

    def __repr__(self) -> str:
        return "Secret(…)"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return format(repr(self), spec)

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret is not pickled")


class SecretKind(StrEnum):
    KEYRING = "keyring"
    VAULT = "vault"
    ENV = "env"
    FILE = "file"
    COMMAND = "command"


class SecretRef(Struct, frozen=True):
    """Where a secret lives: `keyring:SERVICE/USER`, `vault:NAME`, `env:NAME`, `file:PATH` or `command:PROGRAM ARGS`."""

    kind: SecretKind
    value: str

    def __str__(self) -> str:
        return f"{self.kind}:{self.value}"

    @property
    def borrowed(self) -> bool:
        """Whether the secret is somebody else's (env, file, command), which mailctl reads and never deletes."""
        return self.kind in (SecretKind.ENV, SecretKind.FILE, SecretKind.COMMAND)


REFERENCE_FORMS = "env:NAME, file:PATH, command:PROGRAM ARGS, keyring:SERVICE/USER or vault:NAME"


def parse_secret_ref(text: str, where: str = "secret reference") -> SecretRef:
    """Parse a reference such as `env:SMTP_PASSWORD`.

    Raises InvalidValueError without quoting the text beyond its prefix: a person may have typed the secret itself.
    """
    kind, colon, value = text.partition(":")
    if not colon or kind not in set(SecretKind):
        raise InvalidValueError(
            [Problem(where, f"this is not a secret reference; write {REFERENCE_FORMS}")],
            hint="a secret itself is never an argument: use a prompt, or the -stdin form of the option",
        )
    problem = None
    if not value.strip() or not value.isprintable():
        problem = f"nothing usable follows `{kind}:`; write {REFERENCE_FORMS}"
    elif kind == SecretKind.KEYRING and not all(value.partition("/")):
        problem = "a keyring reference is written keyring:SERVICE/USER"
    elif kind == SecretKind.ENV and ("=" in value or " " in value):
        problem = "env: takes the name of an environment variable"
    if problem:
        raise InvalidValueError([Problem(where, problem)])
    return SecretRef(SecretKind(kind), value)
