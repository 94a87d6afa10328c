"""Rules and out-of-office answers at an account's server, where both of their commands install them and remove them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Annotated

import typer

from mailctl.cli.account.options import Address
from mailctl.cli.mailbox import completing_errors, mailbox_access
from mailctl.cli.params import DryRun, Output, OutputFormat
from mailctl.cli.session import Session, get_session

if TYPE_CHECKING:
    from mailctl.model.account import Account
    from mailctl.services.accounts.installations import Part, ServerTimes
    from mailctl.services.accounts.mailbox import MailboxAccess
    from mailctl.services.accounts.sieve_install import Installed
    from mailctl.transport.managesieve.scripts import SieveSession

Replace = Annotated[
    bool, typer.Option("--replace", help="Put another active script aside; it stays stored at the server.")
]


def install_rules_of(session: Session, address: str, *, replace: bool, dry_run: bool, output: OutputFormat) -> None:
    """Install an account's rules and its out-of-office answer, and tell what came of it."""
    from mailctl.services.accounts.installations import Part
    from mailctl.services.accounts.sieve_install import install_rules, sieve_endpoint

    account = session.settings_file.load().get_account(address)
    access = mailbox_access(session, account)
    endpoint = sieve_endpoint(account, access)
    answers = account.vacation is not None and account.vacation.active
    parts = [Part.FILTERS] * bool(account.filters) + [Part.VACATION] * answers

    def install(opened: SieveSession) -> Installed:
        return install_rules(account, access, opened, replace=replace, dry_run=dry_run)

    installed = _change_script(session, account, access, install, parts, dry_run=dry_run)
    if output is OutputFormat.TABLE:
        _tell(session, installed, account, endpoint.host, dry_run=dry_run)
        return
    rehearsal = {"dry_run": True, "script": installed.script} if dry_run else {}
    session.terminal.data(
        changed=installed.changed,
        **rehearsal,
        account=account.address,
        server=f"{endpoint.host}:{endpoint.port}",
        filters=[rule.name for rule in account.filters],
        vacation=answers,
        removed=installed.script is None and installed.changed,
        replaced=installed.replaced,
        warnings=installed.warnings,
        inactive=installed.inactive,
    )


def uninstall(
    context: typer.Context, address: Address, dry_run: DryRun = False, output: Output = OutputFormat.TABLE
) -> None:
    """Remove the script from the account's server: filters and answer together. They stay kept here, and run from here.

    Examples:

      mailctl account filter uninstall taro@example.org
    """
    from mailctl.services.accounts.sieve_install import remove_rules, sieve_endpoint

    session = get_session(context)
    account = session.settings_file.load().get_account(address)
    access = mailbox_access(session, account)
    endpoint = sieve_endpoint(account, access)

    def remove(opened: SieveSession) -> Installed:
        return remove_rules(opened, dry_run=dry_run)

    removed = _change_script(session, account, access, remove, (), dry_run=dry_run)
    if output is OutputFormat.TABLE:
        _tell_removed(session, removed, endpoint.host, None, dry_run=dry_run)
        return
    rehearsal = {"dry_run": True} if dry_run else {}
    session.terminal.data(
        changed=removed.changed,
        **rehearsal,
        account=account.address,
        server=f"{endpoint.host}:{endpoint.port}",
        removed=removed.changed,
        inactive=removed.inactive,
    )


def server_times(session: Session, account: Account, part: Part) -> ServerTimes:
    """Return when the account's server did a part by itself, as far as these settings know."""
    from mailctl.services.accounts.installations import read_server_times
    from mailctl.services.accounts.ledger_owner import ledger_owner

    path = session.settings_file.path
    return read_server_times(path, ledger_owner(path, session.settings_file.load(), account), part)


def _change_script(
    session: Session,
    account: Account,
    access: MailboxAccess,
    change: Callable[[SieveSession], Installed],
    parts: Iterable[Part],
    *,
    dry_run: bool,
) -> Installed:
    """Change the script at the account's server, and remember of what parts it is from then on."""
    from mailctl.services.accounts.installations import LEDGER_NAME, InstallationRecord, append_installation
    from mailctl.services.accounts.ledger_owner import ledger_owner
    from mailctl.services.accounts.sieve_install import open_sieve
    from mailctl.store.ledger import open_ledger

    path = session.settings_file.path
    owner = ledger_owner(path, session.settings_file.load(), account)
    if dry_run:
        with completing_errors(access), open_sieve(account, access) as opened:
            return change(opened)
    with (
        completing_errors(access),
        open_ledger(path, owner, LEDGER_NAME, InstallationRecord) as ledger,
        open_sieve(account, access) as opened,
    ):
        changed = change(opened)
        append_installation(ledger, parts, dt.datetime.now(dt.UTC))
    return changed


def _tell_removed(session: Session, removed: Installed, host: str, nothing: str | None, *, dry_run: bool) -> None:
    """Tell of a removal. `nothing`: why there is nothing to install, where that is its reason."""
    from mailctl.services.accounts.sieve_install import SCRIPT_NAME

    terminal, where = session.terminal, f"'{SCRIPT_NAME}' at {host}"
    if not removed.changed:
        terminal.say(f"nothing to change: {f'{nothing}, and ' if nothing else ''}there is no script {where}")
        return
    if dry_run:
        since = f", since {nothing}" if nothing else ""
        terminal.say(f"dry run, nothing was removed; without --dry-run: the script {where} is{since}")
    else:
        terminal.say(f"removed the script {where}{f': {nothing}' if nothing else ''}")
    if removed.inactive:
        names = ", ".join(f"'{name}'" for name in removed.inactive)
        runs = "would run" if dry_run else "runs"
        terminal.say(
            f"note: the server {runs} no script then; stored there, and not active: {names}. What made a script, "
            "such as a webmail, makes it active again"
        )


def _tell(session: Session, installed: Installed, account: Account, host: str, *, dry_run: bool) -> None:
    from mailctl.services.accounts.sieve_install import SCRIPT_NAME

    terminal, where = session.terminal, f"'{SCRIPT_NAME}' at {host}"
    if installed.script is None:
        nothing = f"{account.address} has no filter and gives no answer"
        _tell_removed(session, installed, host, nothing, dry_run=dry_run)
        return
    if installed.warnings:
        terminal.warn(f"the server says of the script: {installed.warnings}")
    count = len(account.filters)
    rules = "1 filter" if count == 1 else f"{count} filters"
    if account.vacation and account.vacation.active:
        rules += " and the out-of-office answer" if count else ""
        rules = rules if count else "the out-of-office answer"
    if not installed.changed:
        terminal.say(f"nothing to change: the script {where} says the same already, and is active")
    elif dry_run:
        terminal.result(installed.script.replace("\r\n", "\n").rstrip("\n"))
        terminal.say(f"dry run, nothing was stored; without --dry-run: {rules} as the active script {where}")
    else:
        terminal.say(f"installed {rules} as the active script {where}: it runs when new mail is delivered")
    if installed.replaced and installed.changed:
        aside = "would be" if dry_run else "was"
        terminal.say(f"note: the script '{installed.replaced}' {aside} put aside; it is stored there still")
