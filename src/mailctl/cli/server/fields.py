"""What the commands of a server share: options to fields, the change and what is told of it."""

from __future__ import annotations

from shlex import quote
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mailctl.cli.changes import AppliedChange, apply_change
from mailctl.cli.completion import complete_server_code
from mailctl.cli.option_names import as_options
from mailctl.cli.params import OutputFormat
from mailctl.cli.presets import tell_preset
from mailctl.errors import ExclusiveSettingsError, InvalidValueError, UsageError
from mailctl.model.decode import MISSING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from mailctl.cli.server_options import IncomingOptions, OutgoingOptions, TlsOptionGroup
    from mailctl.cli.session import Session
    from mailctl.model.secret import Secret
    from mailctl.model.server import Server
    from mailctl.model.settings import Edit, Settings
    from mailctl.services.secrets.transactions import References

Code = Annotated[str, typer.Argument(metavar="CODE", autocompletion=complete_server_code, show_default=False)]
SIDES: dict[str, Any] = {"smtp": {}, "incoming": {}}


def gather_fields(
    outgoing: OutgoingOptions, incoming: IncomingOptions, tls: TlsOptionGroup, **plain: Any
) -> dict[str, Any]:
    """Return the fields that are given, nested as in the settings; `plain`: those outside the groups, by name."""
    sections = {**outgoing.given(), **incoming.given(), **tls.given()}
    return {
        **{name: value for name, value in plain.items() if value is not None},
        **{name: section for name, section in sections.items() if section},
    }


def name_missing(code: str | None, given: dict[str, Any]) -> None:
    """Raise the error that names every option that is missing."""
    from mailctl.model.decode import decode_or_raise
    from mailctl.model.server import Server

    try:
        decode_or_raise(Server, {"code": code, **SIDES, **given})
    except (InvalidValueError, ExclusiveSettingsError) as error:
        raise _as_options(error) from None


def _as_options(error: InvalidValueError | ExclusiveSettingsError) -> UsageError | ExclusiveSettingsError:
    """Return an error of a server's fields as `as_options` does; one of a missing side says that there are two."""
    incomplete = {problem.where.partition(".")[0] for problem in error.problems if problem.message == MISSING}
    if incomplete & SIDES.keys():
        error.hint = (
            "an entry has an outgoing (SMTP) and an incoming side (POP3 or IMAP); --preset NAME gives both. "
            "A relay that only sends belongs to who sends through it: `mailctl sysmail set --smtp-host HOST`, "
            "or the same of `mailctl tenant add`"
        )
    return as_options(error)


def change_server(
    session: Session,
    code: str,
    edit_with: Callable[[dict[str, Any]], Edit],
    given: dict[str, Any],
    secrets: Mapping[str, Secret],
    *,
    preset: str | None = None,
    dry_run: bool,
    output: OutputFormat,
) -> AppliedChange:
    """Carry out an edit made of the given fields and the references of new secrets; tell what it did.

    `code`: the server's, so far. `secrets`: new ones, by the ends of their slots' names. `preset`: one that is used.
    """
    from mailctl.model.server import find_missing_authentication
    from mailctl.services.fields import merge_fields

    def edit_(settings: Settings, references: References) -> Settings:
        stored = [{"tls": {"client_key_passphrase": str(reference)}} for reference in references.values()]
        return edit_with(merge_fields(given, *stored))(settings)

    new = {f"server:{code}/{name}": secret for name, secret in secrets.items()}
    try:
        change = apply_change(session, edit_, new=new, dry_run=dry_run)
    except (InvalidValueError, ExclusiveSettingsError) as error:
        raise _as_options(error) from None
    server = change.after.get_server(str(given["code"]))
    if output is OutputFormat.JSON:
        session.terminal.data(**change.as_json(), server=server)
    else:
        added = len(change.after.servers) > len(change.before.servers)
        change.tell(session, f"{'added' if added else 'changed'} '{server.code}'", f"'{server.code}' is so already")
        unusual = find_missing_authentication(server.smtp)
        if change.changed and unusual and "smtp" in given:
            session.terminal.say(f"note: {unusual}")
    if preset is not None and change.changed:
        incoming = {"protocol": server.incoming.protocol, **given.get("incoming", {})}
        tell_preset(session, preset, {**given, "incoming": incoming})
    lost = change.before.find_server(server.code)
    if lost and lost.oauth_client and not server.oauth_client:
        session.terminal.say(f"note: {_without_client(server, lost.oauth_client)}")
    for side in ("smtp", "incoming"):
        if given.get(side, {}).get("security") == "none":
            session.terminal.warn(f"--{side}-security none: passwords and mail can be read on the way")
    for warning in server.warnings:
        session.terminal.warn(warning)
    return change


def tell_trial(session: Session, code: str) -> None:
    """Say how a server that is new is tried."""
    session.terminal.say(f"next: `mailctl test send {quote(code)} --depth tls` tries the connection")


def _without_client(server: Server, client: str) -> str:
    """Return what is to be known of a server that has lost its OAuth client."""
    from mailctl.model.oauth_use import TOKEN_AUTHS

    said = f"'{server.code}' goes without the OAuth client '{client}' now; its hosts stay, and can be edited"
    if server.smtp.auth not in TOKEN_AUTHS and server.incoming.auth not in TOKEN_AUTHS:
        return said
    return f"{said}; its authentication still wants tokens (--smtp-auth auto --incoming-auth auto takes passwords)"
