"""OAuth clients: app registrations at Google, Microsoft or elsewhere, their endpoints and scopes. RFC 6749, 8252.

A client belongs to an organisation and serves many mailboxes; the authorisation of one mailbox through it is a grant.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from enum import StrEnum
from typing import Annotated

from msgspec import Meta, Struct

from mailctl.errors import Problem
from mailctl.model.values import Code, FilePath, Reference, shown


class Provider(StrEnum):
    """Who authorises; `custom` is a server whose endpoints the administrator gives."""

    GOOGLE = "google"
    MICROSOFT = "microsoft"
    CUSTOM = "custom"


class Flow(StrEnum):
    """A way to a grant: with a person (browser, paste, device) or without."""

    BROWSER = "browser"
    PASTE = "paste"
    DEVICE = "device"
    CLIENT_CREDENTIALS = "client-credentials"
    SERVICE_ACCOUNT = "service-account"


class Directory(StrEnum):
    """Microsoft's directories that are not one organisation's."""

    COMMON = "common"
    ORGANIZATIONS = "organizations"
    CONSUMERS = "consumers"


def _parse_endpoint(text: str) -> str:
    """Parse the URL of an endpoint (see `endpoint_url`), which has no fragment: RFC 6749, 3.1."""
    from mailctl.model.endpoint_url import RULE, split_endpoint

    if split_endpoint(text).fragment:
        raise ValueError(f"{shown(text)} is not an endpoint: {RULE}, without a fragment (#…)")
    return text


def _parse_word(text: str) -> str:
    if not text or not text.isprintable() or any(character.isspace() for character in text):
        raise ValueError(f"{shown(text)} is empty, or contains a blank or a control character")
    return text


EndpointUrl = Annotated[str, Meta(description="https URL (http on loopback alone)", extra={"parse": _parse_endpoint})]
Word = Annotated[str, Meta(description="text without blanks", extra={"parse": _parse_word})]


def registration_command(name: str | None = None, provider: Provider | None = None) -> str:
    """Return the command that registers a client, as far as its name or its provider is known."""
    from shlex import quote

    known = provider or next((one for one in Provider if one == name), None)
    return (
        f"mailctl oauth client add {quote(name or provider or 'NAME')} --provider {known or '|'.join(Provider)} "
        "--client-id ID"
    )


class OAuthEndpoints(Struct, frozen=True, kw_only=True):
    """Where a provider's flows begin; None where it has no such endpoint."""

    authorize: str | None
    token: str
    device: str | None
    revoke: str | None


class OAuthClient(Struct, frozen=True, kw_only=True):
    """An app registration.

    `client_secret`, `key`, `service_account`: secret references (the key is PEM, the service account Google's JSON).
    `client_secret_expires`: the day on which the secret ends, which providers tell nobody but the administrator.
    `certificate`: PEM, sent as `x5t#S256` of a client assertion. `directory_id`: Microsoft's tenant id or one of
    Directory. `authorize_url` and the others are for national clouds and own servers: with them no hosts are fixed.
    `issuer`: of a server that sends `iss` with its answers (RFC 9207): each of them then has to bear exactly this.
    """

    name: Code
    provider: Provider
    client_id: Word
    client_secret: Reference | None = None
    client_secret_expires: dt.date | None = None
    certificate: FilePath | None = None
    key: Reference | None = None
    service_account: Reference | None = None
    directory_id: Word | None = None
    authorize_url: EndpointUrl | None = None
    token_url: EndpointUrl | None = None
    device_url: EndpointUrl | None = None
    revoke_url: EndpointUrl | None = None
    issuer: EndpointUrl | None = None
    scopes: tuple[Word, ...] = ()
    graph_url: EndpointUrl | None = None

    def conflicts(self) -> Iterator[Problem]:
        if bool(self.certificate) != bool(self.key):
            yield Problem("key" if self.certificate else "certificate", "is missing: a certificate goes with its key")
        if self.client_secret and self.certificate:
            yield Problem("client_secret", "and a certificate exclude each other: a client has one", conflict=True)
        if self.client_secret_expires and not self.client_secret:
            yield Problem("client_secret_expires", "needs client_secret as well: it is that secret's last day")
        yield from self._provider_conflicts()

    def _provider_conflicts(self) -> Iterator[Problem]:
        if self.directory_id and self.provider is not Provider.MICROSOFT:
            yield Problem("directory_id", f"is Microsoft's; the provider is {self.provider}", conflict=True)
        if self.service_account and self.provider is Provider.MICROSOFT:
            yield Problem("service_account", "is Google's; the provider is microsoft", conflict=True)
        if self.provider is Provider.GOOGLE:
            for name in ("authorize_url", "token_url", "device_url", "revoke_url", "issuer"):
                if getattr(self, name):
                    yield Problem(
                        name, "is fixed by the provider google; take custom for another server", conflict=True
                    )
        if self.provider is Provider.CUSTOM and not self.token_url:
            yield Problem("token_url", "is missing, which a custom provider needs")
        if self.graph_url and self.provider is Provider.GOOGLE:
            yield Problem("graph_url", "is Microsoft's; the provider is google", conflict=True)

    @property
    def fixes_hosts(self) -> bool:
        """Whether the provider's preset gives hosts, ports and security: not with endpoints of another cloud."""
        return self.provider is not Provider.CUSTOM and not (self.authorize_url or self.token_url)

    @property
    def endpoints(self) -> OAuthEndpoints:
        """The endpoints in force: those given, else the provider's."""
        usual = _usual_endpoints(self)
        return OAuthEndpoints(
            authorize=self.authorize_url or usual.authorize,
            token=self.token_url or usual.token,
            device=self.device_url or usual.device,
            revoke=self.revoke_url or usual.revoke,
        )

    @property
    def graph_resource(self) -> str:
        """What the scopes of Microsoft Graph begin with: in a national cloud, the server of its own."""
        from urllib.parse import urlsplit

        if self.graph_url is None:
            return "https://graph.microsoft.com"
        parts = urlsplit(self.graph_url)
        return f"{parts.scheme}://{parts.netloc}"

    @property
    def is_multi_tenant(self) -> bool:
        """Whether a Microsoft client names no single organisation's directory, which app-only flows need."""
        return self.provider is Provider.MICROSOFT and (self.directory_id or Directory.COMMON) in set(Directory)


GOOGLE_ISSUER = "https://accounts.google.com"
"""Of its metadata (accounts.google.com/.well-known/openid-configuration); its answers bear it, of late."""


def _usual_endpoints(client: OAuthClient) -> OAuthEndpoints:
    if client.provider is Provider.GOOGLE:
        return OAuthEndpoints(
            authorize="https://accounts.google.com/o/oauth2/v2/auth",
            token="https://oauth2.googleapis.com/token",  # noqa: S106 - a URL
            device=None,
            revoke="https://oauth2.googleapis.com/revoke",
        )
    if client.provider is Provider.MICROSOFT:
        base = f"https://login.microsoftonline.com/{client.directory_id or Directory.COMMON}/oauth2/v2.0"
        return OAuthEndpoints(
            authorize=f"{base}/authorize", token=f"{base}/token", device=f"{base}/devicecode", revoke=None
        )
    return OAuthEndpoints(authorize=None, token=client.token_url or "", device=None, revoke=None)


_MICROSOFT_SCOPES = tuple(
    f"https://outlook.office.com/{name}" for name in ("IMAP.AccessAsUser.All", "POP.AccessAsUser.All", "SMTP.Send")
)


def scopes_for(client: OAuthClient, flow: Flow, *, graph: bool = False) -> tuple[str, ...]:
    """Return the scopes to ask for: the client's own if given, else the provider's for mail, or for Graph sending.

    Microsoft takes one resource a request: Graph and Outlook cannot be asked for together.
    """
    if client.scopes:
        return client.scopes
    if client.provider is Provider.GOOGLE:
        return ("https://mail.google.com/",)
    if client.provider is Provider.MICROSOFT:
        app_only = flow is Flow.CLIENT_CREDENTIALS
        if graph:
            base = client.graph_resource
            return (f"{base}/.default",) if app_only else (f"{base}/Mail.Send", "offline_access")
        return ("https://outlook.office365.com/.default",) if app_only else (*_MICROSOFT_SCOPES, "offline_access")
    return () if flow in (Flow.CLIENT_CREDENTIALS, Flow.SERVICE_ACCOUNT) else ("offline_access",)
