"""`mailctl server`: the catalogue of mail servers."""

from __future__ import annotations

from typing import Annotated

import typer

from mailctl.cli.changes import apply_change, plain
from mailctl.cli.completion import complete_oauth_client, complete_preset, complete_server_code
from mailctl.cli.option_names import nothing_named
from mailctl.cli.params import Clear, DryRun, Output, OutputFormat, expand_options
from mailctl.cli.placement import First, Last, read_placement
from mailctl.cli.secret_input import read_given_secrets
from mailctl.cli.server.delete import delete, delete_all
from mailctl.cli.server.discover import discover
from mailctl.cli.server.fields import SIDES, Code, change_server, gather_fields, name_missing, tell_trial
from mailctl.cli.server.files import export, import_
from mailctl.cli.server_options import IncomingOptions, OutgoingOptions, TlsOptionGroup
from mailctl.cli.session import Session, get_session

app = typer.Typer(help="The catalogue of mail servers: an ordered list, each entry under one code.")

Preset = Annotated[
    str | None,
    typer.Option(
        "--preset",
        help="A provider's hosts and ports; `server presets` lists them.",
        autocompletion=complete_preset,
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
    given = gather_fields(outgoing, incoming, tls, name=name, oauth_client=oauth_client)
    is_asked = code is None or not (preset or oauth_client or given.get("smtp") or given.get("incoming"))
    if is_asked:
        if not session.terminal.interactive:
            name_missing(code, given)
        from mailctl.cli.server.wizard import run_wizard

        given, preset = run_wizard(session, code, given, preset), None
    else:
        if name is None and session.terminal.interactive and (preset or oauth_client):
            given["name"] = _ask_name(session, code, preset)
        given = {"code": code, **SIDES, **given}
    change = change_server(
        session,
        str(given["code"]),
        lambda fields: add_server(fields, preset=preset, if_not_exists=if_not_exists),
        given,
        read_given_secrets(tls.secrets()),
        preset=preset,
        dry_run=dry_run,
        output=output,
    )
    if change.changed and not is_asked and not dry_run and output is OutputFormat.TABLE:
        tell_trial(session, str(given["code"]))


def _ask_name(session: Session, code: str | None, preset: str | None) -> str:
    """Ask for what neither a preset nor an OAuth client gives."""
    from mailctl.model.preset import get_preset
    from mailctl.model.values import parse_name

    known = get_preset(preset) if preset else None
    return session.terminal.ask_for("Name", parse_name, default=known.title if known else code)


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
    given = gather_fields(outgoing, incoming, tls, name=name, oauth_client=oauth_client)
    if not (given or new_code or preset or clear or tls.client_key_passphrase_stdin):
        session.settings_file.load().get_server(code)
        raise nothing_named(f"mailctl server edit {code} --smtp-port 587")
    if new_code is not None:
        given["code"] = new_code
    change_server(
        session,
        code,
        lambda fields: edit_server(code, fields, clear=clear or (), preset=preset),
        {"code": code, **given},
        read_given_secrets(tls.secrets()),
        preset=preset,
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
    first: First = False,
    last: Last = False,
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
    from mailctl.services.catalogue.servers import move_server, order_servers

    session = get_session(context)
    placement = read_placement(codes, what="server", first=first, last=last, before=before, after=after)
    edit_ = move_server(codes[0], placement) if placement else order_servers(codes)
    change = apply_change(session, plain(edit_), dry_run=dry_run)
    if output is OutputFormat.JSON:
        session.terminal.data(**change.as_json(), servers=[server.code for server in change.after.servers])
    else:
        change.tell(session, "the catalogue has its new order", "the catalogue is in that order already")


app.command()(delete)
app.command("delete-all")(delete_all)
app.command()(discover)
app.command("import")(import_)
app.command()(export)


@app.command()
def presets(context: typer.Context, output: Output = OutputFormat.TABLE) -> None:
    """List the provider presets; as JSON, with their notes and the pages that their values come from."""
    from mailctl.render.presets import PRESET_HEADERS, preset_rows, presets_as_json

    terminal = get_session(context).terminal
    if output is OutputFormat.JSON:
        terminal.data(presets=presets_as_json())
        return
    terminal.table(PRESET_HEADERS, preset_rows())
