"""Authorisation code with PKCE: the URL that a person opens, and what comes back. RFC 6749, 4.1; RFC 7636; RFC 9207.

`begin_authorisation` makes an attempt, `redeem_code` ends it; in between the person signs in, and the browser's last
address comes back by the listener of `browser`, or pasted (`parse_redirect`), possibly in another run of the program.
"""

from __future__ import annotations

import hmac
import re
import secrets
import socket
import time
from collections.abc import Sequence
from typing import Any, Self
from urllib.parse import parse_qs, unquote, urlsplit

import msgspec
from msgspec import Struct

from mailctl.errors import AuthenticationError, InvalidValueError, Problem
from mailctl.model.oauth import GOOGLE_ISSUER, OAuthClient, Provider
from mailctl.model.secret import Secret
from mailctl.oauth.endpoints import named_https, require_safe
from mailctl.oauth.explanations import Act
from mailctl.oauth.reasons import OAuthReason
from mailctl.oauth.refusals import Occasion, refusal_error
from mailctl.oauth.registration import Registration
from mailctl.oauth.tokens import TokenReply

PENDING_SECONDS = 600
"""How long an attempt may take; codes live no longer (RFC 6749, 4.1.2)."""

_VERIFIER_CHARACTERS = 64  # RFC 7636, 4.1: 43 to 128
_CODE = re.compile(r"[!-~]{16,}")  # RFC 6749, A.11; what cannot be guessed (10.10) is not shorter
_BLANK_IN_LINE = re.compile(r"[^\S\r\n]")


class PendingAuthorisation(Struct, frozen=True, kw_only=True):
    """An attempt that waits for the person. `url`: what they open. `created_at`: Unix time.

    It is kept as a secret: with the verifier, whoever sees the code has the grant.
    """

    client_name: str
    url: str
    redirect_uri: str
    scopes: tuple[str, ...]
    state: str
    verifier: Secret
    created_at: float

    def to_secret(self) -> Secret:
        return Secret(msgspec.json.encode(self, enc_hook=_reveal).decode())

    @classmethod
    def from_secret(cls, text: Secret) -> Self:
        """Return what `to_secret` was made of. Raises AuthenticationError where it cannot be read."""
        try:
            return msgspec.json.decode(text.reveal(), type=cls, dec_hook=_conceal)
        except msgspec.DecodeError:
            pass
        raise _expired("the attempt that was begun cannot be read")

    def require_current(self) -> None:
        """Raise AuthenticationError of reason `authorisation-expired` after PENDING_SECONDS."""
        if not 0 <= time.time() - self.created_at < PENDING_SECONDS:
            raise _expired(f"the attempt was begun more than {PENDING_SECONDS // 60} minutes ago")


class Callback(Struct, frozen=True):
    """What an authorisation endpoint says through the browser: each parameter once."""

    parameters: dict[str, str]

    def __repr__(self) -> str:
        return "Callback(…)"

    def answers(self, pending: PendingAuthorisation) -> bool:
        """Whether it bears the attempt's state, which nobody else can know."""
        return hmac.compare_digest(self.parameters.get("state", "").encode(), pending.state.encode())

    def get_code(self, pending: PendingAuthorisation, client: OAuthClient) -> Secret:
        """Return the code. Raises AuthenticationError: `issuer-mismatch`, or what the provider refused for."""
        self._require_issuer(client)
        if self.parameters.get("error"):
            occasion = Occasion.of(Act.AUTHORISE, client, pending.scopes, redirect_uri=pending.redirect_uri)
            raise refusal_error(self.parameters, occasion)
        return Secret(self.parameters["code"])

    def _require_issuer(self, client: OAuthClient) -> None:
        """Raise AuthenticationError where the answer says that it comes from another server: RFC 9207, 2.4."""
        issuer = self.parameters.get("iss")
        if issuer is None and client.issuer is None:
            return
        if issuer is None:
            said = f"the answer does not say that it comes from {client.issuer}, the OAuth client's issuer"
        elif not _is_issuer(issuer, client):
            said = "the answer comes from another authorisation server than the one that was asked"
        else:
            return
        raise AuthenticationError(
            said,
            reason=OAuthReason.ISSUER_MISMATCH,
            hint="nothing was authorised; authorise again, and if it stays so, somebody may be in between"
            + bool(client.issuer) * f", or the server is not called {client.issuer}",
        )


def _is_issuer(found: str, client: OAuthClient) -> bool:
    """Compare character by character (RFC 9207, 2.4), or scheme, host and port alone where the name is not known.

    Microsoft's name holds the directory of whoever signed in, and another server's only its administrator can tell.
    """
    known = client.issuer or (GOOGLE_ISSUER if client.provider is Provider.GOOGLE else None)
    if known:
        return found == known
    try:
        return _origin(found) == _origin(client.endpoints.authorize or "")
    except ValueError:
        return False


def _origin(url: str) -> tuple[str, str | None, int | None]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port


def begin_authorisation(
    client: OAuthClient, scopes: Sequence[str], redirect_uri: str, *, username: str | None = None
) -> PendingAuthorisation:
    """Begin an attempt, with a verifier and a state of its own. `username`: whom the sign-in page proposes."""
    from oauthlib.oauth2 import WebApplicationClient  # type: ignore[import-untyped]  # the package has no types

    endpoint = client.endpoints.authorize or ""
    require_safe(endpoint)
    grant = WebApplicationClient(client.client_id)
    verifier = grant.create_code_verifier(_VERIFIER_CHARACTERS)
    state = secrets.token_urlsafe(24)
    url = grant.prepare_request_uri(
        named_https(endpoint),
        redirect_uri=redirect_uri,
        scope=list(scopes),
        state=state,
        code_challenge=grant.create_code_challenge(verifier, "S256"),
        code_challenge_method="S256",
        login_hint=username,
        **_lasting_access(client, scopes),
    )
    return PendingAuthorisation(
        client_name=client.name,
        url=url if endpoint.startswith("https") else "http" + url.removeprefix("https"),
        redirect_uri=redirect_uri,
        scopes=tuple(scopes),
        state=state,
        verifier=Secret(verifier),
        created_at=time.time(),
    )


def _lasting_access(client: OAuthClient, scopes: Sequence[str]) -> dict[str, str]:
    """Return the parameters that bring a refresh token, each time anew."""
    if client.provider is Provider.GOOGLE:
        return {"access_type": "offline", "prompt": "consent"}
    if client.provider is Provider.CUSTOM and "offline_access" in scopes:
        return {"prompt": "consent"}  # OpenID Connect Core, 11
    return {}


def loopback_redirect_uri(client: OAuthClient, port: int) -> str:
    """Return the redirect URI on a port of 127.0.0.1.

    Entra registers `http://localhost` and minds no port; an address in its place has to be registered with an editor
    (learn.microsoft.com/entra/identity-platform/reply-url, "Localhost exceptions").
    """
    host = "localhost" if client.provider is Provider.MICROSOFT else "127.0.0.1"
    return f"http://{host}:{port}"


def paste_redirect_uri(client: OAuthClient) -> str:
    """Return a redirect URI on a free port, where nobody listens: the browser's address line is all that is wanted."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        return loopback_redirect_uri(client, free.getsockname()[1])


def find_callback(query: str) -> Callback | None:
    """Return what a query string says; None if it has neither a code nor an error, or anything twice."""
    try:
        fields = parse_qs(query, keep_blank_values=True, strict_parsing=True, max_num_fields=64)
    except ValueError:
        return None
    parameters = {name: values[0] for name, values in fields.items() if len(values) == 1}
    if len(parameters) < len(fields) or not (parameters.get("code") or parameters.get("error")):
        return None
    return Callback(parameters)


def parse_redirect(text: str, pending: PendingAuthorisation, client: OAuthClient) -> Secret:
    """Return the code from what a person pasted: the whole address, its query, or the code alone.

    Raises InvalidValueError, which quotes nothing of it, for what cannot be any of these; AuthenticationError:
    `state-mismatch` for an address of another attempt, `issuer-mismatch`, or what the provider refused for.
    """
    pasted = "".join(text.split())  # a terminal breaks long lines
    before, mark, after = pasted.partition("?")
    if mark and before and not _is_of_host(before, pending.redirect_uri):
        raise _no_redirect(pending, "it is of another host than the one that the browser is sent to")
    callback = find_callback((after if mark else before).partition("#")[0])
    if callback is None:
        if mark or "://" in pasted or not pasted:
            raise _no_redirect(pending, "it holds neither a code nor an error")
        if not _CODE.fullmatch(pasted) or _BLANK_IN_LINE.search(text.strip()):
            raise _no_redirect(pending, "it is neither an address nor a code")
        return Secret(unquote(pasted))
    if "state" not in callback.parameters and "error" not in callback.parameters:
        raise _no_redirect(pending, "it lacks the parameter state, by which it is known to be of this attempt")
    if "state" in callback.parameters and not callback.answers(pending):
        raise AuthenticationError(
            "the address that was pasted belongs to another attempt",
            reason=OAuthReason.STATE_MISMATCH,
            hint="open the address of this attempt, and paste the one where the browser ends then",
        )
    return callback.get_code(pending, client)


def _is_of_host(address: str, redirect_uri: str) -> bool:
    """Compare the hosts; browsers show no http:// before them. The port is an attempt's, and that the state tells."""
    try:
        return urlsplit(f"//{address.rpartition('://')[2]}").hostname == urlsplit(redirect_uri).hostname
    except ValueError:
        return False


def _no_redirect(pending: PendingAuthorisation, why: str) -> InvalidValueError:
    return InvalidValueError(
        [Problem("redirected address", why)],
        hint="paste the whole address that the browser ended at: it begins with "
        f"{pending.redirect_uri}, and holds code= and state=",
    )


def redeem_code(
    registration: Registration, pending: PendingAuthorisation, code: Secret, *, timeout_seconds: float = 30
) -> TokenReply:
    """Exchange a code for tokens. Raises as `token_endpoint.fetch_token`."""
    from oauthlib.oauth2 import WebApplicationClient

    from mailctl.oauth.token_endpoint import fetch_token

    occasion = Occasion.of(Act.REDEEM, registration.client, pending.scopes, redirect_uri=pending.redirect_uri)
    return fetch_token(
        registration,
        WebApplicationClient(registration.client.client_id),
        {"code": code, "code_verifier": pending.verifier},
        occasion,
        redirect_uri=pending.redirect_uri,
        timeout_seconds=timeout_seconds,
    )


def _expired(message: str) -> AuthenticationError:
    return AuthenticationError(
        message, reason=OAuthReason.AUTHORISATION_EXPIRED, hint="begin again with `mailctl oauth authorize`"
    )


def _reveal(value: Any) -> str:
    if isinstance(value, Secret):
        return value.reveal()
    raise TypeError(type(value).__name__)


def _conceal(kind: type, value: Any) -> Any:
    if kind is Secret and isinstance(value, str):
        return Secret(value)
    raise TypeError(kind.__name__)
