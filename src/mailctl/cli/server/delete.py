"""`mailctl server delete` and `delete-all`."""

from __future__ import annotations

from typing import Annotated

import typer

from mailctl.cli.changes import agree_to_delete, apply_change, plain
from mailctl.cli.params import DryRun, Output, OutputFormat, Yes
from mailctl.cli.server.fields import Code
from mailctl.cli.session import Session, get_session


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
