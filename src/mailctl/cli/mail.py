"""`mailctl mail`: people's folders and messages, looked at and left as they are."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from mailctl.cli.completion import complete_account, complete_owner, words
from mailctl.cli.mailbox import mailbox_access, warn_of_unverified
from mailctl.cli.option_names import missing_input
from mailctl.cli.params import Output, OutputFormat
from mailctl.cli.session import Session, get_session
from mailctl.errors import InvalidValueError, Problem, UsageError
from mailctl.exits import exit_for
from mailctl.model.folders import FolderRole, parse_folder_name

if TYPE_CHECKING:
    from collections.abc import Callable

    from mailctl.model.account import Account
    from mailctl.model.settings import Settings
    from mailctl.services.accounts.mail_list import Listed
    from mailctl.services.accounts.mailbox import MailboxAccess
    from mailctl.services.accounts.mailboxes import Readings
    from mailctl.transport.network.limits import Deadline

app = typer.Typer(help="Look at people's mail: folders and messages. Nothing is marked as read.")

T = TypeVar("T")
_LIMIT_MAX = 5000

OneAddress = Annotated[
    str | None,
    typer.Argument(metavar="ADDRESS", help="One account's.", autocompletion=complete_account, show_default=False),
]
Owner = Annotated[
    str | None,
    typer.Option(
        "--owner", metavar="WHO", help="All accounts of one person.", autocompletion=complete_owner, show_default=False
    ),
]


@app.command("list")
def list_(
    context: typer.Context,
    address: OneAddress = None,
    owner: Owner = None,
    folder: Annotated[
        str,
        typer.Option(
            "--folder",
            metavar="FOLDER",
            help="A role (inbox, drafts, sent, spam, trash, archive) or a folder's name.",
            autocompletion=words(*FolderRole),
        ),
    ] = FolderRole.INBOX,
    threads: Annotated[
        bool | None,
        typer.Option(
            "--threads/--no-threads",
            help="Show answers below what they answer. Default: the owner's layout.",
            show_default=False,
        ),
    ] = None,
    merge: Annotated[
        bool | None,
        typer.Option(
            "--merge/--no-merge", help="Make one list of all accounts. Default: the owner's layout.", show_default=False
        ),
    ] = None,
    limit: Annotated[
        int,
        typer.Option(
            "--limit",
            metavar="N",
            min=1,
            max=_LIMIT_MAX,
            help="So many messages, the newest ones; with --no-merge, of each account.",
        ),
    ] = 50,
    output: Output = OutputFormat.TABLE,
) -> None:
    """List the newest messages of a folder: of one account, or of all accounts of a person as one list.

    Nothing is changed, and nothing is marked as read. N marks what nobody has seen, F what is flagged, A what is
    answered. In threads, the one with the newest message comes first. An account that fails is named, the others are
    shown, and the exit code is that of the failure. For sent mail and drafts, TO stands in the place of FROM.

    POP3 shows the inbox alone, and tells no flags, so that nothing has a mark. In its JSON, "flags" is null, "uid" the
    unique id (null where the server gives none), and "date" null for a message that bears none.

    Examples:

      mailctl mail list taro@example.org --limit 20

      mailctl mail list --owner taro --threads

      mailctl mail list taro@example.org --folder sent -o json
    """
    from mailctl.services.accounts.layouts import get_layout
    from mailctl.services.accounts.mail_list import merge as merge_all
    from mailctl.services.accounts.mail_list import merge_each, read_folder

    session = get_session(context)
    folder = _parse_folder(folder)
    settings = session.settings_file.load()
    accounts = _choose(settings, address, owner)
    layout = get_layout(settings, accounts[0].owner)
    in_threads = layout.threads if threads is None else threads
    merged = layout.merge if merge is None else merge
    by_server = in_threads and (len(accounts) == 1 or not merged)
    readings = _read_all(
        session,
        accounts,
        lambda account, access, deadline: read_folder(
            account, access, folder, limit, threads=by_server, deadline=deadline
        ),
    )
    order = merge_all if merged else merge_each
    messages = order(readings.found.values(), limit, threads=in_threads)
    if output is OutputFormat.JSON:
        session.terminal.data(messages=[message.as_json() for message in messages], failed=_failures(readings))
    elif messages:
        _print(session, messages, with_account=len(accounts) > 1)
    elif readings.found:
        session.terminal.say(f"no messages in '{folder}' of {', '.join(readings.found)}")
    _end(session, readings, output)


@app.command()
def folders(
    context: typer.Context, address: OneAddress = None, owner: Owner = None, output: Output = OutputFormat.TABLE
) -> None:
    """List folders with what they are for and how many messages they hold; of one account, or all of a person's.

    POP3 shows the inbox alone, and does not tell how many messages nobody has seen.

    Examples:

      mailctl mail folders taro@example.org

      mailctl mail folders --owner taro -o json
    """
    from mailctl.services.accounts.mail_folders import count_folders

    session = get_session(context)
    accounts = _choose(session.settings_file.load(), address, owner)
    readings = _read_all(session, accounts, count_folders)
    counted = [folder for found in readings.found.values() for folder in found]
    if output is OutputFormat.JSON:
        session.terminal.data(folders=counted, failed=_failures(readings))
    elif counted:
        from mailctl.render.mail import ACCOUNT_HEADER, FOLDER_HEADERS, folder_rows

        several = len(accounts) > 1
        headers = (*FOLDER_HEADERS, *([ACCOUNT_HEADER] if several else []))
        session.terminal.table(headers, folder_rows(counted, with_account=several))
    _end(session, readings, output)


def _parse_folder(text: str) -> str:
    try:
        return parse_folder_name(text) if text not in set(FolderRole) else text
    except ValueError as error:
        raise InvalidValueError([Problem("--folder", str(error))]) from None


def _choose(settings: Settings, address: str | None, owner: str | None) -> list[Account]:
    """Return whose mail is meant: one account, or a person's own; those that others share with them are not theirs.

    Where there is but one person, nobody need be named.
    """
    if address is not None and owner is not None:
        raise UsageError("ADDRESS and --owner exclude each other: one account, or all of a person's")
    if address is not None:
        return [settings.get_account(address)]
    owners = {account.owner for account in settings.accounts}
    if owner is None and len(owners) != 1:
        raise missing_input(["ADDRESS or --owner"], hint="`mailctl account list` shows both")
    name = settings.get_main_account(owner).owner if owner is not None else owners.pop()
    return [account for account in settings.accounts if account.owner == name]


def _read_all(
    session: Session, accounts: Sequence[Account], read: Callable[[Account, MailboxAccess, Deadline], T]
) -> Readings[T]:
    """Read mailboxes at once; raises the error of a lone one."""
    from mailctl.render.mailbox import complete_mailbox_error
    from mailctl.services.accounts.mailboxes import read_mailboxes

    by_address = {account.address: account for account in accounts}
    accesses = [mailbox_access(session, account) for account in accounts]
    for access in accesses:
        warn_of_unverified(session, access)
    readings = read_mailboxes(accesses, lambda access, deadline: read(by_address[access.address], access, deadline))
    for access in accesses:
        if error := readings.failed.get(access.address):
            complete_mailbox_error(error, access)
            if len(accesses) == 1:
                raise error
    return readings


def _failures(readings: Readings[Any]) -> list[dict[str, Any]]:
    from mailctl.render.errors import describe_error

    return [{"account": address, "error": describe_error(error)} for address, error in readings.failed.items()]


def _print(session: Session, messages: Sequence[Listed], *, with_account: bool) -> None:
    from mailctl.render.mail import render_messages

    now = dt.datetime.now().astimezone()
    terminal = session.terminal
    terminal.result(render_messages(messages, now, terminal.out, width=terminal.width, with_account=with_account))


def _end(session: Session, readings: Readings[Any], output: OutputFormat) -> None:
    """Tell which accounts failed, and end with the exit code of that."""
    from mailctl.services.sending.batch import exit_of_batch

    failed = list(readings.failed.values())
    if output is OutputFormat.TABLE:
        for error in failed:
            session.terminal.error(error, exit_for(error))
    if failed:
        raise typer.Exit(exit_of_batch(failed))
