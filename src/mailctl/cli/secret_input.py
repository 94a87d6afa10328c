"""Secrets as commands take them: from standard input or from where they stay, never as an argument."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from mailctl.cli.params import text_option
from mailctl.errors import UsageError

if TYPE_CHECKING:
    from mailctl.model.secret import Secret, SecretRef


def password_stdin_option(panel: str) -> Any:
    return typer.Option("--password-stdin", help="Read the password from standard input.", rich_help_panel=panel)


def password_from_option(panel: str) -> Any:
    where = "Where the password stays: env:NAME, file:PATH, command:PROGRAM ARGS, keyring:SERVICE/USER, vault:NAME."
    return text_option("--password-from", "REF", where, panel)


def given_reference(text: str, option: str) -> SecretRef:
    """Parse a secret reference given on the command line, where a relative path starts at the current folder."""
    from mailctl.model.secret import SecretKind, SecretRef, parse_secret_ref

    reference = parse_secret_ref(text, option)
    if reference.kind is SecretKind.FILE:
        return SecretRef(reference.kind, str(Path(reference.value).expanduser().absolute()))
    return reference


def read_stdin_secret(option: str) -> Secret:
    """Read a secret from standard input: UTF-8, exactly one trailing newline removed.

    Raises UsageError where standard input is a terminal, which would show what is typed.
    """
    import sys

    from mailctl.credentials import forbid_core_dumps
    from mailctl.credentials.borrowed import secret_text

    name = f"{option}-stdin"
    if sys.stdin.isatty():
        raise UsageError(
            f"{name}: standard input is a terminal, which shows what is typed",
            hint=f"without {name} it is asked for, hidden; or let it come from a file or another program",
        )
    forbid_core_dumps()
    secret = secret_text(sys.stdin.buffer.read(), "standard input")
    if not secret:
        raise UsageError(f"{name}: standard input is empty")
    return secret


def require_one_stdin(wanted: Mapping[str, bool]) -> None:
    """Raise UsageError where more than one option would read standard input."""
    given = [option for option, present in wanted.items() if present]
    if len(given) > 1:
        raise UsageError(f"only one option can read standard input, and {' and '.join(given)} would")


def read_given_secrets(wanted: Mapping[str, tuple[bool, str | None]]) -> dict[str, Secret]:
    """Return the secret that standard input gives, if any, under the end of its slot's name.

    `wanted`: by these ends, whether the `-stdin` option is given, and the value of the `-from` option. Raises
    UsageError for two that come from standard input, and for one that is to come from two places.
    """
    require_one_stdin({f"--{name}-stdin": stdin for name, (stdin, _) in wanted.items()})
    for name, (stdin, reference) in wanted.items():
        if stdin and reference is not None:
            raise UsageError(f"--{name}-stdin and --{name}-from exclude each other")
    return {name: read_stdin_secret(f"--{name}") for name, (stdin, _) in wanted.items() if stdin}
