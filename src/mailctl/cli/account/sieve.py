"""Rules and out-of-office answers installed at an account's server, as both of their commands do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from mailctl.cli.mailbox import completing_errors, mailbox_access
from mailctl.cli.params import OutputFormat
from mailctl.cli.session import Session

if TYPE_CHECKING:
    from mailctl.model.account import Account
    from mailctl.services.accounts.sieve_install import Installed

Replace = Annotated[
    bool, typer.Option("--replace", help="Put another active script aside; it stays stored at the server.")
]


def install_rules_of(session: Session, address: str, *, replace: bool, dry_run: bool, output: OutputFormat) -> None:
    """Install an account's rules and its out-of-office answer, and tell what came of it."""
    from mailctl.services.accounts.sieve_install import install_rules, open_sieve, sieve_endpoint

    account = session.settings_file.load().get_account(address)
    access = mailbox_access(session, account)
    endpoint = sieve_endpoint(account, access)
    with completing_errors(access), open_sieve(account, access) as opened:
        installed = install_rules(account, access, opened, replace=replace, dry_run=dry_run)
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
        vacation=account.vacation is not None and account.vacation.active,
        removed=installed.script is None and installed.changed,
        replaced=installed.replaced,
        warnings=installed.warnings,
    )


def _tell(session: Session, installed: Installed, account: Account, host: str, *, dry_run: bool) -> None:
    from mailctl.services.accounts.sieve_install import SCRIPT_NAME

    terminal, where = session.terminal, f"'{SCRIPT_NAME}' at {host}"
    if installed.script is None:
        nothing = f"{account.address} has no filter and gives no answer"
        if not installed.changed:
            terminal.say(f"nothing to change: {nothing}, and there is no script {where}")
        elif dry_run:
            terminal.say(f"dry run, nothing was removed; without --dry-run: the script {where} is, since {nothing}")
        else:
            terminal.say(f"removed the script {where}: {nothing}")
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
