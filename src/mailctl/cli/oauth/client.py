"""`mailctl oauth client`: the app registrations through which mailboxes are authorised."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mailctl.cli.changes import AppliedChange, agree_to_delete, apply_change, plain
from mailctl.cli.completion import complete_oauth_client, words
from mailctl.cli.option_names import as_options, missing_input, nothing_named, option_name
from mailctl.cli.params import (
    Clear,
    DryRun,
    Output,
    OutputFormat,
    Yes,
    choice_option,
    existing_file,
    expand_options,
    given_fields,
    text_option,
)
from mailctl.cli.secret_input import given_reference, read_stdin_secret
from mailctl.cli.session import Session, get_session
from mailctl.errors import ExclusiveSettingsError, InvalidValueError, Problem, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from mailctl.model.oauth import OAuthClient
    from mailctl.model.secret import Secret
    from mailctl.model.settings import Edit, Settings
    from mailctl.services.secrets.transactions import References

client_app = typer.Typer(help="OAuth clients: app registrations at Google, Microsoft or another provider.")

_CLIENT, _PROOF, _ENDPOINTS = "Client", "How the client proves itself", "National clouds, own servers"

NewName = Annotated[str, typer.Argument(metavar="NAME", show_default=False)]
Name = Annotated[str, typer.Argument(metavar="NAME", autocompletion=complete_oauth_client, show_default=False)]


@dataclass(frozen=True, kw_only=True)
class ClientOptions:
    """The fields of an OAuth client."""

    provider: Annotated[
        str | None,
        choice_option("--provider", "google", "microsoft", "custom", help="Who authorises.", panel=_CLIENT),
    ] = None
    client_id: Annotated[
        str | None, text_option("--client-id", "ID", "The id that the registration has there.", _CLIENT)
    ] = None
    directory_id: Annotated[
        str | None,
        typer.Option(
            "--directory-id",
            metavar="ID",
            help="Microsoft's tenant id, or common, organizations, consumers. Default: common.",
            autocompletion=words("common", "organizations", "consumers"),
            rich_help_panel=_CLIENT,
            show_default=False,
        ),
    ] = None
    client_secret_stdin: Annotated[
        bool,
        typer.Option(
            "--client-secret-stdin", help="Read the client's secret from standard input.", rich_help_panel=_PROOF
        ),
    ] = False
    client_secret_from: Annotated[
        str | None, text_option("--client-secret-from", "REF", "Where the client's secret stays: env:, file: …", _PROOF)
    ] = None
    client_secret_expires: Annotated[
        str | None,
        text_option("--client-secret-expires", "YYYY-MM-DD", "The secret's last day, to be warned before it.", _PROOF),
    ] = None
    certificate: Annotated[
        Path | None, text_option("--certificate", "FILE", "PEM of a certificate, in the place of a secret.", _PROOF)
    ] = None
    key_from: Annotated[str | None, text_option("--key-from", "REF", "Where its key (PEM) stays.", _PROOF)] = None
    service_account_from: Annotated[
        str | None,
        text_option("--service-account-from", "REF", "Where Google's service account (JSON) stays.", _PROOF),
    ] = None
    authorize_url: Annotated[
        str | None, text_option("--authorize-url", "URL", "The authorisation endpoint.", _ENDPOINTS)
    ] = None
    token_url: Annotated[str | None, text_option("--token-url", "URL", "The token endpoint.", _ENDPOINTS)] = None
    device_url: Annotated[str | None, text_option("--device-url", "URL", "The device endpoint.", _ENDPOINTS)] = None
    revoke_url: Annotated[str | None, text_option("--revoke-url", "URL", "The revocation endpoint.", _ENDPOINTS)] = None
    issuer: Annotated[
        str | None,
        text_option("--issuer", "URL", "What the server calls itself, where its answers say so (iss).", _ENDPOINTS),
    ] = None
    scope: Annotated[
        list[str] | None,
        text_option("--scope", "SCOPE", "What to ask for, in the place of the usual; repeatable.", _ENDPOINTS),
    ] = None
    graph_url: Annotated[
        str | None, text_option("--graph-url", "URL", "Microsoft Graph of a national cloud.", _ENDPOINTS)
    ] = None

    def given(self) -> dict[str, Any]:
        """Return the given fields, references for secrets; paths are made absolute."""
        plain_fields = (
            "provider",
            "client_id",
            "client_secret_expires",
            "directory_id",
            "authorize_url",
            "token_url",
            "device_url",
            "revoke_url",
            "issuer",
            "graph_url",
        )
        every = given_fields(self, "")
        fields = {name: every[name] for name in plain_fields if name in every}
        references = {
            "client_secret": (self.client_secret_from, "--client-secret-from"),
            "key": (self.key_from, "--key-from"),
            "service_account": (self.service_account_from, "--service-account-from"),
        }
        fields |= {
            name: str(given_reference(text, option)) for name, (text, option) in references.items() if text is not None
        }
        if self.certificate is not None:
            fields["certificate"] = str(existing_file(self.certificate, "--certificate"))
        if self.scope:
            fields["scopes"] = self.scope
        return fields

    def read_secret(self) -> Secret | None:
        """Return the client's secret if standard input gives it."""
        if not self.client_secret_stdin:
            return None
        if self.client_secret_from is not None:
            raise UsageError("--client-secret-stdin and --client-secret-from exclude each other")
        return read_stdin_secret("--client-secret")


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
    asked = session.terminal.ask_secret(f"Secret of '{name}' (not shown; Enter: it has none)")
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
