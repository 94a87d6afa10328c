"""Options that several commands share: output, dry run, secrets, and the fields of servers as groups of options.

A command takes a group as one parameter, a dataclass whose fields are the options; `expand_options` shows Typer the
fields one by one. The options' names follow the models' fields (`smtp.port` ↔ `--smtp-port`): `as_options` puts the
options' names where a rule speaks of fields.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from enum import StrEnum
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar, get_type_hints

import typer

from mailctl.errors import ExclusiveSettingsError, InvalidValueError, MissingInputError, Problem, UsageError
from mailctl.model.decode import MISSING
from mailctl.model.target_name import TENANT_PREFIX

if TYPE_CHECKING:
    from mailctl.cli.session import Session
    from mailctl.model.account import Account
    from mailctl.model.secret import Secret, SecretRef
    from mailctl.model.settings import Settings

F = TypeVar("F", bound=Callable[..., Any])


class OutputFormat(StrEnum):
    TABLE = "table"
    JSON = "json"


Output = Annotated[OutputFormat, typer.Option("--output", "-o", help="How to print the result.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Show what would change, and change nothing.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
Clear = Annotated[
    list[str] | None,
    typer.Option("--clear", metavar="FIELD", help="Put a field back to its default; repeatable.", show_default=False),
]


def expand_options(function: F) -> F:
    """Return a command whose dataclass parameters are shown to Typer as one option a field."""
    groups: dict[str, type[Any]] = {}
    parameters = []
    for parameter in inspect.signature(function, eval_str=True).parameters.values():
        if isinstance(parameter.annotation, type) and is_dataclass(parameter.annotation):
            groups[parameter.name] = parameter.annotation
            hints = get_type_hints(parameter.annotation, include_extras=True)
            parameters += [
                inspect.Parameter(
                    field.name, inspect.Parameter.KEYWORD_ONLY, default=field.default, annotation=hints[field.name]
                )
                for field in fields(parameter.annotation)
            ]
        else:
            parameters.append(parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY))

    @wraps(function)
    def expanded(**given: Any) -> Any:
        for name, group in groups.items():
            given[name] = group(**{field.name: given.pop(field.name) for field in fields(group)})
        return function(**given)

    expanded.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]  # read by inspect
    expanded.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return expanded  # type: ignore[return-value]  # the same command, its options spelled out


def words(*choices: str) -> Callable[[str], list[str]]:
    """Return a completion that offers fixed words."""

    def complete(incomplete: str) -> list[str]:
        return [word for word in choices if word.startswith(incomplete)]

    return complete


def choice_option(option: str, *choices: str, help: str, panel: str) -> Any:  # noqa: A002 - Typer's own word
    metavar = "|".join(choices) if len(choices) < 5 else option.rpartition("-")[2].upper()
    spelled = f"{help} ({', '.join(choices)})" if len(choices) >= 5 else help
    return typer.Option(
        option, metavar=metavar, help=spelled, autocompletion=words(*choices), rich_help_panel=panel, show_default=False
    )


def text_option(option: str, metavar: str, help: str, panel: str) -> Any:  # noqa: A002 - Typer's own word
    return typer.Option(option, metavar=metavar, help=help, rich_help_panel=panel, show_default=False)


def password_stdin_option(panel: str) -> Any:
    return typer.Option("--password-stdin", help="Read the password from standard input.", rich_help_panel=panel)


def password_from_option(panel: str) -> Any:
    where = "Where the password stays: env:NAME, file:PATH, command:PROGRAM ARGS, keyring:SERVICE/USER, vault:NAME."
    return text_option("--password-from", "REF", where, panel)


SECURITIES = ("none", "starttls", "tls")
_SASL = ("plain", "login", "cram-md5", "digest-md5", "scram-sha-1", "scram-sha-256")
_TOKENS = ("xoauth2", "oauthbearer", "external")
SMTP_AUTHS = ("none", "auto", *_SASL, *_TOKENS)
OUTGOING_PANEL = _SMTP = "Outgoing (SMTP)"
_INCOMING, _TLS = "Incoming (POP3, IMAP)", "TLS"


@dataclass(frozen=True, kw_only=True)
class SmtpOptions:
    """An outgoing side."""

    smtp_host: Annotated[str | None, text_option("--smtp-host", "HOST", "Host name or IP address.", _SMTP)] = None
    smtp_port: Annotated[
        str | None, text_option("--smtp-port", "1..65535", "Default: 465, 587 or 25, by the security.", _SMTP)
    ] = None
    smtp_security: Annotated[
        str | None,
        choice_option(
            "--smtp-security", *SECURITIES, help="Default: as the port tells; tls without a port.", panel=_SMTP
        ),
    ] = None
    smtp_auth: Annotated[
        str | None,
        choice_option("--smtp-auth", *SMTP_AUTHS, help="Default: none; auto with a preset", panel=_SMTP),
    ] = None
    smtp_timeout: Annotated[str | None, text_option("--smtp-timeout", "10..120", "Seconds. Default: 10.", _SMTP)] = None

    def given(self) -> dict[str, Any]:
        return {"smtp": given_fields(self, "smtp_")}


@dataclass(frozen=True, kw_only=True)
class OutgoingOptions(SmtpOptions):
    """The outgoing side of a server of the catalogue."""

    smtp_credentials: Annotated[
        str | None,
        choice_option("--smtp-credentials", "own", "incoming", help="Which login of a person sends.", panel=_SMTP),
    ] = None


@dataclass(frozen=True, kw_only=True)
class IncomingOptions:
    """The incoming side of a server."""

    incoming_protocol: Annotated[
        str | None,
        choice_option("--incoming-protocol", "pop3", "imap", help="Default with a preset: imap.", panel=_INCOMING),
    ] = None
    incoming_host: Annotated[
        str | None, text_option("--incoming-host", "HOST", "Host name or IP address.", _INCOMING)
    ] = None
    incoming_port: Annotated[
        str | None, text_option("--incoming-port", "1..65535", "Default: by protocol and security.", _INCOMING)
    ] = None
    incoming_security: Annotated[
        str | None,
        choice_option(
            "--incoming-security", *SECURITIES, help="Default: as the port tells; tls without a port.", panel=_INCOMING
        ),
    ] = None
    incoming_auth: Annotated[
        str | None,
        choice_option(
            "--incoming-auth", "auto", "login-command", *_SASL, *_TOKENS, help="Default: auto", panel=_INCOMING
        ),
    ] = None
    apop: Annotated[
        bool | None,
        typer.Option(
            "--apop/--no-apop", help="POP3's challenge-response login.", rich_help_panel=_INCOMING, show_default=False
        ),
    ] = None
    incoming_timeout: Annotated[
        str | None, text_option("--incoming-timeout", "10..120", "Seconds. Default: 10.", _INCOMING)
    ] = None

    def given(self) -> dict[str, Any]:
        incoming = given_fields(self, "incoming_")
        if self.apop is not None:
            incoming["apop"] = self.apop
        return {"incoming": incoming}


@dataclass(frozen=True, kw_only=True)
class TlsOptionGroup:
    """How TLS is verified, and the client certificate."""

    ca_file: Annotated[Path | None, text_option("--ca-file", "FILE", "PEM of the only authorities to trust.", _TLS)] = (
        None
    )
    pin: Annotated[
        list[str] | None, text_option("--pin", "sha256:HEX", "A public key that the server may have; repeatable.", _TLS)
    ] = None
    client_cert: Annotated[Path | None, text_option("--client-cert", "FILE", "PEM of our own certificate.", _TLS)] = (
        None
    )
    client_key: Annotated[Path | None, text_option("--client-key", "FILE", "PEM of its key.", _TLS)] = None
    client_key_passphrase_stdin: Annotated[
        bool,
        typer.Option(
            "--client-key-passphrase-stdin", help="Read the key's passphrase from standard input.", rich_help_panel=_TLS
        ),
    ] = False
    client_key_passphrase_from: Annotated[
        str | None, text_option("--client-key-passphrase-from", "REF", "Where the key's passphrase lives.", _TLS)
    ] = None
    tls_verify: Annotated[
        bool | None,
        typer.Option(
            "--tls-verify/--no-tls-verify",
            help="Verify the server's certificate. Default: verify.",
            rich_help_panel=_TLS,
            show_default=False,
        ),
    ] = None

    def given(self) -> dict[str, Any]:
        """Return the given fields; paths are made absolute, since the settings outlive this folder."""
        tls: dict[str, Any] = {}
        for name in ("ca_file", "client_cert", "client_key"):
            path = getattr(self, name)
            if path is not None:
                tls[name] = str(existing_file(path, f"--{name.replace('_', '-')}"))
        if self.pin:
            tls["pins"] = self.pin
        if self.tls_verify is not None:
            tls["verify"] = self.tls_verify
        if self.client_key_passphrase_from is not None:
            reference = given_reference(self.client_key_passphrase_from, "--client-key-passphrase-from")
            tls["client_key_passphrase"] = str(reference)
        return {"tls": tls}


def existing_file(path: Path, option: str) -> Path:
    if not path.is_file():
        raise UsageError(f"{option}: there is no file {path}")
    return path.absolute()


def new_file(path: Path, option: str) -> Path:
    """Return the path of a file that is to be written; raises UsageError where its folder is missing.

    Made unseen, a mistyped folder would hold what nobody looks for there.
    """
    if not path.absolute().parent.is_dir():
        raise UsageError(f"{option}: there is no folder {path.parent}", hint="make it first, or correct the path")
    return path


def given_fields(options: object, prefix: str) -> dict[str, Any]:
    """Return the options of a group that begin with a prefix and were given, by their names behind it."""
    return {
        field.name.removeprefix(prefix): value
        for field in fields(options)  # type: ignore[arg-type]  # a dataclass instance
        if field.name.startswith(prefix) and (value := getattr(options, field.name)) is not None
    }


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


def read_secret(
    session: Session, *, stdin: bool, reference: str | None, prompt: str, option: str = "--password", ask: bool = True
) -> Secret | None:
    """Return the secret that a pair of options gives, or None where none is given and nobody is (to be) asked.

    `option`: the pair's stem, `--password` for `--password-stdin` and `--password-from`.
    """
    if stdin and reference is not None:
        raise UsageError(f"{option}-stdin and {option}-from exclude each other")
    if stdin:
        return read_stdin_secret(option)
    if reference is not None:
        return session.secrets.get(given_reference(reference, f"{option}-from"))
    if ask and session.terminal.interactive:
        return session.terminal.ask_secret(f"{prompt} (not shown)")
    return None


def given_reference(text: str, option: str) -> SecretRef:
    """Parse a secret reference given on the command line, where a relative path starts at the current folder."""
    from mailctl.model.secret import SecretKind, SecretRef, parse_secret_ref

    reference = parse_secret_ref(text, option)
    if reference.kind is SecretKind.FILE:
        return SecretRef(reference.kind, str(Path(reference.value).expanduser().absolute()))
    return reference


def read_stdin_secret(option: str) -> Secret:
    """Read a secret from standard input: UTF-8, exactly one trailing newline removed."""
    import sys

    from mailctl.credentials import forbid_core_dumps
    from mailctl.credentials.borrowed import secret_text

    forbid_core_dumps()
    secret = secret_text(sys.stdin.buffer.read(), "standard input")
    if not secret:
        raise UsageError(f"{option}-stdin: standard input is empty")
    return secret


def require_one_stdin(wanted: Mapping[str, bool]) -> None:
    """Raise UsageError where more than one option would read standard input."""
    given = [option for option, present in wanted.items() if present]
    if len(given) > 1:
        raise UsageError(f"only one option can read standard input, and {' and '.join(given)} would")


def complete_server_code(ctx: typer.Context, incomplete: str) -> Iterable[tuple[str, str]]:
    """Offer the codes of the catalogue; a settings file that cannot be read offers none."""
    settings = _settings_of(ctx)
    return [
        (server.code, described(server.name))
        for server in (settings.servers if settings else ())
        if is_offered(server.code, incomplete)
    ]


def complete_oauth_client(ctx: typer.Context, incomplete: str) -> Iterable[tuple[str, str]]:
    """Offer the names of the registered OAuth clients; a settings file that cannot be read offers none."""
    settings = _settings_of(ctx)
    return [
        (client.name, str(client.provider))
        for client in (settings.oauth_clients if settings else ())
        if is_offered(client.name, incomplete)
    ]


def complete_tenant(ctx: typer.Context, incomplete: str) -> Iterable[tuple[str, str]]:
    """Offer the codes of the tenants; a settings file that cannot be read offers none."""
    settings = _settings_of(ctx)
    return [
        (tenant.code, described(tenant.name))
        for tenant in (settings.tenants if settings else ())
        if is_offered(tenant.code, incomplete)
    ]


def complete_account(ctx: typer.Context, incomplete: str) -> Iterable[tuple[str, str]]:
    """Offer the addresses of people's accounts; a settings file that cannot be read offers none."""
    settings = _settings_of(ctx)
    return [
        (account.address, described(account.owner))
        for account in (settings.accounts if settings else ())
        if is_offered(account.address, incomplete)
    ]


def account_of(ctx: typer.Context, address: str) -> Account | None:
    """Return an account for a completion; None where there is none, or the settings file cannot be read."""
    settings = _settings_of(ctx)
    return settings.find_account(address) if settings else None


def complete_owner(ctx: typer.Context, incomplete: str) -> Iterable[tuple[str, str]]:
    """Offer who has accounts; a settings file that cannot be read offers nobody."""
    settings = _settings_of(ctx)
    owned: dict[str, list[str]] = {}
    for account in settings.accounts if settings else ():
        owned.setdefault(account.owner, []).append(account.address)
    return [
        (owner, described(", ".join(addresses))) for owner, addresses in owned.items() if is_offered(owner, incomplete)
    ]


def _settings_of(ctx: typer.Context) -> Settings | None:
    from mailctl.cli.session import Session as CallSession
    from mailctl.errors import MailctlError

    config = ctx.find_root().params.get("config")
    try:
        return CallSession(config=config.expanduser() if config else None).settings_file.load()
    except (MailctlError, OSError):
        return None


def complete_target(ctx: typer.Context, incomplete: str) -> Iterable[tuple[str, str]]:
    """Offer what can be tested: the system mail account, the catalogue's codes, tenants, and people's accounts."""
    if "sysmail".startswith(incomplete):
        yield "sysmail", "the system mail account"
    yield from complete_server_code(ctx, incomplete)
    if incomplete.startswith(TENANT_PREFIX[: len(incomplete)]):
        tenants = complete_tenant(ctx, incomplete.removeprefix(TENANT_PREFIX) if TENANT_PREFIX in incomplete else "")
        yield from ((f"{TENANT_PREFIX}{code}", name) for code, name in tenants)
    yield from complete_account(ctx, incomplete)


# What a shell or Typer's markup would interpret: Typer's script for zsh evaluates what is offered.
_SHELL_SYNTAX = frozenset("!\"#$&'()*;<>?[\\]^`{|}~")
_PLAIN = str.maketrans(dict.fromkeys(_SHELL_SYNTAX, " "))


def is_offered(word: str, incomplete: str) -> bool:
    """Tell whether a completion offers a word: it begins so, and holds nothing that a shell would interpret."""
    return word.startswith(incomplete) and _SHELL_SYNTAX.isdisjoint(word)


def described(text: str) -> str:
    """Return a text as it may stand beside a word that is offered."""
    return text.translate(_PLAIN)
