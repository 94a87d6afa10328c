"""`mailctl account pop3 collect`: what further mailboxes hold comes into a folder of the account."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from mailctl.cli.account.options import Address
from mailctl.cli.account.source_options import complete_source
from mailctl.cli.mailbox import mailbox_access, open_mailbox
from mailctl.cli.params import DryRun, Output, OutputFormat
from mailctl.cli.session import Session, get_session
from mailctl.errors import MailctlError, UsageError
from mailctl.exits import Exit, exit_for

if TYPE_CHECKING:
    from mailctl.model.account import Account
    from mailctl.model.collection import CollectionSource
    from mailctl.services.accounts.collect import Collected

    Result = tuple[Collected, MailctlError | None]


def collect(
    context: typer.Context,
    address: Address,
    names: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="NAME…", help="Default: all of them.", autocompletion=complete_source, show_default=False
        ),
    ] = None,
    dry_run: DryRun = False,
    output: Output = OutputFormat.TABLE,
) -> None:
    """Collect what is new, each message once, and delete on the POP3 server what is due.

    It may be interrupted at any moment, and run again and again, by a timer too: nothing is lost, and nothing comes
    twice. A message that the account's server refuses is named, and stays where it is. A dry run says how much there
    is.

    Examples:

      mailctl account pop3 collect taro@example.org
    """
    from mailctl.services.accounts.collection_sources import get_source
    from mailctl.services.sending.batch import exit_of_batch

    session = get_session(context)
    account = session.settings_file.load().get_account(address)
    mailbox_access(session, account).require_imap()
    sources = [get_source(account, name) for name in dict.fromkeys(names)] if names else list(account.pop3)
    if not sources:
        hint = f"`mailctl account pop3 add {account.address} NAME --host HOST --username USER --into FOLDER`"
        raise UsageError(f"{account.address} collects from nowhere", hint=hint)
    results = [_collect(session, account, source, dry_run=dry_run) for source in sources]
    if output is OutputFormat.JSON:
        from mailctl.render.collection import describe_results

        changed = any(collected.changed for collected, _ in results) and not dry_run
        rehearsal = {"dry_run": True} if dry_run else {}
        session.terminal.data(changed=changed, **rehearsal, account=account.address, pop3=describe_results(results))
    else:
        _tell_results(session, account, results, dry_run=dry_run)
    failures = [error for _, error in results if error]
    if failures:
        raise typer.Exit(exit_of_batch(failures))
    if any(collected.left for collected, _ in results):
        raise typer.Exit(Exit.REFUSED)


def _collect(session: Session, account: Account, source: CollectionSource, *, dry_run: bool) -> Result:
    """Collect from one source; what stops it is returned, with what was done until then."""
    from mailctl.cli.progress import show_progress
    from mailctl.model.secret import parse_secret_ref
    from mailctl.render.mailbox import complete_source_error
    from mailctl.services.accounts.collect import Collected, CollectionRun, open_source
    from mailctl.services.accounts.collection_ledger import CollectionLedger, CollectionRecord, ledger_name
    from mailctl.services.accounts.ledger_owner import ledger_owner
    from mailctl.store.ledger import open_ledger
    from mailctl.transport.pop3.maildrop import Pop3Maildrop

    path = session.settings_file.path
    owner = ledger_owner(path, session.settings_file.load(), account)
    if not source.tls.verify:
        session.terminal.warn(f"certificate verification is off for {source.host}")
    collected = Collected(source=source.name)
    try:
        with (
            open_ledger(path, owner, ledger_name(source), CollectionRecord) as ledger,
            open_source(
                account.address,
                source,
                lambda reference: session.secrets.get(parse_secret_ref(reference)),
                path.parent,
            ) as opened,
            show_progress(session, f"collecting from {source.name}") as advance,
        ):
            run = CollectionRun(
                source, Pop3Maildrop(opened), lambda: open_mailbox(session, account), CollectionLedger(ledger)
            )
            collected = run.collected
            run.run(dry_run=dry_run, on_progress=advance)
    except MailctlError as error:
        complete_source_error(error, account.address, source)
        return collected, error
    return collected, None


def _tell_results(session: Session, account: Account, results: list[Result], *, dry_run: bool) -> None:
    from mailctl.render.collection import REHEARSAL_HEADERS, RESULT_HEADERS, counted, result_rows

    if any(error is None for _, error in results):
        session.terminal.table(REHEARSAL_HEADERS if dry_run else RESULT_HEADERS, result_rows(results))
    for collected, error in results:
        for left in collected.left:
            what = f"'{left.subject}' from {left.sender}" if left.subject or left.sender else f"message {left.uid}"
            session.terminal.warn(f"{collected.source}: {what} is not collected: {left.problem}")
        if collected.undeleted:
            session.terminal.warn(
                f"{collected.source}: the server still lists {counted(collected.undeleted)} that it was told to "
                "delete; look into its own settings for POP3"
            )
        if error:
            error.message = f"{collected.source}: {error.message}"
            session.terminal.error(error, exit_for(error))
    if all(error and not collected.changed for collected, error in results):
        return
    total = counted(sum(collected.collected for collected, _ in results))
    deleted = sum(collected.deleted for collected, _ in results)
    if dry_run:
        gone = f", {deleted} to be deleted on the POP3 server" if deleted else ""
        session.terminal.say(f"{total} to be collected for {account.address}{gone}; dry run, nothing was done")
    else:
        gone = f", {deleted} deleted on the POP3 server" if deleted else ""
        session.terminal.say(f"{total} collected for {account.address}{gone}")
