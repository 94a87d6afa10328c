"""`mailctl account`: the mail accounts of people."""

from __future__ import annotations

from collections.abc import Mapping
from shlex import quote
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mailctl.cli.account.fields import (
    account_as_json,
    change_account,
    gather_fields,
    naming_options,
    tell_account,
    tell_mains,
    tell_presets,
)
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
from mailctl.cli.account.questions import ask_identity, ask_servers
from mailctl.cli.account.signature import app as signature_app
from mailctl.cli.account.vacation import app as vacation_app
from mailctl.cli.changes import agree_to_delete, apply_change, plain
from mailctl.cli.completion import complete_owner
from mailctl.cli.logins import tell_proof
from mailctl.cli.option_names import missing_input, nothing_named
from mailctl.cli.params import Clear, DryRun, Output, OutputFormat, Yes, expand_options
from mailctl.cli.server_options import IncomingOptions, TlsOptionGroup
from mailctl.cli.session import get_session

if TYPE_CHECKING:
    from mailctl.model.settings import Edit

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
    fields = gather_fields(person, servers, login, incoming, smtp, tls, sieve)
    if address is not None:
        fields["address"] = address
    choice = choice_of(servers, login)
    if session.terminal.interactive:
        with naming_options():
            ask_identity(session, fields)
        choice = ask_servers(session, fields, choice)
    stored = read_account_secrets(login, tls)

    def edit_with(given: Mapping[str, Any]) -> Edit:
        return add_account(given, choice, if_not_exists=if_not_exists)

    tell_presets(session, choice, fields)
    with naming_options():
        found = address_of(fields)
    if found is None and fields.get("username"):
        raise missing_input(
            ["ADDRESS"], hint="the user name is the address where it is one, or becomes one by --domain"
        )
    found = found or ""
    change = change_account(session, edit_with, fields, found, stored, dry_run=dry_run)
    state = tell_account(session, change, found, f"added {found}", output)
    if output is OutputFormat.TABLE:
        tell_mains(session, change)
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
    from mailctl.services.accounts.ledger_owner import follow_address

    session = get_session(context)
    fields = gather_fields(person, servers, login, incoming, smtp, tls, sieve)
    if new_address is not None:
        fields["address"] = new_address
    choice = choice_of(servers, login)
    stored = read_account_secrets(login, tls)
    present = session.settings_file.load().get_account(address)
    if not (fields or clear or stored or any(choice)):
        raise nothing_named(f"mailctl account edit {address} --display-name NAME")

    tell_presets(session, choice, fields)

    def edit_with(given: Mapping[str, Any]) -> Edit:
        return edit_account(present.address, given, choice, clear=clear or ())

    with naming_options():
        found = (address_of({"address": new_address}) if new_address else None) or present.address
    change = change_account(session, edit_with, fields, found, stored, dry_run=dry_run)
    if not dry_run and found != present.address:
        follow_address(session.settings_file.path, change.before, present, change.after, found)
    state = tell_account(session, change, found, f"changed {found}", output)
    if output is OutputFormat.TABLE:
        tell_mains(session, change)
        if present.owner != state.account.owner and not state.is_main:
            main = change.after.get_main_account(state.account.owner).address
            other = f"`mailctl account set-main {quote(found)}` makes it this one"
            session.terminal.say(f"note: {state.account.owner} sends from {main}; {other}")


@app.command()
def show(context: typer.Context, address: Address, output: Output = OutputFormat.TABLE) -> None:
    """Show one account in full: whose it is, its servers, its logins, and where its secrets are."""
    from mailctl.services.accounts.account_state import describe_account

    session = get_session(context)
    settings = session.settings_file.load()
    state = describe_account(settings, session.secrets, settings.get_account(address))
    if output is OutputFormat.JSON:
        session.terminal.data(account=account_as_json(state))
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
    from mailctl.services.accounts.installations import read_parts
    from mailctl.services.accounts.ledger_owner import ledger_owner
    from mailctl.store.ledger import put_ledgers_aside

    session = get_session(context)
    settings = session.settings_file.load()
    account = settings.get_account(address)
    path = session.settings_file.path
    owner = ledger_owner(path, settings, account)
    question = f"Delete the account {account.address} ({account.owner}) and its stored secrets?"
    if read_parts(path, owner):
        session.terminal.warn(
            f"the server goes on with what mailctl installed there: `mailctl account filter uninstall {quote(address)}`"
            " takes it away, and only as long as the account is here"
        )
    agree_to_delete(session, question, yes=yes, dry_run=dry_run)
    change = apply_change(session, plain(delete_account(account.address)), dry_run=dry_run)
    if not dry_run:
        put_ledgers_aside(path, owner)
    if output is OutputFormat.JSON:
        heir = find_main(change.after.accounts, account.owner)
        main = heir.address if heir else None
        session.terminal.data(**change.as_json(), deleted=account.address, owner=account.owner, main=main)
        return
    change.tell(session, f"deleted {account.address}", "")
    tell_mains(session, change)


@app.command("set-main")
def set_main(
    context: typer.Context, address: Address, dry_run: DryRun = False, output: Output = OutputFormat.TABLE
) -> None:
    """Make an account the one that its owner sends from."""
    from mailctl.services.accounts.accounts import set_main as edit_main

    session = get_session(context)
    account = session.settings_file.load().get_account(address)
    change = apply_change(session, plain(edit_main(account.address)), dry_run=dry_run)
    tell_account(session, change, account.address, f"{account.owner} sends from {account.address} now", output)
