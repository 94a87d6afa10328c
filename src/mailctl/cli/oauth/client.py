"""`mailctl oauth client`: the app registrations through which mailboxes are authorised."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from mailctl.cli.changes import AppliedChange, agree_to_delete, apply_change, plain
from mailctl.cli.completion import complete_oauth_client
from mailctl.cli.oauth.client_options import ClientOptions
from mailctl.cli.option_names import as_options, missing_input, nothing_named, option_name
from mailctl.cli.params import (
    Clear,
    DryRun,
    Output,
    OutputFormat,
    Yes,
    expand_options,
)
from mailctl.cli.session import Session, get_session
from mailctl.errors import ExclusiveSettingsError, InvalidValueError, Problem

if TYPE_CHECKING:
    from collections.abc import Callable

    from mailctl.model.oauth import OAuthClient
    from mailctl.model.secret import Secret
    from mailctl.model.settings import Edit, Settings
    from mailctl.services.secrets.transactions import References

client_app = typer.Typer(help="OAuth clients: app registrations at Google, Microsoft or another provider.")

NewName = Annotated[str, typer.Argument(metavar="NAME", show_default=False)]
Name = Annotated[str, typer.Argument(metavar="NAME", autocompletion=complete_oauth_client, show_default=False)]


@client_app.command()
@expand_options
def add(
    context: typer.Context,
    name: NewName,
    options: ClientOptions,
    dry_run: DryRun = False,
    output: Output = OutputFormat.TABLE,
) -> None:
    """Register an OAuth client.

    A client's secret is asked for, hidden, or comes from standard input, or stays where it is.

    Examples:

      mailctl oauth client add google --provider google --client-id 123.apps.googleusercontent.com

      mailctl oauth client add ms --provider microsoft --client-id ID --directory-id TENANT --client-secret-from env:MS

      mailctl oauth client add own --provider custom --client-id ID --authorize-url https://login.example.org/authorize
      --token-url https://login.example.org/token --scope mail
    """
    from mailctl.services.oauth.clients import add_client

    session = get_session(context)
    name = _parse_name(name)
    given = {"name": name, **options.given()}
    _change(session, name, given, add_client, _wanted_secret(session, name, given, options), dry_run=dry_run,
            output=output)  # fmt: skip


@client_app.command()
@expand_options
def edit(
    context: typer.Context,
    name: Name,
    options: ClientOptions,
    clear: Clear = None,
    dry_run: DryRun = False,
    output: Output = OutputFormat.TABLE,
) -> None:
    """Change fields of an OAuth client; those not named stay as they are.

    Examples:

      mailctl oauth client edit ms --client-secret-stdin --client-secret-expires 2028-01-31 < new-secret

      mailctl oauth client edit ms --certificate cert.pem --key-from file:key.pem --clear client-secret
    """
    from shlex import quote

    from mailctl.services.oauth.clients import edit_client

    session = get_session(context)
    name = session.settings_file.load().get_oauth_client(name).name
    given, secret = options.given(), options.read_secret()
    if not (given or secret or clear):
        raise nothing_named(f"mailctl oauth client edit {quote(name)} --client-secret-stdin")
    _change(session, name, given, lambda fields: edit_client(name, fields, clear=clear or ()), secret,
            dry_run=dry_run, output=output)  # fmt: skip


@client_app.command()
def show(context: typer.Context, name: Name, output: Output = OutputFormat.TABLE) -> None:
    """Show an OAuth client in full: its endpoints, and where its secrets are."""
    session = get_session(context)
    settings = session.settings_file.load()
    client = settings.get_oauth_client(name)
    if output is OutputFormat.JSON:
        session.terminal.data(client=_as_json(session, settings, client))
        return
    from mailctl.render.oauth_clients import client_in_full
    from mailctl.services.oauth.clients import describe_client_secrets, list_client_users

    secrets = describe_client_secrets(settings, client, session.secrets)
    users = list_client_users(settings, client.name)
    session.terminal.in_full(client_in_full(client, secrets, users, session.terminal.out))
    _warn(session, client)


@client_app.command("list")
def list_(context: typer.Context, output: Output = OutputFormat.TABLE) -> None:
    """List the OAuth clients in the order of their registration."""
    from mailctl.services.oauth.clients import list_client_users

    session = get_session(context)
    settings = session.settings_file.load()
    if output is OutputFormat.JSON:
        session.terminal.data(clients=[_as_json(session, settings, client) for client in settings.oauth_clients])
    elif settings.oauth_clients:
        from mailctl.render.oauth_clients import CLIENT_HEADERS, client_row

        rows = (client_row(client, list_client_users(settings, client.name)) for client in settings.oauth_clients)
        session.terminal.table(CLIENT_HEADERS, rows)
    else:
        session.terminal.say("no OAuth clients yet; `mailctl oauth client add` registers one")


@client_app.command()
def delete(
    context: typer.Context,
    name: Name,
    force: Annotated[
        bool, typer.Option("--force", help="Delete it even where it is in use; its users keep their hosts.")
    ] = False,
    yes: Yes = False,
    dry_run: DryRun = False,
    output: Output = OutputFormat.TABLE,
) -> None:
    """Delete an OAuth client, and the secrets that were stored for it."""
    from mailctl.services.oauth.clients import delete_client, list_client_users

    session = get_session(context)
    settings = session.settings_file.load()
    name = settings.get_oauth_client(name).name
    edit_ = delete_client(name, force=force)
    edit_(settings)  # what is refused is refused before anybody is asked
    question = f"Delete the OAuth client '{name}' and its stored secrets?"
    agree_to_delete(session, question, yes=yes, dry_run=dry_run)
    change = apply_change(session, plain(edit_), dry_run=dry_run)
    detached = list_client_users(change.before, name)
    if output is OutputFormat.JSON:
        session.terminal.data(**change.as_json(), deleted=[name], **({"detached": detached} if detached else {}))
        return
    change.tell(session, f"deleted '{name}'", "")
    if detached:
        session.terminal.warn(
            f"{', '.join(detached)} used '{name}': hosts and authentication stay, and that wants tokens, which nobody "
            "brings now; give each another client, or an authentication by password"
        )


def _parse_name(name: str) -> str:
    from mailctl.model.values import parse_code

    try:
        return parse_code(name)
    except ValueError as error:
        raise InvalidValueError([Problem("NAME", str(error))]) from None


def _require_whole(given: dict[str, Any]) -> None:
    """Raise the error that names what no client can be without, before anybody is asked for its secret."""
    missing = [option_name(name) for name in ("provider", "client_id") if name not in given]
    if missing:
        raise missing_input(missing)


def _wanted_secret(session: Session, name: str, given: dict[str, Any], options: ClientOptions) -> Secret | None:
    """Return a new client's secret: from standard input, or from a person, if no other proof was given."""
    secret = options.read_secret()
    has_proof = secret is not None or given.keys() & {"client_secret", "certificate", "service_account"}
    if has_proof or not session.terminal.interactive:
        return secret
    _require_whole(given)
    asked = session.terminal.ask_secret(f"Secret of '{name}' (not shown; Enter: it has none)", may_be_none=True)
    return asked or None


def _change(
    session: Session,
    name: str,
    given: dict[str, Any],
    edit_with: Callable[[dict[str, Any]], Edit],
    secret: Secret | None,
    *,
    dry_run: bool,
    output: OutputFormat,
) -> None:
    """Carry out an edit made of the given fields and the reference of a new secret; tell what it did."""
    slot = f"oauth-client:{name}/secret"

    def edit_(settings: Settings, references: References) -> Settings:
        stored = {"client_secret": str(references[slot])} if references else {}
        return edit_with({**given, **stored})(settings)

    try:
        change = apply_change(session, edit_, new={slot: secret} if secret else None, dry_run=dry_run)
    except (InvalidValueError, ExclusiveSettingsError) as error:
        raise as_options(error) from None
    _tell(session, name, change, output)


def _tell(session: Session, name: str, change: AppliedChange, output: OutputFormat) -> None:
    client = change.after.get_oauth_client(name)
    if output is OutputFormat.JSON:
        session.terminal.data(**change.as_json(), client=_as_json(session, change.after, client))
    else:
        added = len(change.after.oauth_clients) > len(change.before.oauth_clients)
        change.tell(session, f"{'registered' if added else 'changed'} '{name}'", f"'{name}' is so already")
    _warn(session, client)


def _warn(session: Session, client: OAuthClient) -> None:
    from mailctl.services.oauth.clients import client_warnings

    for warning in client_warnings(client, session.secrets):
        session.terminal.warn(warning)


def _as_json(session: Session, settings: Settings, client: OAuthClient) -> dict[str, Any]:
    """Return a client as plain values, secrets as where they are and whether they are there."""
    import msgspec

    from mailctl.services.oauth.clients import describe_client_secrets

    states = describe_client_secrets(settings, client, session.secrets)
    places = {name: {"reference": state.reference, "present": state.present} for name, state in states.items()}
    return {**msgspec.to_builtins(client), **places}
