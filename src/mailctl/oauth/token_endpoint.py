"""Calls of the token endpoint, with requests-oauthlib, and how a client says who it is. RFC 6749, 2.3.1 and 5.

requests-oauthlib builds the requests and reads the tokens. Three of its ways are not taken: who the client is, it is
told explicitly, since by default it sends HTTP Basic with an empty secret; scopes it does not compare, as it takes a
scope less, which Microsoft's replies have, for a fault; and refusals are read before it sees them, since its exceptions
drop what Microsoft adds.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from urllib.parse import quote_plus, urlencode, urlsplit

from msgspec import Struct
from oauthlib.oauth2 import Client, WebApplicationClient  # type: ignore[import-untyped]  # the package has no types
from requests import PreparedRequest, Response
from requests.auth import HTTPBasicAuth

from mailctl.errors import AuthenticationError, ProtocolError, TemporaryError
from mailctl.model.oauth import Provider
from mailctl.model.secret import Secret
from mailctl.oauth.http import open_session, speak
from mailctl.oauth.refusals import Occasion, refusal_error
from mailctl.oauth.registration import Registration
from mailctl.oauth.tokens import TokenReply
from mailctl.protocol.reasons import Reason
from mailctl.transport.network.limits import Deadline

_LIFETIME_SECONDS_MAX = 10 * 365 * 86_400
"""Of an access token: whoever says more means for ever, and no calendar has that day."""

CLIENT_ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

Form = Mapping[str, str | Secret]
Auth = Callable[[PreparedRequest], PreparedRequest]


class _Identity(Struct, frozen=True):
    """How the client says who it is: in the form, or by id and secret in the request's header."""

    form: dict[str, str | Secret]
    basic: tuple[str, Secret] | None = None

    @property
    def auth(self) -> Auth:
        if self.basic is None:
            return _unchanged  # None would have requests-oauthlib send HTTP Basic all the same
        # Both are encoded before they are joined: RFC 6749, 2.3.1.
        client_id, secret = self.basic
        return HTTPBasicAuth(quote_plus(client_id), quote_plus(secret.reveal()))


def _unchanged(request: PreparedRequest) -> PreparedRequest:
    return request


def _secrets_in(identity: _Identity, *forms: Form) -> Iterator[Secret]:
    """Yield what is sent and must not come back in an error."""
    if identity.basic:
        yield identity.basic[1]
    for form in (identity.form, *forms):
        yield from (value for value in form.values() if isinstance(value, Secret))


def _revealed(*forms: Form) -> dict[str, str]:
    """Return one form of several, to be sent: only where `speak` keeps what is raised apart."""
    return {
        name: value.reveal() if isinstance(value, Secret) else value for form in forms for name, value in form.items()
    }


_NOBODY = _Identity({})
"""For a request whose assertion says it all."""


def _identities(registration: Registration) -> Iterator[_Identity]:
    """Yield the ways to say who the client is, the likeliest first.

    Google and Microsoft document the secret in the form. Elsewhere either form or HTTP Basic may be the registered
    way, and the other is refused; that is tried in turn, as the client is checked before anything else is.
    """
    client, secret = registration.client, registration.secret
    known: dict[str, str | Secret] = {"client_id": client.client_id}
    if registration.certificate and registration.key:
        from mailctl.oauth.assertions import client_assertion

        assertion = client_assertion(client, registration.certificate, registration.key)
        yield _Identity({**known, "client_assertion_type": CLIENT_ASSERTION_TYPE, "client_assertion": assertion})
        return
    if secret and client.provider is Provider.CUSTOM:
        yield _Identity({}, (client.client_id, secret))
    yield _Identity({**known, "client_secret": secret} if secret else known)


def fetch_token(
    registration: Registration,
    grant: Client,
    form: Form,
    occasion: Occasion,
    *,
    timeout_seconds: float,
    redirect_uri: str | None = None,
    anonymous: bool = False,
) -> TokenReply:
    """Ask for tokens by a grant of oauthlib. `anonymous`: an assertion in the form says who the client is.

    Raises AuthenticationError or TemporaryError where the provider refuses, NetworkError, TLSError, ProtocolError.
    """

    def ask(session: Any, url: str, identity: _Identity) -> Mapping[str, Any]:
        token: Mapping[str, Any] = session.fetch_token(
            url,
            auth=identity.auth,
            include_client_id=False,
            body=urlencode(_revealed(identity.form)),
            **_revealed(form),
        )
        return token

    options = {"client": grant, "redirect_uri": redirect_uri}
    return _ask_in_turn(registration, ask, options, form, occasion, timeout_seconds, anonymous=anonymous)


def refresh_token(
    registration: Registration, token: Secret, occasion: Occasion, *, timeout_seconds: float
) -> TokenReply:
    """Ask for a new access token. Raises as `fetch_token`."""
    # Only Microsoft has to be told the resource anew; elsewhere what was granted is meant (RFC 6749, 6).
    scopes = occasion.scopes if registration.client.provider is Provider.MICROSOFT else ()
    asked = {"scope": " ".join(scopes)} if scopes else {}

    def ask(session: Any, url: str, identity: _Identity) -> Mapping[str, Any]:
        renewed: Mapping[str, Any] = session.refresh_token(
            url, token.reveal(), auth=identity.auth, body=urlencode(_revealed(identity.form, asked))
        )
        # requests-oauthlib puts the old one where the provider sent none.
        if renewed.get("refresh_token") == token.reveal():
            return {name: value for name, value in renewed.items() if name != "refresh_token"}
        return renewed

    grant = WebApplicationClient(registration.client.client_id)
    sent = {"refresh_token": token}
    return _ask_in_turn(registration, ask, {"client": grant}, sent, occasion, timeout_seconds)


def post_form(url: str, registration: Registration, form: Form, occasion: Occasion, *, timeout_seconds: float) -> Any:
    """Send a form to another endpoint of the provider, as this client; return its JSON, None if there is none.

    Raises as `fetch_token`.
    """
    deadline = Deadline(timeout_seconds)

    def ask_as(identity: _Identity) -> Any:
        def ask() -> Any:
            with open_session(url, deadline, registration.ca_file) as (session, name):
                reply = session.post(name, data=_revealed(identity.form, form), auth=identity.auth, withhold_token=True)
                if reply.ok and not reply.content:
                    return None
                return _read(reply, occasion.guarding(_secrets_in(identity, form)))

        return speak(ask, _doing(url))

    return _first_accepted(registration, ask_as)


def _ask_in_turn(
    registration: Registration,
    ask: Callable[[Any, str, _Identity], Mapping[str, Any]],
    options: Mapping[str, Any],
    sent: Form,
    occasion: Occasion,
    timeout_seconds: float,
    *,
    anonymous: bool = False,
) -> TokenReply:
    """`ask` makes the request; `sent` holds the secrets in it, `options` are those of the session."""
    deadline = Deadline(timeout_seconds)
    url = registration.client.endpoints.token

    def ask_as(identity: _Identity) -> TokenReply:
        def call() -> TokenReply:
            with open_session(url, deadline, registration.ca_file, **options) as (session, name):

                def check(reply: Response) -> Response:
                    _read(reply, occasion.guarding(_secrets_in(identity, sent)))
                    return reply

                for hook in ("access_token_response", "refresh_token_response"):
                    session.register_compliance_hook(hook, check)
                return _token_reply(ask(session, name, identity), occasion)

        return speak(call, _doing(url))

    return ask_as(_NOBODY) if anonymous else _first_accepted(registration, ask_as)


def _first_accepted(registration: Registration, ask_as: Callable[[_Identity], Any]) -> Any:
    """Return what the first way to say who the client is brings that the provider accepts."""
    refusal: AuthenticationError | None = None
    for identity in _identities(registration):
        try:
            return ask_as(identity)
        except AuthenticationError as error:
            if error.details.get("error") != "invalid_client":
                raise
            refusal = error
    assert refusal
    raise refusal


def _read(reply: Response, occasion: Occasion) -> dict[str, Any]:
    """Return the JSON object of a reply that grants something; raise for any other."""
    try:
        members = json.loads(reply.content)
    except (ValueError, RecursionError):
        members = None
    if isinstance(members, dict) and "error" in members:
        raise refusal_error(members, occasion, status=reply.status_code)
    if reply.status_code == 429 or reply.status_code >= 500:
        raise TemporaryError(
            f"the provider cannot answer now (HTTP {reply.status_code})",
            reason=Reason.RATE_LIMITED if reply.status_code == 429 else Reason.TEMPORARY,
            hint="wait some minutes and try again; the grant stays as it is",
            details={"status": reply.status_code},
        )
    if not isinstance(members, dict) or not reply.ok:
        raise ProtocolError(
            f"the answer is not that of an OAuth endpoint (HTTP {reply.status_code})",
            reason=Reason.MALFORMED_REPLY,
            hint="check the endpoint's URL, and whether a proxy or a sign-in page of the network answers in its place",
            details={"status": reply.status_code},
        )
    return members


def _token_reply(token: Mapping[str, Any], occasion: Occasion) -> TokenReply:
    access, refresh, seconds = token["access_token"], token.get("refresh_token"), token.get("expires_in")
    scopes = tuple(str(scope) for scope in token.get("scope") or () if scope)
    kind = token.get("token_type", "Bearer")
    if not _is_token(access) or str(kind).casefold() != "bearer":
        raise ProtocolError("the reply has no bearer token", reason=Reason.MALFORMED_REPLY)
    if refresh and not _is_token(refresh):
        raise ProtocolError("the reply's refresh token is none", reason=Reason.MALFORMED_REPLY)
    return TokenReply(
        access_token=Secret(access),
        expires_at=time.time() + max(0, min(seconds, _LIFETIME_SECONDS_MAX)) if seconds is not None else None,
        refresh_token=Secret(refresh) if refresh else None,
        scopes=scopes or occasion.scopes,
    )


def _is_token(value: object) -> bool:
    """Tell whether that is a token: ASCII that can be printed (RFC 6749, A.12), as a login or a header takes it."""
    return isinstance(value, str) and value != "" and value.isascii() and value.isprintable()


def _doing(url: str) -> str:
    return f"while asking {urlsplit(url).netloc}"
