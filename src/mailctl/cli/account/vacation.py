"""`mailctl account vacation`: what is answered to those who write while somebody is out of office."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mailctl.cli.account.options import Address
from mailctl.cli.account.runs import exit_for_undone, telling_partly_done
from mailctl.cli.account.sieve import Replace, install_rules_of, server_times, uninstall
from mailctl.cli.changes import AppliedChange, apply_change, plain
from mailctl.cli.mailbox import open_mailbox
from mailctl.cli.option_names import missing_input
from mailctl.cli.params import DryRun, Output, OutputFormat
from mailctl.cli.session import Session, get_session
from mailctl.errors import ExclusiveSettingsError, InvalidValueError, Problem

if TYPE_CHECKING:
    from mailctl.services.accounts.vacation_run import Answered

app = typer.Typer(help="What is answered to those who write while somebody is out of office.")

_OPTIONS = {"text": "--body-file", "from_date": "--from-date", "every_days": "--every"}


@app.command("set")
def set_(
    context: typer.Context,
    address: Address,
    subject: Annotated[
        str | None, typer.Option("--subject", metavar="TEXT", help="The answer's subject.", show_default=False)
    ] = None,
    body_file: Annotated[
        Path | None,
        typer.Option("--body-file", metavar="FILE", help="The answer's text, in UTF-8; - for standard input."),
    ] = None,
    from_date: Annotated[
        str | None,
        typer.Option(
            "--from-date",
            metavar="YYYY-MM-DD",
            help="The first day, a whole one. Default: from now on.",
            show_default=False,
        ),
    ] = None,
    until: Annotated[
        str | None,
        typer.Option(
            "--until", metavar="YYYY-MM-DD", help="The last day. Default: until it is off.", show_default=False
        ),
    ] = None,
    every: Annotated[
        str | None,
        typer.Option(
            "--every", metavar="DAYS", help="Nobody gets it twice in so many days. Default: 7.", show_default=False
        ),
    ] = None,
    dry_run: DryRun = False,
    output: Output = OutputFormat.TABLE,
) -> None:
    """Set the answer, or change it, and switch it on here; `vacation install` or `vacation run` lets it be given.

    Examples:

      mailctl account vacation set taro@example.org --subject 'Out of office' --body-file away.txt --until 2027-01-03
    """
    from mailctl.services.accounts.vacations import set_vacation

    session = get_session(context)
    account = session.settings_file.load().get_account(address)
    given = {
        "subject": subject,
        "text": None if body_file is None else _read_text(session, body_file),
        "from_date": from_date,
        "until": until,
        "every_days": every,
    }
    fields = {name: value for name, value in given.items() if value is not None}
    present = account.vacation is not None
    missing = [] if present else [option for option in ("--subject", "--body-file") if _field(option) not in fields]
    if missing:
        raise missing_input(missing)
    try:
        edit = set_vacation(account.address, fields, dt.datetime.now().astimezone())
        change = apply_change(session, plain(edit), dry_run=dry_run)
    except (InvalidValueError, ExclusiveSettingsError) as error:
        problems = [Problem(_option(problem.where), problem.message) for problem in error.problems]
        raise type(error)(problems, hint=error.hint) from None
    _tell(session, change, account.address, f"the out-of-office answer of {account.address} is on", output)
    if change.changed and not dry_run and output is OutputFormat.TABLE:
        session.terminal.say(
            f"next: `mailctl account vacation install {account.address}` where the server speaks ManageSieve, "
            f"else `mailctl account vacation run {account.address}` by a timer"
        )


@app.command()
def show(context: typer.Context, address: Address, output: Output = OutputFormat.TABLE) -> None:
    """Show the answer, whether it is given today, and whether the server gives it by itself, as it was installed."""
    from mailctl.services.accounts.installations import Part
    from mailctl.services.accounts.vacations import get_vacation

    session = get_session(context)
    account = session.settings_file.load().get_account(address)
    vacation = get_vacation(account)
    silent = vacation.why_silent(dt.date.today())  # noqa: DTZ011 - the day where the person is
    installed = server_times(session, account, Part.VACATION).since
    if output is OutputFormat.JSON:
        today = silent is None
        session.terminal.data(
            account=account.address, vacation=vacation, answers_today=today, installed_since=installed
        )
        return
    from mailctl.render.vacations import render_vacation

    session.terminal.result(render_vacation(vacation, silent, installed, session.terminal.out))


@app.command()
def off(context: typer.Context, address: Address, dry_run: DryRun = False, output: Output = OutputFormat.TABLE) -> None:
    """Switch the answer off and keep its text; at the server it ends with the next `vacation install`."""
    from mailctl.services.accounts.vacations import switch_off

    session = get_session(context)
    account = session.settings_file.load().get_account(address)
    change = apply_change(session, plain(switch_off(account.address)), dry_run=dry_run)
    _tell(session, change, account.address, f"the out-of-office answer of {account.address} is off", output)
    if change.changed and not dry_run and output is OutputFormat.TABLE:
        session.terminal.say(
            f"next: `mailctl account vacation install {account.address}` ends it at the server, where it is installed"
        )


@app.command()
def install(
    context: typer.Context,
    address: Address,
    replace: Replace = False,
    dry_run: DryRun = False,
    output: Output = OutputFormat.TABLE,
) -> None:
    """Let the account's server answer by itself, with the account's filters in the same Sieve script.

    Examples:

      mailctl account vacation install taro@example.org
    """
    install_rules_of(get_session(context), address, replace=replace, dry_run=dry_run, output=output)


app.command()(uninstall)


@app.command()
def run(context: typer.Context, address: Address, dry_run: DryRun = False, output: Output = OutputFormat.TABLE) -> None:
    """Answer new mail from here, over IMAP and SMTP, where the server does not (Gmail, Microsoft 365).

    Each message is looked at once, however often and by whom this is run, so a timer may do it. Lists, programs and
    automatic mail get no answer, and nobody gets two in the days of --every. What came while the answer was installed
    at the server is left to it.

    Examples:

      mailctl account vacation run taro@example.org --dry-run
    """
    from mailctl.cli.progress import show_progress
    from mailctl.cli.sending.sender_choice import account_outbox
    from mailctl.services.accounts.installations import Part
    from mailctl.services.accounts.ledger_owner import ledger_owner
    from mailctl.services.accounts.vacation_ledger import LEDGER_NAME, AnswerRecord
    from mailctl.services.accounts.vacation_run import VacationRun
    from mailctl.services.accounts.vacations import get_vacation
    from mailctl.services.sending.deliveries import open_deliveries
    from mailctl.store.ledger import open_ledger
    from mailctl.transport.imap.filing import ImapFiling
    from mailctl.transport.imap.folders import ImapFolders

    session = get_session(context)
    account = session.settings_file.load().get_account(address)
    today = dt.date.today()  # noqa: DTZ011 - the day where the person is
    silent = get_vacation(account).why_silent(today)
    looked_at = 0
    answered: list[Answered] = []
    owner = ledger_owner(session.settings_file.path, session.settings_file.load(), account)
    by_server = server_times(session, account, Part.VACATION)
    if silent is None:
        outbox = account_outbox(session, account)
        with (
            telling_partly_done(session, answered, lambda: _tell_answered(session, answered, dry_run=dry_run), output),
            open_ledger(session.settings_file.path, owner, LEDGER_NAME, AnswerRecord) as ledger,
            open_deliveries(outbox) as deliveries,
            open_mailbox(session, account) as opened,
            show_progress(session, "looking at messages") as advance,
        ):
            filing = ImapFiling(opened, ImapFolders(opened))
            running = VacationRun(account, filing, ledger, outbox, deliveries, by_server=by_server, today=today)
            for one in running.run(dry_run=dry_run, on_progress=advance):
                answered.append(one)  # noqa: PERF402 - `extend` need not keep what came before an error
            looked_at = running.looked_at
    given = [one for one in answered if one.why_not is None]
    if output is OutputFormat.JSON:
        rehearsal = {"dry_run": True} if dry_run else {}
        session.terminal.data(
            changed=bool(given) and not dry_run,
            **rehearsal,
            account=account.address,
            silent=silent,
            looked_at=looked_at,
            messages=answered,
        )
    elif silent is not None:
        session.terminal.say(f"nothing is answered for {account.address}: {silent}")
    else:
        _tell_run(session, account.address, answered, len(given), dry_run=dry_run)
        if by_server.since:
            session.terminal.say(
                f"note: the answer is installed at the server since {by_server.since.astimezone():%Y-%m-%d %H:%M}, and "
                f"what came since is left to it. `mailctl account vacation uninstall {account.address}` ends that"
            )
    exit_for_undone([one for one in answered if one.failed])


def _tell_answered(session: Session, answered: list[Answered], *, dry_run: bool) -> None:
    from mailctl.render.vacations import ANSWERED_HEADERS, answered_rows

    if answered:
        session.terminal.table(ANSWERED_HEADERS, answered_rows(answered, dry_run=dry_run))


def _tell_run(session: Session, address: str, answered: list[Answered], given: int, *, dry_run: bool) -> None:
    _tell_answered(session, answered, dry_run=dry_run)
    rehearsal = "; dry run, nothing was sent" if dry_run else ""
    looked = "1 new message" if len(answered) == 1 else f"{len(answered)} new messages"
    session.terminal.say(f"{looked} of {address}, answered: {given}{rehearsal}")


def _read_text(session: Session, path: Path) -> str:
    from mailctl.cli.sending.messages import read_stdin

    try:
        octets = read_stdin(session) if str(path) == "-" else path.read_bytes()
        return octets.decode("utf-8-sig")
    except OSError as error:
        from mailctl.durable import cause_of

        raise InvalidValueError([Problem("--body-file", f"{path} cannot be read: {cause_of(error)}")]) from None
    except UnicodeDecodeError:
        raise InvalidValueError([Problem("--body-file", f"{path} is not text in UTF-8")]) from None


def _option(field: str) -> str:
    return _OPTIONS.get(field, f"--{field.rpartition('.')[2]}")


def _field(option: str) -> str:
    return next((field for field, known in _OPTIONS.items() if known == option), option.removeprefix("--"))


def _tell(session: Session, change: AppliedChange, address: str, done: str, output: OutputFormat) -> None:
    if output is OutputFormat.JSON:
        described: dict[str, Any] = change.as_json()
        session.terminal.data(**described, account=address, vacation=change.after.get_account(address).vacation)
    else:
        change.tell(session, done, "it is so already")
