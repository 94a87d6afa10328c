"""`mailctl account pop3`: further POP3 mailboxes of a person, whose mail is collected into a folder of an account."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mailctl.cli.account.options import Address
from mailctl.cli.changes import AppliedChange, agree_to_delete, apply_change, plain
from mailctl.cli.completion import account_of, described, is_offered
from mailctl.cli.logins import change_login
from mailctl.cli.mailbox import mailbox_access, open_mailbox
from mailctl.cli.option_names import missing_input, nothing_named
from mailctl.cli.params import Clear, DryRun, Output, OutputFormat, Yes, choice_option, expand_options, text_option
from mailctl.cli.secret_input import given_reference, password_from_option, password_stdin_option, read_given_secrets
from mailctl.cli.server_options import SECURITIES, TlsOptionGroup
from mailctl.cli.session import Session, get_session
from mailctl.errors import MailctlError, UsageError
from mailctl.exits import Exit, exit_for

if TYPE_CHECKING:
    from mailctl.model.account import Account
    from mailctl.model.collection import CollectionSource
    from mailctl.model.settings import Edit, Settings
    from mailctl.services.accounts.collect import Collected

    Result = tuple[Collected, MailctlError | None]

app = typer.Typer(help="Further POP3 mailboxes, whose mail is collected into a folder of an account.")

_POP3, _LOGIN, _FATE = "POP3", "Login", "What becomes of the mail"
_AUTHS = (
    "auto",
    "login-command",
    "plain",
    "login",
    "cram-md5",
    "digest-md5",
    "scram-sha-1",
    "scram-sha-256",
    "external",
)


def complete_source(ctx: typer.Context, incomplete: str) -> Iterable[tuple[str, str]]:
    """Offer the names of the mailboxes that an account collects from."""
    account = account_of(ctx, str(ctx.params.get("address") or ""))
    return [
        (source.name, described(f"{source.username} at {source.host}"))
        for source in (account.pop3 if account else ())
        if is_offered(source.name, incomplete)
    ]


Name = Annotated[
    str,
    typer.Argument(
        metavar="NAME", help="What the mailbox is called here.", autocompletion=complete_source, show_default=False
    ),
]


@dataclass(frozen=True, kw_only=True)
class SourceOptions:
    """Where the mailbox is, who logs in, and what becomes of its mail."""

    host: Annotated[str | None, text_option("--host", "HOST", "Host name or IP address.", _POP3)] = None
    port: Annotated[str | None, text_option("--port", "1..65535", "Default: 995; 110 by the security.", _POP3)] = None
    security: Annotated[
        str | None,
        choice_option("--security", *SECURITIES, help="Default: as the port tells; tls without a port.", panel=_POP3),
    ] = None
    auth: Annotated[str | None, choice_option("--auth", *_AUTHS, help="Default: auto", panel=_POP3)] = None
    apop: Annotated[
        bool | None,
        typer.Option(
            "--apop/--no-apop", help="POP3's challenge-response login.", rich_help_panel=_POP3, show_default=False
        ),
    ] = None
    timeout: Annotated[str | None, text_option("--timeout", "10..120", "Seconds. Default: 10.", _POP3)] = None
    username: Annotated[str | None, text_option("--username", "USER", "The login there.", _LOGIN)] = None
    password_stdin: Annotated[bool, password_stdin_option(_LOGIN)] = False
    password_from: Annotated[str | None, password_from_option(_LOGIN)] = None
    into: Annotated[
        str | None, text_option("--into", "FOLDER", "The account's folder that gets the mail; made if need be.", _FATE)
    ] = None
    keep: Annotated[
        bool,
        typer.Option("--keep", help="Leave all mail on the POP3 server. The default.", rich_help_panel=_FATE),
    ] = False
    delete_after: Annotated[
        str | None,
        text_option("--delete-after", "DAYS", "Delete it there so many days after; 0: once it is stored.", _FATE),
    ] = None

    def given(self) -> dict[str, Any]:
        if self.keep and self.delete_after is not None:
            raise UsageError("--keep and --delete-after exclude each other")
        names = ("host", "port", "security", "auth", "apop", "timeout", "username", "into")
        fields = {name: value for name in names if (value := getattr(self, name)) is not None}
        if self.password_from is not None:
            fields["password"] = str(given_reference(self.password_from, "--password-from"))
        if self.keep:
            fields["delete_after_days"] = None
        elif self.delete_after is not None:
            fields["delete_after_days"] = self.delete_after
        return fields


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
    owner = ledger_owner(settings, account)
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


@app.command()
def collect(
    context: typer.Context,
    address: Address,
    names: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[NAME…]", help="Default: all of them.", autocompletion=complete_source, show_default=False
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
    from mailctl.model.report import Stage
    from mailctl.model.secret import parse_secret_ref
    from mailctl.render.sending import complete_mail_error
    from mailctl.services.accounts.collect import Collected, CollectionRun, open_source
    from mailctl.services.accounts.collection_ledger import CollectionLedger, CollectionRecord, ledger_name
    from mailctl.services.accounts.ledger_owner import ledger_owner
    from mailctl.store.ledger import open_ledger
    from mailctl.transport.pop3.maildrop import Pop3Maildrop

    path, owner = session.settings_file.path, ledger_owner(session.settings_file.load(), account)
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
        complete_mail_error(error, host=source.host, stage=Stage.MAILBOX)
        return collected, error
    return collected, None


def _tell_results(session: Session, account: Account, results: list[Result], *, dry_run: bool) -> None:
    from mailctl.render.collection import RESULT_HEADERS, counted, result_rows

    if any(error is None for _, error in results):
        session.terminal.table(RESULT_HEADERS, result_rows(results))
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
    if dry_run:
        session.terminal.say(f"{total} to be collected for {account.address}; dry run, nothing was done")
    else:
        session.terminal.say(f"{total} collected for {account.address}")


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
