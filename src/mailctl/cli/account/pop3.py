"""`mailctl account pop3`: further POP3 mailboxes of a person, whose mail is collected into a folder of an account."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mailctl.cli.account.collect import collect
from mailctl.cli.account.options import Address
from mailctl.cli.account.source_options import Name, SourceOptions
from mailctl.cli.changes import AppliedChange, agree_to_delete, apply_change, plain
from mailctl.cli.logins import change_login
from mailctl.cli.mailbox import mailbox_access
from mailctl.cli.option_names import missing_input, nothing_named
from mailctl.cli.params import Clear, DryRun, Output, OutputFormat, Yes, expand_options
from mailctl.cli.secret_input import read_given_secrets
from mailctl.cli.server_options import TlsOptionGroup
from mailctl.cli.session import Session, get_session
from mailctl.errors import MailctlError

if TYPE_CHECKING:
    from mailctl.model.settings import Edit, Settings
    from mailctl.services.accounts.collect import Collected

    Result = tuple[Collected, MailctlError | None]

app = typer.Typer(help="Further POP3 mailboxes, whose mail is collected into a folder of an account.")


@app.command()
@expand_options
def add(
    context: typer.Context,
    address: Address,
    name: Name,
    source: SourceOptions,
    tls: TlsOptionGroup,
    dry_run: DryRun = False,
    output: Output = OutputFormat.TABLE,
) -> None:
    """Add a POP3 mailbox to collect from. Its mail stays there, unless --delete-after says otherwise.

    Examples:

      mailctl account pop3 add taro@example.org old --host pop.old.example --username taro --into INBOX

      mailctl account pop3 add taro@example.org 旧 --host pop.old.example --port 110 --security starttls
      --username taro@old.example --password-from env:OLD --into 旧メール --delete-after 30
    """
    from mailctl.services.accounts.collection_sources import add_source

    session = get_session(context)
    account = session.settings_file.load().get_account(address)
    mailbox_access(session, account).require_imap()
    fields = source.given()
    missing = [f"--{field}" for field in ("host", "username", "into") if field not in fields]
    if missing:
        raise missing_input(missing)

    def edit_with(given: Mapping[str, Any]) -> Edit:
        return add_source(account.address, {**given, "name": name})

    change = _change(session, account.address, name, name, edit_with, source, tls, dry_run=dry_run)
    _tell(session, change, account.address, f"{account.address} collects from '{name}'", output)
    if change.changed and not dry_run and output is OutputFormat.TABLE:
        _tell_known(session, change, account.address, name)
        session.terminal.say(
            f"next: `mailctl account pop3 collect {account.address} --dry-run` says how much there is, "
            "and without --dry-run it is collected"
        )


@app.command()
@expand_options
def edit(
    context: typer.Context,
    address: Address,
    name: Name,
    source: SourceOptions,
    tls: TlsOptionGroup,
    new_name: Annotated[
        str | None, typer.Option("--name", metavar="NEW", help="Call it otherwise.", show_default=False)
    ] = None,
    clear: Clear = None,
    dry_run: DryRun = False,
    output: Output = OutputFormat.TABLE,
) -> None:
    """Change fields of a POP3 mailbox that is collected from; what was collected stays known.

    Examples:

      mailctl account pop3 edit taro@example.org old --delete-after 30
    """
    from mailctl.services.accounts.collection_sources import edit_source, get_source

    session = get_session(context)
    account = session.settings_file.load().get_account(address)
    present = get_source(account, name)
    renamed = {} if new_name is None else {"name": new_name}
    secret_given = source.password_stdin or tls.client_key_passphrase_stdin
    if not (source.given() or tls.given()["tls"] or renamed or clear or secret_given):
        raise nothing_named(f"mailctl account pop3 edit {account.address} '{present.name}' --keep")

    def edit_with(given: Mapping[str, Any]) -> Edit:
        return edit_source(account.address, present.name, {**given, **renamed}, clear=clear or ())

    new = new_name or present.name
    change = _change(session, account.address, present.name, new, edit_with, source, tls, dry_run=dry_run)
    _tell(session, change, account.address, f"changed '{name}' of {account.address}", output)


@app.command("list")
def list_(context: typer.Context, address: Address, output: Output = OutputFormat.TABLE) -> None:
    """List the mailboxes that an account collects from, and how much was collected."""
    from mailctl.services.accounts.collection_ledger import read_progress
    from mailctl.services.accounts.ledger_owner import ledger_owner

    session = get_session(context)
    settings = session.settings_file.load()
    account = settings.get_account(address)
    owner = ledger_owner(session.settings_file.path, settings, account)
    progress = {source.name: read_progress(session.settings_file.path, owner, source) for source in account.pop3}
    if output is OutputFormat.JSON:
        import msgspec

        sources = [
            {**msgspec.to_builtins(source), **msgspec.to_builtins(progress[source.name])} for source in account.pop3
        ]
        session.terminal.data(account=account.address, pop3=sources)
    elif account.pop3:
        from mailctl.render.collection import SOURCE_HEADERS, source_rows

        session.terminal.table(SOURCE_HEADERS, source_rows(account.pop3, progress))
    else:
        session.terminal.say(f"{account.address} collects from nowhere; `mailctl account pop3 add` adds a mailbox")


@app.command()
def delete(
    context: typer.Context,
    address: Address,
    name: Name,
    yes: Yes = False,
    dry_run: DryRun = False,
    output: Output = OutputFormat.TABLE,
) -> None:
    """Collect from a mailbox no more. No mail is deleted, here or there.

    What was collected stays known, so that the same mailbox, added again, is not collected twice.
    """
    from mailctl.services.accounts.collection_sources import delete_source, get_source

    session = get_session(context)
    account = session.settings_file.load().get_account(address)
    source = get_source(account, name)
    question = f"Collect no more from '{source.name}' ({source.username} at {source.host}) for {account.address}?"
    agree_to_delete(session, question, yes=yes, dry_run=dry_run)
    change = apply_change(session, plain(delete_source(account.address, source.name)), dry_run=dry_run)
    _tell(session, change, account.address, f"{account.address} collects from '{name}' no more", output)


app.command()(collect)


def _change(
    session: Session,
    address: str,
    name: str,
    new_name: str,
    edit_with: Callable[[Mapping[str, Any]], Edit],
    source: SourceOptions,
    tls: TlsOptionGroup,
    *,
    dry_run: bool,
) -> AppliedChange:
    """Carry out an edit made of given fields and the references of new secrets, after asking for those that lack."""
    from mailctl.services.fields import merge_fields
    from mailctl.services.secrets.slots import source_target

    given = {**source.given(), **{section: fields for section, fields in tls.given().items() if fields}}
    wanted = {
        "password": (source.password_stdin, source.password_from),
        **tls.secrets(),
    }
    return change_login(
        session,
        source_target(address, name),
        lambda references: edit_with(merge_fields(given, references)),
        read_given_secrets(wanted),
        partial(_find_missing, address, new_name),
        dry_run=dry_run,
    )


def _tell_known(session: Session, change: AppliedChange, address: str, name: str) -> None:
    """Say where mail of the mailbox was collected before, under whatever name: it is not collected again."""
    from mailctl.render.collection import counted
    from mailctl.services.accounts.collection_ledger import read_progress
    from mailctl.services.accounts.collection_sources import get_source
    from mailctl.services.accounts.ledger_owner import ledger_owner

    account = change.after.get_account(address)
    source = get_source(account, name)
    path = session.settings_file.path
    progress = read_progress(path, ledger_owner(path, change.after, account), source)
    if progress.collected:
        session.terminal.say(
            f"note: {counted(progress.collected)} of {source.username} at {source.host} are known from before, and are "
            "not collected again"
        )


def _find_missing(address: str, name: str, _before: Settings, after: Settings) -> dict[str, str]:
    from mailctl.services.accounts.collection_sources import get_source, lacks_password

    source = get_source(after.get_account(address), name)
    question = f"Password of {source.username} at {source.host} (not shown)"
    return {"password": question} if lacks_password(source) else {}


def _tell(session: Session, change: AppliedChange, address: str, done: str, output: OutputFormat) -> None:
    if output is OutputFormat.JSON:
        session.terminal.data(**change.as_json(), account=address, pop3=change.after.get_account(address).pop3)
    else:
        change.tell(session, done, "it is so already")
