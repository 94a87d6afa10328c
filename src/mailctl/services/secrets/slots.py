"""The places in the settings that name a secret, each under the name by which `secret status` lists it.

A secret of an entry is called after it, `server:CODE/client-key-passphrase`, `oauth-client:NAME/secret`; one that was
stored under a name of its own has neither `:` nor `/` in it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from difflib import get_close_matches
from functools import partial
from typing import Any, NamedTuple

from msgspec.structs import replace

from mailctl.errors import InvalidValueError, NotFoundError, Problem
from mailctl.model.account import Account
from mailctl.model.collection import CollectionSource
from mailctl.model.oauth import OAuthClient, Provider
from mailctl.model.secret import SecretRef, parse_secret_ref
from mailctl.model.sending import Sender
from mailctl.model.server import Server
from mailctl.model.settings import Settings
from mailctl.model.values import has_control_characters, shown
from mailctl.services.oauth.grants import find_reference, put_reference, secret_name


class SecretSlot(NamedTuple):
    """A place in the settings that names a secret.

    `put` returns the settings with another reference there, or with none.
    """

    name: str
    reference: SecretRef | None
    put: Callable[[Settings, SecretRef | None], Settings]


def list_slots(settings: Settings) -> list[SecretSlot]:
    """Return all places that name a secret now, entries' first."""
    entries = [slot for slot in _entry_slots(settings) if slot.reference is not None]
    return entries + [_named_slot(settings, name) for name in settings.secrets.named]


def find_user(settings: Settings, name: str) -> str | None:
    """Return the entry that a secret is for; None for one under a name of its own, and for one that nobody names."""
    if not any(slot.name == name for slot in list_slots(settings)):
        return None
    grants = {secret_name(grant): grant for grant in settings.secrets.grants}
    return grants.get(name) or name.rpartition("/")[0] or None


def list_references(settings: Settings) -> set[SecretRef]:
    """Return every reference that the settings hold, that of the vault's passphrase too."""
    references = {slot.reference for slot in list_slots(settings) if slot.reference is not None}
    if settings.secrets.passphrase_from:
        references.add(parse_secret_ref(settings.secrets.passphrase_from))
    return references


def get_slot(settings: Settings, name: str) -> SecretSlot:
    """Return the place that a name means; a free name may be a new one.

    Raises NotFoundError if there is no such entry, InvalidValueError for what cannot be a name.
    """
    if ":" not in name and "/" not in name:
        return _named_slot(settings, parse_free_name(name))
    for slot in _entry_slots(settings):
        if slot.name == name:
            return slot
    near = get_close_matches(name, [slot.name for slot in _entry_slots(settings)], n=3)
    raise NotFoundError(
        f"no entry of the settings has a secret {shown(name)}",
        hint=f"did you mean {' or '.join(near)}?" if near else "`mailctl secret status` lists the names",
        details={"secret": name},
    )


def parse_free_name(name: str) -> str:
    """Parse a name that is not an entry's: without blanks, control characters, `:`, `/` or a leading `-`."""
    problem = None
    if not name:
        problem = "a secret's name must not be empty"
    elif any(character.isspace() for character in name) or has_control_characters(name) or not name.isprintable():
        problem = f"{shown(name)} contains a blank or a control character, which a secret's name must not"
    elif ":" in name or "/" in name or name.startswith("-"):
        problem = f"{shown(name)} contains ':' or '/' or starts with '-': such names belong to entries"
    if problem:
        raise InvalidValueError([Problem("NAME", problem)])
    return name


def _entry_slots(settings: Settings) -> Iterator[SecretSlot]:
    for client in settings.oauth_clients:
        yield from _client_slots(client)
    for server in settings.servers:
        if server.tls.client_key:
            passphrase = server.tls.client_key_passphrase
            yield SecretSlot(
                f"server:{server.code}/client-key-passphrase",
                _parsed(passphrase),
                _server_put(server.code),
            )
    for target, sender in settings.list_senders():
        yield from _sender_slots(target, sender)
    for account in settings.accounts:
        yield from _account_slots(account)
    for name in settings.secrets.grants:
        yield SecretSlot(secret_name(name), find_reference(settings, name), partial(_put_grant, name))


def _put_grant(name: str, settings: Settings, reference: SecretRef | None) -> Settings:
    return put_reference(settings, name, reference)


def _client_slots(client: OAuthClient) -> Iterator[SecretSlot]:
    name = f"oauth-client:{client.name}"
    if not client.certificate:
        yield SecretSlot(f"{name}/secret", _parsed(client.client_secret), _client_put(client.name, "client_secret"))
    else:
        yield SecretSlot(f"{name}/key", _parsed(client.key), _client_put(client.name, "key"))
    if client.provider is not Provider.MICROSOFT:
        put = _client_put(client.name, "service_account")
        yield SecretSlot(f"{name}/service-account", _parsed(client.service_account), put)


def _sender_slots(target: str, sender: Sender) -> Iterator[SecretSlot]:
    if sender.username:
        yield SecretSlot(f"{target}/password", _parsed(sender.password), _sender_put(target, "password"))
    pop = sender.pop_before_smtp
    if pop and pop.username:
        put = _sender_put(target, "password", "pop_before_smtp")
        yield SecretSlot(f"{target}/pop-password", _parsed(pop.password), put)
    if sender.tls.client_key:
        passphrase = _parsed(sender.tls.client_key_passphrase)
        put = _sender_put(target, "client_key_passphrase", "tls")
        yield SecretSlot(f"{target}/client-key-passphrase", passphrase, put)


def _account_slots(account: Account) -> Iterator[SecretSlot]:
    name, address = f"account:{account.address}", account.address
    if not account.oauth_client:
        yield SecretSlot(f"{name}/password", _parsed(account.password), _account_put(address, "password"))
    if account.smtp_username or account.smtp_password:
        put = _account_put(address, "smtp_password")
        yield SecretSlot(f"{name}/smtp-password", _parsed(account.smtp_password), put)
    if account.tls.client_key:
        passphrase = _parsed(account.tls.client_key_passphrase)
        put = _account_put(address, "client_key_passphrase", "tls")
        yield SecretSlot(f"{name}/client-key-passphrase", passphrase, put)
    for source in account.pop3:
        yield from _source_slots(address, source)


def _source_slots(address: str, source: CollectionSource) -> Iterator[SecretSlot]:
    name = source_target(address, source.name)
    put = partial(_put_source, address, source.name, "password", None)
    yield SecretSlot(f"{name}/password", _parsed(source.password), put)
    if source.tls.client_key:
        put = partial(_put_source, address, source.name, "client_key_passphrase", "tls")
        yield SecretSlot(f"{name}/client-key-passphrase", _parsed(source.tls.client_key_passphrase), put)


def source_target(address: str, name: str) -> str:
    """Return what the names of a collection source's secrets begin with."""
    return f"account:{address}/pop3/{name}"


def _put_source(
    address: str, name: str, field: str, part: str | None, settings: Settings, reference: SecretRef | None
) -> Settings:
    """Put a reference into a field of a collection source, or of a part of it."""
    account = settings.get_account(address)
    changed: dict[str, Any] = {field: str(reference) if reference else None}

    def with_reference(source: CollectionSource) -> CollectionSource:
        fields = {part: replace(getattr(source, part), **changed)} if part else changed
        return replace(source, **fields)

    sources = tuple(with_reference(source) if source.name == name else source for source in account.pop3)
    accounts = (replace(one, pop3=sources) if one is account else one for one in settings.accounts)
    return replace(settings, accounts=tuple(accounts))


def _parsed(reference: str | None) -> SecretRef | None:
    return parse_secret_ref(reference) if reference else None


def _sender_put(target: str, field: str, part: str | None = None) -> Callable[[Settings, SecretRef | None], Settings]:
    """Return what puts a reference into a field of a sender, or of a part of it."""

    def put(settings: Settings, reference: SecretRef | None) -> Settings:
        def fields_of(name: str, sender: Sender) -> dict[str, Any]:
            changed: dict[str, Any] = {field: str(reference) if reference else None}
            if name != target:
                return {}
            return {part: replace(getattr(sender, part), **changed)} if part else changed

        return settings.change_senders(fields_of)

    return put


def _account_put(address: str, field: str, part: str | None = None) -> Callable[[Settings, SecretRef | None], Settings]:
    """Return what puts a reference into a field of a person's account, or of a part of it."""

    def put(settings: Settings, reference: SecretRef | None) -> Settings:
        present = settings.get_account(address)
        changed: dict[str, Any] = {field: str(reference) if reference else None}
        if part:
            changed = {part: replace(getattr(present, part), **changed)}
        accounts = (replace(one, **changed) if one is present else one for one in settings.accounts)
        return replace(settings, accounts=tuple(accounts))

    return put


def _client_put(name: str, field: str) -> Callable[[Settings, SecretRef | None], Settings]:
    def put(settings: Settings, reference: SecretRef | None) -> Settings:
        present = settings.get_oauth_client(name)
        changed = replace(present, **{field: str(reference) if reference else None})
        clients = (changed if client is present else client for client in settings.oauth_clients)
        return replace(settings, oauth_clients=tuple(clients))

    return put


def _server_put(code: str) -> Callable[[Settings, SecretRef | None], Settings]:
    def put(settings: Settings, reference: SecretRef | None) -> Settings:
        text = str(reference) if reference else None

        def changed(server: Server) -> Server:
            return replace(server, tls=replace(server.tls, client_key_passphrase=text))

        present = settings.get_server(code)
        return replace(
            settings, servers=tuple(changed(server) if server is present else server for server in settings.servers)
        )

    return put


def _named_slot(settings: Settings, name: str) -> SecretSlot:
    def put(changed: Settings, reference: SecretRef | None) -> Settings:
        named = {other: text for other, text in changed.secrets.named.items() if other != name or reference}
        if reference:
            named[name] = str(reference)
        return replace(changed, secrets=replace(changed.secrets, named=named))

    present = settings.secrets.named.get(name)
    return SecretSlot(name, parse_secret_ref(present) if present else None, put)
