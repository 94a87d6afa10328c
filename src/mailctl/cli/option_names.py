"""The options that set fields, and the errors that name them: a rule says `smtp.port`, a command `--smtp-port`."""

from __future__ import annotations

import re
from collections.abc import Sequence

from mailctl.errors import ExclusiveSettingsError, InvalidValueError, MissingInputError, Problem, UsageError
from mailctl.model.decode import MISSING


def secret_options(stem: str) -> str:
    """Return the pair of options that gives a secret: `--password` → `--password-stdin or --password-from`."""
    return f"{stem}-stdin or {stem}-from"


_OPTION_NAMES = {
    "code": "CODE",
    "name": "--name",
    "oauth_client": "--oauth-client",
    "incoming.apop": "--apop",
    "tls.verify": "--no-tls-verify",
    "tls.pins": "--pin",
    **{f"tls.{name}": f"--{name.replace('_', '-')}" for name in ("ca_file", "client_cert", "client_key")},
    "tls.client_key_passphrase": "--client-key-passphrase-from",
    "pop_before_smtp.apop": "--apop",
    "password": secret_options("--password"),
    "pop_before_smtp.password": secret_options("--pop-password"),
    "smtp_password": secret_options("--smtp-password"),
    "client_secret": secret_options("--client-secret"),
    "key": "--key-from",
    "service_account": "--service-account-from",
    "scopes": "--scope",
    "fields": "--field",
    "delete_after_days": "--delete-after",
}


def option_name(where: str) -> str:
    """Return the option that sets a field: `smtp.port` → `--smtp-port`, `pop_before_smtp.host` → `--pop-host`."""
    bare = where.partition("[")[0]
    if bare in _OPTION_NAMES:
        return _OPTION_NAMES[bare]
    return "--" + bare.replace("pop_before_smtp.", "pop-").replace(".", "-").replace("_", "-")


def with_options(message: str) -> str:
    """Return what a rule says with options' names for the names of other fields in it, but for what is quoted."""
    parts = message.split("'")
    parts[::2] = [_FIELD_IN_PROSE.sub(lambda found: option_name(found[0]), part) for part in parts[::2]]
    return "'".join(parts)


def as_options(
    error: InvalidValueError | ExclusiveSettingsError, *, entry: str = ""
) -> UsageError | ExclusiveSettingsError:
    """Return the same error with options' names for fields' names; what is missing is gathered in one line.

    `entry`: where the entry that the options are about stands in the settings (`sysmail`). Problems of other entries
    keep their places.
    """

    def option(where: str) -> str:
        bare = where.removeprefix(f"{entry}.") if entry else where
        return where if bare.startswith(_ENTRIES) else option_name(bare)

    missing = [option(problem.where) for problem in error.problems if problem.message == MISSING]
    if len(missing) == len(error.problems):
        return missing_input(missing, hint=error.hint)
    renamed = [
        Problem(option(problem.where), with_options(problem.message), problem.line, problem.conflict)
        for problem in error.problems
    ]
    return type(error)(renamed, hint=error.hint)


_FIELD_IN_PROSE = re.compile(
    r"(?<![\w./`=-])(?:(?:smtp|incoming|tls|pop_before_smtp)\.[a-z_]+|[a-z]+(?:_[a-z]+)+)(?![\w/`=@]|\.\w)"
)
"""The name of a field as it is told from a word: it is joined by dots or underscores."""

_ENTRIES = ("servers[", "oauth_clients[", "tenants[", "accounts[", "sysmail.")


def missing_input(options: Sequence[str], *, hint: str | None = None) -> MissingInputError:
    """Return the error that names the options that are missing; of a secret, also how it may come."""
    if hint is None:
        stems = (option.partition("-stdin or ")[0] for option in options if "-stdin or " in option)
        hint = next(map(_ways_of_secret, stems), None)
    return MissingInputError(f"missing: {', '.join(options)}", hint=hint, details={"missing": list(options)})


def _ways_of_secret(stem: str) -> str:
    return (
        f"such as {stem}-stdin < FILE, {stem}-from env:NAME or {stem}-from file:PATH; "
        "on a terminal, without --no-input, it is asked for"
    )


def nothing_named(example: str) -> MissingInputError:
    """Return the error for a change of nothing."""
    hint = f"such as `{example}`; --help shows them all"
    return MissingInputError("name an option: what is to change", hint=hint)
