"""Use cases of the registered OAuth clients: pure edits of the settings, and where a client's secrets are."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeVar

from msgspec.structs import replace

from mailctl.credentials import Secrets
from mailctl.errors import AlreadyExistsError, ConflictError
from mailctl.model.account import Account
from mailctl.model.decode import decode_or_raise
from mailctl.model.oauth import OAuthClient, Provider
from mailctl.model.server import Server
from mailctl.model.settings import Edit, Settings
from mailctl.model.target_name import edit_command
from mailctl.services.fields import clear_fields, merge_fields, to_fields
from mailctl.services.oauth.expiry import find_proof_end, warn_of_end
from mailctl.services.secrets.slots import list_slots
from mailctl.services.secrets.state import SecretState, describe_secret

_GOOGLE_ID_END = ".apps.googleusercontent.com"
_GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_User = TypeVar("_User", Server, Account)


def add_client(fields: Mapping[str, Any]) -> Edit:
    """Return the edit that registers a client; raises AlreadyExistsError where its name is taken."""

    def edit(settings: Settings) -> Settings:
        client = decode_or_raise(OAuthClient, fields)
        if settings.find_oauth_client(client.name):
            raise AlreadyExistsError(
                f"an OAuth client '{client.name}' is registered already",
                hint=f"`mailctl oauth client edit {client.name}` changes it",
                details={"oauth_client": client.name},
            )
        return replace(settings, oauth_clients=(*settings.oauth_clients, client))

    return edit


def edit_client(name: str, fields: Mapping[str, Any], *, clear: Sequence[str] = ()) -> Edit:
    """Return the edit that lays fields over a client; those named in `clear` go back to their defaults.

    Another secret, or none, has not the last day of the former: it is forgotten unless a new one is given.
    """

    def edit(settings: Settings) -> Settings:
        present = settings.get_oauth_client(name)
        base = clear_fields(OAuthClient, to_fields(present), clear)
        if "client_secret" in fields or "client_secret" not in base:
            base = merge_fields(base, {"client_secret_expires": None})
        changed = decode_or_raise(OAuthClient, merge_fields(base, fields))
        clients = (changed if client is present else client for client in settings.oauth_clients)
        return replace(settings, oauth_clients=tuple(clients))

    return edit


def delete_client(name: str, *, force: bool = False) -> Edit:
    """Return the edit that takes a client out of the settings.

    Raises ConflictError, which names the users, for one in use. With `force` they lose it: hosts and authentication
    stay as they are, to be edited. Who sends through Microsoft Graph cannot lose it: ConflictError then, too.
    """

    def edit(settings: Settings) -> Settings:
        client = settings.get_oauth_client(name)
        users = list_client_users(settings, client.name)
        if users and not force:
            raise ConflictError(
                f"still in use: '{client.name}' is used by {', '.join(users)}; nothing was deleted",
                hint="let them use another client first; or add --force, and they keep their hosts without it",
                details={"users": {client.name: users}},
            )
        settings = _detach(settings, client)
        return replace(settings, oauth_clients=tuple(kept for kept in settings.oauth_clients if kept is not client))

    return edit


def list_client_users(settings: Settings, name: str) -> list[str]:
    """Return who uses a client by itself, each as a test's target names it."""
    users = [server.code for server in settings.servers if server.oauth_client == name]
    users += [target for target, sender in settings.list_senders() if sender.oauth_client == name]
    return users + [account.address for account in settings.accounts if account.oauth_client == name]


def _detach(settings: Settings, client: OAuthClient) -> Settings:
    bound = [
        target for target, sender in settings.list_senders() if sender.graph and sender.oauth_client == client.name
    ]
    if bound:
        raise ConflictError(
            f"{', '.join(bound)} can send through Microsoft Graph by '{client.name}' alone",
            hint=f"give another client or a server first: `{edit_command(bound[0])} --oauth-client NAME`",
            details={"users": {client.name: bound}},
        )
    settings = replace(
        settings,
        servers=tuple(_without(client, server) for server in settings.servers),
        accounts=tuple(_without(client, account) for account in settings.accounts),
    )
    return settings.change_senders(
        lambda _target, sender: {"oauth_client": None} if sender.oauth_client == client.name else {}
    )


def _without(client: OAuthClient, user: _User) -> _User:
    return replace(user, oauth_client=None) if user.oauth_client == client.name else user


def describe_client_secrets(settings: Settings, client: OAuthClient, secrets: Secrets) -> dict[str, SecretState]:
    """Return the state of each secret of a client, by its field; no command is run."""
    fields = {"secret": "client_secret", "key": "key", "service-account": "service_account"}
    prefix = f"oauth-client:{client.name}/"
    return {
        fields[slot.name.removeprefix(prefix)]: describe_secret(slot, secrets)
        for slot in list_slots(settings)
        if slot.name.startswith(prefix)
    }


def find_implausible_id(client: OAuthClient) -> str | None:
    """Return how a provider's client ids look, where a client's looks otherwise; None where it may be one.

    As both providers' consoles give them: support.google.com/cloud/answer/15549257 and
    learn.microsoft.com/en-us/entra/identity-platform/quickstart-register-app.
    """
    if client.token_url or client.service_account:
        return None
    if client.provider is Provider.GOOGLE and not client.client_id.endswith(_GOOGLE_ID_END):
        return f"those end in {_GOOGLE_ID_END} (Google Cloud console, Clients)"
    if client.provider is Provider.MICROSOFT and not _GUID.fullmatch(client.client_id):
        return "those are GUIDs (Entra admin center, App registrations: Application (client) ID)"
    return None


def client_warnings(client: OAuthClient, secrets: Secrets) -> Iterator[str]:
    """Yield what should be said whenever a client is shown or changed."""
    yield from warn_of_end(find_proof_end(client, secrets))
    if why := find_implausible_id(client):
        yield f"'{client.client_id}' does not look like a client id of {client.provider.title()}'s: {why}"
    if client.provider is Provider.GOOGLE and not (client.client_secret or client.service_account):
        yield (
            "Google wants the client's secret with every token request, a desktop app's too: "
            f"`mailctl oauth client edit {client.name} --client-secret-stdin`"
        )
