"""`mailctl account`: the mail accounts of people."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from shlex import quote
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mailctl.cli.account.filter import app as filter_app
from mailctl.cli.account.folders import app as folders_app
from mailctl.cli.account.layout import layout
from mailctl.cli.account.options import (
    AccountLoginOptions,
    AccountServerOptions,
    AccountSmtpOptions,
    Address,
    PersonOptions,
    SieveOptions,
    choice_of,
    read_account_secrets,
)
from mailctl.cli.account.pop3 import app as pop3_app
from mailctl.cli.account.signature import app as signature_app
from mailctl.cli.account.vacation import app as vacation_app
from mailctl.cli.changes import AppliedChange, agree_to_delete, apply_change, plain
from mailctl.cli.completion import complete_owner
from mailctl.cli.logins import change_login, show_secrets, tell_login, tell_proof
from mailctl.cli.option_names import as_options, missing_input, nothing_named
from mailctl.cli.params import Clear, DryRun, Output, OutputFormat, Yes, expand_options
from mailctl.cli.presets import tell_preset
from mailctl.cli.server_options import IncomingOptions, TlsOptionGroup
from mailctl.cli.session import Session, get_session
from mailctl.errors import ExclusiveSettingsError, InvalidValueError, Problem

if TYPE_CHECKING:
    from mailctl.model.secret import Secret
    from mailctl.model.settings import Edit, Settings
    from mailctl.services.accounts.account_fields import Choice
    from mailctl.services.accounts.account_state import AccountState

app = typer.Typer(help="The mail accounts of people: servers, logins, folders, signatures.")
app.add_typer(folders_app, name="folders")
app.add_typer(signature_app, name="signature")
app.add_typer(filter_app, name="filter")
app.add_typer(vacation_app, name="vacation")
app.add_typer(pop3_app, name="pop3")
app.command("layout")(layout)


@app.command()
@expand_options
def add(
    context: typer.Context,
    person: PersonOptions,
    servers: AccountServerOptions,
    login: AccountLoginOptions,
    incoming: IncomingOptions,
    smtp: AccountSmtpOptions,
    tls: TlsOptionGroup,
    sieve: SieveOptions,
    address: Annotated[
        str | None,
        typer.Argument(metavar="ADDRESS", help="Default: the user name, where that is one.", show_default=False),
    ] = None,
    if_not_exists: Annotated[
        bool, typer.Option("--if-not-exists", help="Accept an account that is there with the same fields.")
    ] = False,
    dry_run: DryRun = False,
    output: Output = OutputFormat.TABLE,
) -> None:
    """Add somebody's account.

    It is on a provider's servers (--preset), on one of the catalogue (--server), or on others (--incoming-host,
    --smtp-host). The first account of an owner is the main one, which `send --owner` uses. A password is asked for,
    hidden, or comes from standard input, or stays where it is.

    Examples:

      mailctl account add taro@example.org --username taro --owner taro --server hq --password-stdin

      mailctl account add --username hanako@gmail.com --owner hanako --preset gmail --auth oauth2

      mailctl account add --username jan --domain example.nl --incoming-protocol imap --incoming-host imap.example.nl
      --smtp-host smtp.example.nl --password-from env:JAN --display-name 'Jan de Vries' --field title=CFO
    """
    from mailctl.services.accounts.accounts import add_account, address_of

    session = get_session(context)
    fields = _given(person, servers, login, incoming, smtp, tls, sieve)
    if address is not None:
        fields["address"] = address
    choice = choice_of(servers, login)
    if session.terminal.interactive:
        _ask_identity(session, fields)
        choice = _ask_servers(session, fields, choice)
    stored = read_account_secrets(login, tls)

    def edit_with(given: Mapping[str, Any]) -> Edit:
        return add_account(given, choice, if_not_exists=if_not_exists)

    _tell_presets(session, choice, fields)
    with _naming_options():
        found = address_of(fields)
    if found is None and fields.get("username"):
        raise missing_input(
            ["ADDRESS"], hint="the user name is the address where it is one, or becomes one by --domain"
        )
    found = found or ""
    change = _change(session, edit_with, fields, found, stored, dry_run=dry_run)
    state = _tell(session, change, found, f"added {found}", output)
    if change.changed and not dry_run and output is OutputFormat.TABLE:
        tell_proof(session, state.login, f"mailctl test receive {quote(found)}")


@app.command()
@expand_options
def edit(
    context: typer.Context,
    address: Address,
    person: PersonOptions,
    servers: AccountServerOptions,
    login: AccountLoginOptions,
    incoming: IncomingOptions,
    smtp: AccountSmtpOptions,
    tls: TlsOptionGroup,
    sieve: SieveOptions,
    new_address: Annotated[
        str | None, typer.Option("--address", metavar="NEW", help="Give it another address.", show_default=False)
    ] = None,
    clear: Clear = None,
    dry_run: DryRun = False,
    output: Output = OutputFormat.TABLE,
) -> None:
    """Change fields of an account; those not named stay as they are.

    Examples:

      mailctl account edit taro@example.org --display-name 山田太郎 --field phone='+81 3 1234 5678'

      mailctl account edit taro@example.org --server branch --clear display-name
    """
    from mailctl.services.accounts.accounts import address_of, edit_account

    session = get_session(context)
    fields = _given(person, servers, login, incoming, smtp, tls, sieve)
    if new_address is not None:
        fields["address"] = new_address
    choice = choice_of(servers, login)
    stored = read_account_secrets(login, tls)
    present = session.settings_file.load().get_account(address)
    if not (fields or clear or stored or any(choice)):
        raise nothing_named(f"mailctl account edit {address} --display-name NAME")

    _tell_presets(session, choice, fields)

    def edit_with(given: Mapping[str, Any]) -> Edit:
        return edit_account(present.address, given, choice, clear=clear or ())

    with _naming_options():
        found = (address_of({"address": new_address}) if new_address else None) or present.address
    change = _change(session, edit_with, fields, found, stored, dry_run=dry_run)
    _tell(session, change, found, f"changed {found}", output)


@app.command()
def show(context: typer.Context, address: Address, output: Output = OutputFormat.TABLE) -> None:
    """Show one account in full: whose it is, its servers, its logins, and where its secrets are."""
    from mailctl.services.accounts.account_state import describe_account

    session = get_session(context)
    settings = session.settings_file.load()
    state = describe_account(settings, session.secrets, settings.get_account(address))
    if output is OutputFormat.JSON:
        session.terminal.data(account=_as_json(state))
        return
    from mailctl.render.accounts import account_in_full

    session.terminal.in_full(account_in_full(state, session.terminal.out))
    for warning in state.login.warnings:
        session.terminal.warn(warning)


@app.command("list")
def list_(
    context: typer.Context,
    owner: Annotated[
        str | None,
        typer.Option(
            "--owner", metavar="WHO", help="Those of one person.", autocompletion=complete_owner, show_default=False
        ),
    ] = None,
    output: Output = OutputFormat.TABLE,
) -> None:
    """List the accounts in their order, all or one person's."""
    session = get_session(context)
    settings = session.settings_file.load()
    if owner is not None:
        settings.get_main_account(owner)
    accounts = [account for account in settings.accounts if owner in (None, account.owner)]
    if output is OutputFormat.JSON:
        from mailctl.services.accounts.account_state import list_accounts

        session.terminal.data(accounts=list_accounts(settings, accounts))
    elif accounts:
        from mailctl.render.accounts import ACCOUNT_HEADERS, account_rows

        session.terminal.table(ACCOUNT_HEADERS, account_rows(settings, accounts))
    else:
        session.terminal.say("no accounts yet; `mailctl account add` adds one")


@app.command()
def delete(
    context: typer.Context,
    address: Address,
    yes: Yes = False,
    dry_run: DryRun = False,
    output: Output = OutputFormat.TABLE,
) -> None:
    """Delete an account and the secrets that were stored for it; its mail stays where it is."""
    from mailctl.model.account import find_main
    from mailctl.services.accounts.accounts import delete_account
    from mailctl.services.accounts.ledger_owner import ledger_owner
    from mailctl.store.ledger import delete_ledgers

    session = get_session(context)
    settings = session.settings_file.load()
    account = settings.get_account(address)
    owner = ledger_owner(settings, account)
    question = f"Delete the account {account.address} ({account.owner}) and its stored secrets?"
    agree_to_delete(session, question, yes=yes, dry_run=dry_run)
    change = apply_change(session, plain(delete_account(account.address)), dry_run=dry_run)
    if not dry_run:
        delete_ledgers(session.settings_file.path, owner)
    before, after = (find_main(state.accounts, account.owner) for state in (change.before, change.after))
    if output is OutputFormat.JSON:
        main = after.address if after else None
        session.terminal.data(**change.as_json(), deleted=account.address, owner=account.owner, main=main)
        return
    change.tell(session, f"deleted {account.address}", "")
    if after and before and after.address != before.address:
        session.terminal.say(f"note: {account.owner} sends from {after.address} now")


@app.command("set-main")
def set_main(
    context: typer.Context, address: Address, dry_run: DryRun = False, output: Output = OutputFormat.TABLE
) -> None:
    """Make an account the one that its owner sends from."""
    from mailctl.services.accounts.accounts import set_main as edit_main

    session = get_session(context)
    account = session.settings_file.load().get_account(address)
    change = apply_change(session, plain(edit_main(account.address)), dry_run=dry_run)
    _tell(session, change, account.address, f"{account.owner} sends from {account.address} now", output)


def _given(
    person: PersonOptions,
    servers: AccountServerOptions,
    login: AccountLoginOptions,
    incoming: IncomingOptions,
    smtp: AccountSmtpOptions,
    tls: TlsOptionGroup,
    sieve: SieveOptions,
) -> dict[str, Any]:
    sections = {**incoming.given(), **smtp.given(), **tls.given(), **sieve.given()}
    return {
        **person.given(),
        **({} if servers.server is None else {"server": servers.server}),
        **login.given(),
        **{name: section for name, section in sections.items() if section},
    }


@contextmanager
def _naming_options() -> Iterator[None]:
    """Let errors name options in the place of fields."""
    try:
        yield
    except ValueError as error:
        raise InvalidValueError([Problem("ADDRESS", str(error))]) from None
    except (InvalidValueError, ExclusiveSettingsError) as error:
        raise as_options(error) from None


def _ask_identity(session: Session, fields: dict[str, Any]) -> None:
    """Ask a person for the user name and the address, where they are not given and do not follow."""
    from mailctl.model.account import Account

    if "username" not in fields:
        fields["username"] = session.terminal.ask("User name (the login at the server)")
    if not Account.complete(fields).get("address"):
        from mailctl.model.address import parse_address

        fields["address"] = str(session.terminal.ask_for("E-mail address", parse_address))


def _ask_servers(session: Session, fields: dict[str, Any], choice: Choice) -> Choice:
    """Ask a person for the servers, where none are named: one of the catalogue, or a provider's.

    The provider that the address belongs to is proposed, else the only server of the catalogue.
    """
    from mailctl.model.account import Account
    from mailctl.model.address import parse_address
    from mailctl.model.preset import CUSTOM, PRESETS, get_preset
    from mailctl.model.provider_domains import find_preset_by_domain

    named = choice.preset or choice.login or fields.keys() & {"server", "incoming", "smtp", "oauth_client"}
    if named:
        return choice
    codes = [server.code for server in session.settings_file.load().servers]

    def parse(text: str) -> str:
        if text == CUSTOM:
            raise ValueError(
                "other servers are given by options, --incoming-host and --smtp-host, "
                "or join the catalogue: `mailctl server add`"
            )
        if text not in codes:
            get_preset(text)
        return text

    domain = parse_address(str(Account.complete(fields)["address"])).with_ascii_domain.rpartition("@")[2]
    preset = find_preset_by_domain(domain)
    proposed = preset.name if preset else codes[0] if len(codes) == 1 else None
    if codes:
        session.terminal.say(f"  Servers of the catalogue: {', '.join(codes)}.")
    session.terminal.say(f"  Known providers: {', '.join(preset.name for preset in PRESETS)}.")
    answer = session.terminal.ask_for("Server or provider", parse, proposed)
    if answer in codes:
        fields["server"] = answer
        return choice
    return choice._replace(preset=answer)


def _tell_presets(session: Session, choice: Choice, fields: Mapping[str, Any]) -> None:
    """Say what should be said of presets that are used; raises NotFoundError where there is none of that name."""
    sides: dict[str, list[str]] = {}
    for side, name in (("incoming", choice.preset), ("smtp", choice.smtp_preset or choice.preset)):
        if name:
            sides.setdefault(name, []).append(side)
    for name, served in sides.items():
        tell_preset(session, name, fields, served)


def _change(
    session: Session,
    edit_with: Callable[[Mapping[str, Any]], Edit],
    fields: Mapping[str, Any],
    address: str,
    stored: Mapping[str, Secret],
    *,
    dry_run: bool,
) -> AppliedChange:
    """Carry out an edit made of given fields and the references of new secrets, after asking for those that lack.

    `stored`: secrets to store, by the ends of their slots' names.
    """
    from mailctl.services.fields import merge_fields

    return change_login(
        session,
        f"account:{address}",
        lambda references: edit_with(merge_fields(fields, references)),
        stored,
        partial(_find_missing, address),
        dry_run=dry_run,
    )


def _find_missing(address: str, before: Settings, after: Settings) -> dict[str, str]:
    from mailctl.services.accounts.accounts import list_newly_missing

    account = after.get_account(address)
    questions = {
        "password": f"Password of {account.login} (not shown)",
        "smtp_password": f"Password of {account.smtp_username or account.login} for sending (not shown)",
    }
    return {field: questions[field] for field in list_newly_missing(before, after, address)}


def _tell(session: Session, change: AppliedChange, address: str, done: str, output: OutputFormat) -> AccountState:
    """Tell what became of an account, and return its state."""
    from mailctl.services.accounts.account_state import describe_account

    state = describe_account(change.after, session.secrets, change.after.get_account(address))
    if output is OutputFormat.JSON:
        session.terminal.data(**change.as_json(), account=_as_json(state))
    else:
        change.tell(session, done, f"{address} is so already")
    tell_login(session, state.login)
    return state


def _as_json(state: AccountState) -> dict[str, Any]:
    """Return an account as plain values, secrets as where they are."""
    import msgspec

    from mailctl.services.accounts.account_state import account_fields

    fields = account_fields(state.account, kind=state.kind, is_main=state.is_main)
    fields["grant"] = msgspec.to_builtins(state.login.grant)
    return show_secrets(fields, state.login.secrets)
