"""OAuth clients for people: one line each, or one in full."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol

from mailctl.model.oauth import Directory, OAuthClient, OAuthEndpoints, Provider
from mailctl.render.facts import InFull
from mailctl.render.secrets import render_presence
from mailctl.render.style import Style

CLIENT_HEADERS = ("NAME", "PROVIDER", "CLIENT ID", "PROOF", "USED BY")


class SecretState(Protocol):
    """Where a secret is, and whether it is there; None where that is not known."""

    @property
    def reference(self) -> str: ...
    @property
    def present(self) -> bool | None: ...
    @property
    def problem(self) -> str | None: ...


def client_row(client: OAuthClient, users: Sequence[str]) -> Sequence[str]:
    """Return the cells of a client in a listing, in the order of CLIENT_HEADERS."""
    return client.name, _provider(client), client.client_id, ", ".join(_proofs(client)) or "none", ", ".join(users)


def client_in_full(
    client: OAuthClient, secrets: Mapping[str, SecretState], users: Sequence[str], style: Style
) -> InFull:
    """Return a client in full; `secrets` by the client's fields."""
    facts = [
        ("provider", _provider(client)),
        ("client id", client.client_id),
        *(
            (name.replace("_", " "), f"{state.reference}: {render_presence(state.present, state.problem, style)}")
            for name, state in secrets.items()
        ),
        *([("secret until", str(client.client_secret_expires))] if client.client_secret_expires else []),
        *([("certificate", client.certificate)] if client.certificate else []),
        *_endpoint_facts(client.endpoints),
        *([("issuer", client.issuer)] if client.issuer else []),
        *([("graph", client.graph_url)] if client.graph_url else []),
        *([("scopes", " ".join(client.scopes))] if client.scopes else []),
        ("servers", "host, port and security are the provider's" if client.fixes_hosts else "hosts are given by you"),
        ("used by", ", ".join(users) or "nobody yet"),
    ]
    return InFull(style.bold(client.name), facts)


def _endpoint_facts(endpoints: OAuthEndpoints) -> Iterator[tuple[str, str]]:
    for name in endpoints.__struct_fields__:
        url = getattr(endpoints, name)
        if url:
            yield f"{name} url", url


def _provider(client: OAuthClient) -> str:
    if client.provider is not Provider.MICROSOFT:
        return str(client.provider)
    return f"{client.provider}, directory {client.directory_id or Directory.COMMON}"


def _proofs(client: OAuthClient) -> Iterator[str]:
    named = {"secret": client.client_secret, "certificate": client.certificate}
    yield from (name for name, value in named.items() if value)
    if client.service_account:
        yield "service account"
