"""`mailctl server import` and `export`: the catalogue as a file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mailctl.cli.changes import apply_change, plain
from mailctl.cli.params import DryRun, Output, OutputFormat
from mailctl.cli.session import get_session
from mailctl.errors import UsageError
from mailctl.model.file_format import FileFormat


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


def _read_file(file: str) -> bytes:
    import sys

    if file == "-":
        return sys.stdin.buffer.read()
    try:
        return Path(file).read_bytes()
    except OSError as error:
        from mailctl.durable import cause_of

        raise UsageError(f"cannot read {file}: {cause_of(error)}") from None
