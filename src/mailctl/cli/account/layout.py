"""`mailctl account layout`: how somebody's mail is listed."""

from __future__ import annotations

from typing import Annotated

import typer

from mailctl.cli.changes import apply_change, plain
from mailctl.cli.completion import complete_owner
from mailctl.cli.params import DryRun, Output, OutputFormat
from mailctl.cli.session import get_session


def layout(
    context: typer.Context,
    owner: Annotated[
        str,
        typer.Argument(metavar="OWNER", help="Whose mail.", autocompletion=complete_owner, show_default=False),
    ],
    threads: Annotated[
        bool | None,
        typer.Option("--threads/--no-threads", help="Show answers below what they answer.", show_default=False),
    ] = None,
    merge: Annotated[
        bool | None,
        typer.Option("--merge/--no-merge", help="Make one list of all accounts' folders.", show_default=False),
    ] = None,
    dry_run: DryRun = False,
    output: Output = OutputFormat.TABLE,
) -> None:
    """Say how somebody's mail is listed by `mail list`, or, without options, show it.

    It is --no-threads and --merge until something else is said.

    Examples:

      mailctl account layout taro --threads
    """
    from mailctl.services.accounts.layouts import get_layout, set_layout

    session = get_session(context)
    if threads is None and merge is None:
        shown = get_layout(session.settings_file.load(), owner)
        if output is OutputFormat.JSON:
            session.terminal.data(layout=shown)
        else:
            from mailctl.render.mail import render_layout

            session.terminal.result(render_layout(shown))
        return
    change = apply_change(session, plain(set_layout(owner, threads=threads, merge=merge)), dry_run=dry_run)
    after = get_layout(change.after, owner)
    if output is OutputFormat.JSON:
        session.terminal.data(**change.as_json(), layout=after)
        return
    from mailctl.render.mail import describe_layout

    change.tell(session, f"the mail of {after.owner} is listed {describe_layout(after)}", "it is listed so already")
