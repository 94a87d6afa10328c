"""`mailctl server`: the catalogue of mail servers."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mailctl.cli.changes import agree_to_delete, apply_change, plain
from mailctl.cli.completion import complete_oauth_client, complete_server_code
from mailctl.cli.option_names import as_options, nothing_named
from mailctl.cli.params import Clear, DryRun, Output, OutputFormat, Yes, expand_options
from mailctl.cli.server.discover import discover
from mailctl.cli.server_options import IncomingOptions, OutgoingOptions, TlsOptionGroup
from mailctl.cli.session import Session, get_session
from mailctl.errors import ExclusiveSettingsError, InvalidValueError, UsageError
from mailctl.model.decode import MISSING
from mailctl.model.file_format import FileFormat

if TYPE_CHECKING:
    from collections.abc import Callable

    from mailctl.model.secret import Secret
    from mailctl.model.server import Server
    from mailctl.model.settings import Edit, Settings
    from mailctl.services.secrets.transactions import References

app = typer.Typer(help="The catalogue of mail servers: an ordered list, each entry under one code.")

_SIDES: dict[str, Any] = {"smtp": {}, "incoming": {}}

Code = Annotated[str, typer.Argument(metavar="CODE", autocompletion=complete_server_code, show_default=False)]


def _complete_preset(incomplete: str) -> list[tuple[str, str]]:
    from mailctl.model.preset import PRESETS

    return [(preset.name, preset.title) for preset in PRESETS if preset.name.startswith(incomplete)]


Preset = Annotated[
    str | None,
    typer.Option(
        "--preset",
        help="A provider's hosts and ports; `server presets` lists them.",
        autocompletion=_complete_preset,
        show_default=False,
    ),
]
OAuthClient = Annotated[
    str | None,
    typer.Option(
        "--oauth-client",
        metavar="NAME",
        help="A registered OAuth client; hosts and login follow its provider.",
        autocompletion=complete_oauth_client,
        show_default=False,
    ),
]
Name = Annotated[str | None, typer.Option("--name", help="What people call it, in any script.", show_default=False)]


@app.command()
@expand_options
def add(
    context: typer.Context,
    outgoing: OutgoingOptions,
    incoming: IncomingOptions,
    tls: TlsOptionGroup,
    code: Annotated[str | None, typer.Argument(metavar="CODE", show_default=False)] = None,
    name: Name = None,
    preset: Preset = None,
    oauth_client: OAuthClient = None,
    if_not_exists: Annotated[
        bool, typer.Option("--if-not-exists", help="Accept a server that is there with the same fields.")
    ] = False,
    dry_run: DryRun = False,
    output: Output = OutputFormat.TABLE,
) -> None:
    """Add a server to the end of the catalogue.

    On a terminal, without options, it asks for what it needs and tries the server before it is saved.

    Examples:

      mailctl server add hq --name Headquarters --smtp-host mail.example.org --smtp-auth auto
      --incoming-protocol imap --incoming-host mail.example.org

      mailctl server add g --name Gmail --preset gmail

      mailctl server add g --name Gmail --oauth-client google
    """
    from mailctl.services.catalogue.servers import add_server

    session = get_session(context)
    given = _given(outgoing, incoming, tls, name=name, oauth_client=oauth_client)
    if code is None or not (preset or oauth_client or given.get("smtp") or given.get("incoming")):
        if not session.terminal.interactive:
            _name_missing(code, given)
        from mailctl.cli.server.wizard import run_wizard

        given, preset = run_wizard(session, code, given, preset), None
    else:
        given = {"code": code, **_SIDES, **given}
        _tell_preset(session, given, preset)
    _change(
        session,
        lambda fields: add_server(fields, preset=preset, if_not_exists=if_not_exists),
        given,
        _passphrase(str(given["code"]), tls),
        dry_run=dry_run,
        output=output,
    )


@app.command()
@expand_options
def edit(
    context: typer.Context,
    code: Code,
    outgoing: OutgoingOptions,
    incoming: IncomingOptions,
    tls: TlsOptionGroup,
    new_code: Annotated[
        str | None, typer.Option("--code", metavar="NEW", help="Rename it.", show_default=False)
    ] = None,
    name: Name = None,
    preset: Preset = None,
    oauth_client: OAuthClient = None,
    clear: Clear = None,
    dry_run: DryRun = False,
    output: Output = OutputFormat.TABLE,
) -> None:
    """Change fields of a server; those not named stay as they are.

    Examples:

      mailctl server edit hq --smtp-port 587 --smtp-security starttls

      mailctl server edit hq --code office --clear tls.ca_file
    """
    from mailctl.services.catalogue.servers import edit_server

    session = get_session(context)
    given = _given(outgoing, incoming, tls, name=name, oauth_client=oauth_client)
    if not (given or new_code or preset or clear or tls.client_key_passphrase_stdin):
        session.settings_file.load().get_server(code)
        raise nothing_named(f"mailctl server edit {code} --smtp-port 587")
    if preset is not None:
        present = session.settings_file.load().get_server(code)
        incoming = {"protocol": present.incoming.protocol} | given.get("incoming", {})
        _tell_preset(session, {**given, "incoming": incoming}, preset)
    if new_code is not None:
        given["code"] = new_code
    _change(
        session,
        lambda fields: edit_server(code, fields, clear=clear or (), preset=preset),
        {"code": code, **given},
        _passphrase(code, tls),
        dry_run=dry_run,
        output=output,
    )


@app.command()
def show(context: typer.Context, code: Code, output: Output = OutputFormat.TABLE) -> None:
    """Show one server in full."""
    session = get_session(context)
    server = session.settings_file.load().get_server(code)
    if output is OutputFormat.JSON:
        session.terminal.data(server=server)
        return
    from mailctl.render.servers import server_in_full

    session.terminal.in_full(server_in_full(server, session.terminal.out))
    for warning in server.warnings:
        session.terminal.warn(warning)


@app.command("list")
def list_(context: typer.Context, output: Output = OutputFormat.TABLE) -> None:
    """List the servers in the catalogue's order."""
    session = get_session(context)
    servers = session.settings_file.load().servers
    if session.config is not None and not session.config_path.exists():
        session.terminal.say(f"note: the settings file {session.config_path} does not exist")
    if output is OutputFormat.JSON:
        session.terminal.data(servers=servers)
    elif servers:
        from mailctl.render.servers import SERVER_HEADERS, server_row

        session.terminal.table(SERVER_HEADERS, map(server_row, servers))
    else:
        session.terminal.say("no servers yet; `mailctl server add` adds one, `mailctl demo` shows how it works")


@app.command()
def reorder(
    context: typer.Context,
    codes: Annotated[
        list[str], typer.Argument(metavar="CODE…", autocompletion=complete_server_code, show_default=False)
    ],
    first: Annotated[bool, typer.Option("--first", help="Move the server to the top.")] = False,
    last: Annotated[bool, typer.Option("--last", help="Move the server to the end.")] = False,
    before: Annotated[
        str | None, typer.Option("--before", metavar="CODE", autocompletion=complete_server_code, show_default=False)
    ] = None,
    after: Annotated[
        str | None, typer.Option("--after", metavar="CODE", autocompletion=complete_server_code, show_default=False)
    ] = None,
    dry_run: DryRun = False,
    output: Output = OutputFormat.TABLE,
) -> None:
    """Put the catalogue into another order: all codes in the new order, or one code and its place.

    Examples:

      mailctl server reorder backup hq branch

      mailctl server reorder hq --first
    """
    from mailctl.services.catalogue.servers import Placement, move_server, order_servers

    session = get_session(context)
    placements = [Placement("first")] * first + [Placement("last")] * last
    placements += [Placement(where, anchor) for where, anchor in (("before", before), ("after", after)) if anchor]
    if len(placements) > 1:
        raise UsageError("take one of --first, --last, --before and --after")
    if placements and len(codes) != 1:
        raise UsageError("--first, --last, --before and --after move one server; name one code")
    edit_ = move_server(codes[0], placements[0]) if placements else order_servers(codes)
    change = apply_change(session, plain(edit_), dry_run=dry_run)
    if output is OutputFormat.JSON:
        session.terminal.data(**change.as_json(), servers=[server.code for server in change.after.servers])
    else:
        change.tell(session, "the catalogue has its new order", "the catalogue is in that order already")


@app.command()
def delete(
    context: typer.Context,
    code: Code,
    force: Annotated[
        bool, typer.Option("--force", help="Delete it even where it is in use; its users take a copy.")
    ] = False,
    yes: Yes = False,
    dry_run: DryRun = False,
    output: Output = OutputFormat.TABLE,
) -> None:
    """Delete a server from the catalogue."""
    session = get_session(context)
    server = session.settings_file.load().get_server(code)
    question = f"Delete the server '{code}' ({server.name})?"
    _delete(session, [server.code], question, f"deleted '{server.code}'", force=force, yes=yes, dry_run=dry_run,
            output=output)  # fmt: skip


@app.command("delete-all")
def delete_all(
    context: typer.Context,
    force: Annotated[
        bool, typer.Option("--force", help="Delete them even where they are in use; their users take a copy.")
    ] = False,
    yes: Yes = False,
    dry_run: DryRun = False,
    output: Output = OutputFormat.TABLE,
) -> None:
    """Delete all servers of the catalogue."""
    session = get_session(context)
    codes = [server.code for server in session.settings_file.load().servers]
    question = f"Delete all {len(codes)} servers?" if len(codes) != 1 else "Delete the only server?"
    done = f"deleted {len(codes)} server{'s' * (len(codes) != 1)}"
    _delete(session, codes, question, done, force=force, yes=yes, dry_run=dry_run, output=output)


def _delete(
    session: Session,
    codes: list[str],
    question: str,
    done: str,
    *,
    force: bool,
    yes: bool,
    dry_run: bool,
    output: OutputFormat,
) -> None:
    """Delete servers if a person agrees; what is refused is refused before anybody is asked."""
    from mailctl.services.accounts.account_servers import list_accounts_on
    from mailctl.services.catalogue.server_use import list_users
    from mailctl.services.catalogue.servers import delete_servers

    edit_ = delete_servers(codes, force=force)
    settings = session.settings_file.load()
    edit_(settings)
    detached = sorted({user for users in list_users(settings, codes).values() for user in users})
    detached += list_accounts_on(settings, codes)
    more = f" and {len(detached) - 3} more" if len(detached) > 3 else ""
    users = f"{', '.join(detached[:3])}{more}"
    if detached:
        question = f"{users} will go on with a copy of what is deleted. {question}"
    if codes:
        agree_to_delete(session, question, yes=yes, dry_run=dry_run)
    change = apply_change(session, plain(edit_), dry_run=dry_run)
    if output is OutputFormat.JSON:
        session.terminal.data(**change.as_json(), deleted=codes, **({"detached": detached} if detached else {}))
        return
    change.tell(session, done, "there are no servers")
    if detached and not dry_run:
        session.terminal.warn(f"{users} used what was deleted, and {'have' if detached[1:] else 'has'} a copy now")
    elif detached:
        session.terminal.say(f"{users} would go on with a copy of what is deleted")


app.command()(discover)


@app.command("import")
def import_(
    context: typer.Context,
    file: Annotated[str, typer.Argument(metavar="FILE", help="A file, or - for standard input.", show_default=False)],
    format_: Annotated[
        FileFormat | None, typer.Option("--format", help="Default: by the file's ending.", show_default=False)
    ] = None,
    new_only: Annotated[bool, typer.Option("--new-only", help="Refuse codes that exist already.")] = False,
    dry_run: DryRun = False,
    output: Output = OutputFormat.TABLE,
) -> None:
    """Add and update servers from a CSV, JSON or TOML file, all or nothing.

    The columns of CSV are the fields of `server show -o json`, joined by dots (smtp.host). Columns that are
    absent stay as they are, empty cells are cleared.

    Examples:

      mailctl server import servers.csv --dry-run

      mailctl server export --format csv | ssh other mailctl server import - --format csv
    """
    from mailctl.services.catalogue.server_files import format_of, read_rows
    from mailctl.services.catalogue.servers import Imported, import_servers

    session = get_session(context)
    source = "standard input" if file == "-" else file
    rows = read_rows(_read_file(file), format_of(file, format_), source)
    outcome = Imported([], [], [])
    edit_ = import_servers(rows, outcome, source=source, new_only=new_only)
    change = apply_change(session, plain(edit_), dry_run=dry_run)
    if output is OutputFormat.JSON:
        session.terminal.data(**change.as_json(), **outcome._asdict())
        return
    counts = ", ".join(f"{len(codes)} {fate}" for fate, codes in outcome._asdict().items() if codes) or "no servers"
    change.tell(session, f"imported {source}: {counts}", f"{source}: {counts}")


@app.command()
def export(
    context: typer.Context,
    format_: Annotated[
        FileFormat | None, typer.Option("--format", help="The format to write. Default: json.", show_default=False)
    ] = None,
    output: Annotated[
        OutputFormat | None, typer.Option("--output", "-o", help="json is --format json.", show_default=False)
    ] = None,
) -> None:
    """Write the catalogue to standard output, in a form that `server import` reads."""
    from mailctl.services.catalogue.server_files import write_rows

    if output is OutputFormat.JSON and format_ not in (None, FileFormat.JSON):
        raise UsageError(f"-o json and --format {format_} exclude each other")
    session = get_session(context)
    servers = session.settings_file.load().servers
    if format_ in (None, FileFormat.JSON):
        session.terminal.data(servers=servers)
    else:
        session.terminal.result(write_rows(servers, format_))


@app.command()
def presets(context: typer.Context, output: Output = OutputFormat.TABLE) -> None:
    """List the provider presets; as JSON, with their notes and the pages that their values come from."""
    from mailctl.render.presets import PRESET_HEADERS, preset_rows, presets_as_json

    terminal = get_session(context).terminal
    if output is OutputFormat.JSON:
        terminal.data(presets=presets_as_json())
        return
    terminal.table(PRESET_HEADERS, preset_rows())


def _given(outgoing: OutgoingOptions, incoming: IncomingOptions, tls: TlsOptionGroup, **plain: Any) -> dict[str, Any]:
    sections = {**outgoing.given(), **incoming.given(), **tls.given()}
    return {
        **{name: value for name, value in plain.items() if value is not None},
        **{name: section for name, section in sections.items() if section},
    }


def _tell_preset(session: Session, given: dict[str, Any], preset: str | None) -> None:
    """Say what should be said of a preset that is used; raises NotFoundError where there is none of that name."""
    if preset is None:
        return
    from mailctl.model.preset import get_preset, preset_remarks, replaced_hosts
    from mailctl.services.catalogue.servers import protocol_of

    found = get_preset(preset)
    if found is None:
        return
    for remark in preset_remarks(found, protocol_of(given)):
        session.terminal.say(f"note: {remark}")
    for replaced in replaced_hosts(found, given, ("smtp", "incoming")):
        session.terminal.warn(replaced)


def _passphrase(code: str, tls: TlsOptionGroup) -> dict[str, Secret]:
    """Return the client key's passphrase if standard input gives one, under the name by which it is stored."""
    if not tls.client_key_passphrase_stdin:
        return {}
    from mailctl.cli.secret_input import read_stdin_secret

    if tls.client_key_passphrase_from is not None:
        raise UsageError("--client-key-passphrase-stdin and --client-key-passphrase-from exclude each other")
    return {f"server:{code}/client-key-passphrase": read_stdin_secret("--client-key-passphrase")}


def _name_missing(code: str | None, given: dict[str, Any]) -> None:
    """Raise the error that names every option that is missing."""
    from mailctl.model.decode import decode_or_raise
    from mailctl.model.server import Server

    try:
        decode_or_raise(Server, {"code": code, **_SIDES, **given})
    except (InvalidValueError, ExclusiveSettingsError) as error:
        raise _as_options(error) from None


def _as_options(error: InvalidValueError | ExclusiveSettingsError) -> UsageError | ExclusiveSettingsError:
    """Return an error of a server's fields as `as_options` does; one of a missing side says that there are two."""
    incomplete = {problem.where.partition(".")[0] for problem in error.problems if problem.message == MISSING}
    if incomplete & _SIDES.keys():
        error.hint = "an entry has an outgoing (SMTP) and an incoming side (POP3 or IMAP); --preset NAME gives both"
    return as_options(error)


def _change(
    session: Session,
    edit_with: Callable[[dict[str, Any]], Edit],
    given: dict[str, Any],
    new: dict[str, Secret],
    *,
    dry_run: bool,
    output: OutputFormat,
) -> None:
    """Carry out an edit made of the given fields and the references of new secrets; tell what it did."""
    from mailctl.model.server import find_missing_authentication
    from mailctl.services.fields import merge_fields

    def edit_(settings: Settings, references: References) -> Settings:
        stored = [{"tls": {"client_key_passphrase": str(reference)}} for reference in references.values()]
        return edit_with(merge_fields(given, *stored))(settings)

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
        if added and change.changed and not dry_run:
            command = f"mailctl test send {server.code}"
            session.terminal.say(f"next: `{command} --depth tls` tries the connection; --to and --username, sending")
        unusual = find_missing_authentication(server.smtp)
        if change.changed and unusual and "smtp" in given:
            session.terminal.say(f"note: {unusual}")
    lost = change.before.find_server(server.code)
    if lost and lost.oauth_client and not server.oauth_client:
        session.terminal.say(f"note: {_without_client(server, lost.oauth_client)}")
    for side in ("smtp", "incoming"):
        if given.get(side, {}).get("security") == "none":
            session.terminal.warn(f"--{side}-security none: passwords and mail can be read on the way")
    for warning in server.warnings:
        session.terminal.warn(warning)


def _without_client(server: Server, client: str) -> str:
    """Return what is to be known of a server that has lost its OAuth client."""
    from mailctl.model.oauth_use import TOKEN_AUTHS

    said = f"'{server.code}' goes without the OAuth client '{client}' now; its hosts stay, and can be edited"
    if server.smtp.auth not in TOKEN_AUTHS and server.incoming.auth not in TOKEN_AUTHS:
        return said
    return f"{said}; its authentication still wants tokens (--smtp-auth auto --incoming-auth auto takes passwords)"


def _read_file(file: str) -> bytes:
    import sys

    if file == "-":
        return sys.stdin.buffer.read()
    try:
        return Path(file).read_bytes()
    except OSError as error:
        from mailctl.durable import cause_of

        raise UsageError(f"cannot read {file}: {cause_of(error)}") from None
