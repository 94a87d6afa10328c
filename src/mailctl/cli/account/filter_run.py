"""`mailctl account filter run`: the rules, run from here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from mailctl.cli.account.options import Address
from mailctl.cli.account.runs import exit_for_undone, telling_partly_done
from mailctl.cli.account.sieve import server_times
from mailctl.cli.mailbox import open_mailbox
from mailctl.cli.params import DryRun, Output, OutputFormat
from mailctl.cli.session import Session, get_session

if TYPE_CHECKING:
    from mailctl.model.account import Account
    from mailctl.services.accounts.filter_run import FilterRun, Handled
    from mailctl.services.accounts.installations import ServerTimes


def run(
    context: typer.Context,
    address: Address,
    folder: Annotated[str, typer.Option("--folder", metavar="FOLDER", help="The folder to look through.")] = "INBOX",
    again: Annotated[
        bool, typer.Option("--all", help="Also the messages that were looked at before, as after a change of rules.")
    ] = False,
    after_server: Annotated[
        bool,
        typer.Option(
            "--after-server",
            help="As --all, with what came while the server ran the rules itself: copied and redirected twice.",
        ),
    ] = False,
    dry_run: DryRun = False,
    output: Output = OutputFormat.TABLE,
) -> None:
    """Run the rules from here, over IMAP, where the server runs none itself (Gmail, Microsoft 365).

    Each message is looked at once, however often and by whom this is run, so a timer may do it; the first run looks at
    all that the folder has. What came while the rules were installed at the server is left to it. A dry run shows what
    would become of which message.

    Examples:

      mailctl account filter run taro@example.org --dry-run

      mailctl account filter run taro@example.org
    """
    from mailctl.cli.progress import show_progress
    from mailctl.cli.sending.sender_choice import account_outbox
    from mailctl.services.accounts.filter_ledger import LEDGER_NAME, FilterRecord
    from mailctl.services.accounts.filter_run import FilterRun
    from mailctl.services.accounts.installations import Part, ServerTimes
    from mailctl.services.accounts.ledger_owner import ledger_owner
    from mailctl.services.sending.deliveries import open_deliveries
    from mailctl.store.ledger import open_ledger
    from mailctl.transport.imap.filing import ImapFiling
    from mailctl.transport.imap.folders import ImapFolders

    session = get_session(context)
    account = session.settings_file.load().get_account(address)
    handled: list[Handled] = []
    if not account.filters:
        # Looked at without rules, messages would count as looked at when there are some.
        _tell_run(session, account, None, handled, output, dry_run=dry_run)
        return
    by_server = ServerTimes((), Part.FILTERS) if after_server else server_times(session, account, Part.FILTERS)
    owner = ledger_owner(session.settings_file.path, session.settings_file.load(), account)
    with (
        telling_partly_done(session, handled, lambda: _tell_handled(session, handled), output),
        open_ledger(session.settings_file.path, owner, LEDGER_NAME, FilterRecord) as ledger,
        open_deliveries(account_outbox(session, account)) as deliveries,
        open_mailbox(session, account) as opened,
        show_progress(session, "looking at messages") as advance,
    ):
        folders = ImapFolders(opened)
        running = FilterRun(
            account, folders, ImapFiling(opened, folders), ledger, deliveries, by_server=by_server, folder=folder
        )
        for one in running.run(again=again or after_server, dry_run=dry_run, on_progress=advance):
            handled.append(one)  # noqa: PERF402 - `extend` need not keep what came before an error
    _tell_run(session, account, running, handled, output, dry_run=dry_run)
    if output is OutputFormat.TABLE:
        _tell_left_to_server(session, account.address, by_server, running.left_to_server)
    exit_for_undone([one for one in handled if one.problem])


def _tell_run(
    session: Session,
    account: Account,
    running: FilterRun | None,
    handled: list[Handled],
    output: OutputFormat,
    *,
    dry_run: bool,
) -> None:
    """Tell of a run; None where there was nothing to run."""
    address = account.address
    looked_at, left, missing = (running.looked_at, running.left_to_server, running.missing) if running else (0, 0, [])
    if output is OutputFormat.JSON:
        rehearsal = {"dry_run": True} if dry_run else {}
        session.terminal.data(
            changed=bool(handled) and not dry_run,
            **rehearsal,
            account=address,
            looked_at=looked_at,
            left_to_server=left,
            created=missing,
            messages=handled,
        )
        return
    if not account.filters:
        session.terminal.say(f"{address} has no filters; `mailctl account filter add` adds one")
        return
    _tell_handled(session, handled)
    if missing:
        names = ", ".join(f"'{name}'" for name in missing)
        session.terminal.say(f"{'would be created' if dry_run else 'created'}: {names}")
    looked = "1 message" if looked_at == 1 else f"{looked_at} messages"
    rules = "rules apply to none of them" if not handled else f"rules apply to {len(handled)}"
    undone = "; dry run, nothing was done" if dry_run else ""
    found = f"looked at {looked} of {address}: {rules}{undone}"
    session.terminal.say(found if looked_at else f"no message of {address} is new to the rules")


def _tell_left_to_server(session: Session, address: str, by_server: ServerTimes, left: int) -> None:
    """Say what the server has run the rules on, or does, and how that ends."""
    messages = "1 message" if left == 1 else f"{left} messages"
    if by_server.since:
        so_far = f"; {messages} so far" if left else ""
        session.terminal.say(
            f"note: the rules are installed at the server since {by_server.since.astimezone():%Y-%m-%d %H:%M}, and "
            f"what came since is left to it{so_far}. `mailctl account filter uninstall {address}` ends that"
        )
    elif left:
        session.terminal.say(f"note: {messages} came while the server ran the rules itself; left as it did with them")


def _tell_handled(session: Session, handled: list[Handled]) -> None:
    from mailctl.render.filters import HANDLED_HEADERS, handled_rows

    if handled:
        session.terminal.table(HANDLED_HEADERS, handled_rows(handled))
    for one in handled:
        if one.problem:
            session.terminal.warn(f"'{one.subject}' from {one.sender} stays where it is: {one.problem}")
