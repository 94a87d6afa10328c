"""One login: which mechanism, one exchange of it, and what a refusal means. RFC 4422, 4954, 5034, 9051.

The mechanism is the configured one and no other, and there is one attempt: a second could lock the account.
"""

from __future__ import annotations

import binascii
from base64 import b64decode, b64encode
from collections.abc import Collection
from contextlib import suppress
from typing import Any, Protocol

from msgspec import Struct

from mailctl.errors import AuthenticationError, CapabilityError, MailError, ProtocolError, TemporaryError
from mailctl.model.server import Security
from mailctl.protocol.reasons import Reason
from mailctl.protocol.redact import Redactor
from mailctl.protocol.replies import printable
from mailctl.protocol.sasl import Mechanism, choose_method, open_mechanism
from mailctl.transport.route import Route

CANCEL = b"*\r\n"
"""What a client says to break an exchange off (RFC 4954, 4; RFC 5034, 4; RFC 9051, 6.2.2)."""

_TURNS_MAX = 12
"""More challenges than any mechanism needs."""


BY_TOKEN = frozenset({"xoauth2", "oauthbearer"})
"""Methods after whose success a test sends one more command: Exchange says yes, then knows no mailbox for the token."""


class Challenge(Struct, frozen=True):
    """The server asks for a response; `text` is its base64."""

    text: bytes


class Verdict(Struct, frozen=True):
    """The server has decided. `reply`: its words, not redacted. `capable`: False if it does not know the mechanism."""

    ok: bool
    reply: bytes
    temporary: bool = False
    capable: bool = True


class Dialogue(Protocol):
    """How a protocol carries a SASL exchange."""

    def begin(self, mechanism: str, initial: bytes | None) -> Challenge | Verdict:
        """Send the command, with the initial response in base64 if there is one and the protocol has room for it.

        Whether it was sent is `initial_was_sent` afterwards.
        """

    initial_was_sent: bool

    def respond(self, response: bytes) -> Challenge | Verdict:
        """Send a response, in base64."""

    def cancel(self) -> None:
        """Send CANCEL in the place of a response, and wait for nothing."""


def choose(route: Route, configured: str, offered: Collection[str]) -> str:
    """Return the method to log in with: the configured one, or what `auto` takes.

    `offered`: the server's mechanisms, and LOGIN-COMMAND where USER/PASS or IMAP LOGIN may be used.
    Raises CapabilityError of reason `mechanism-not-offered`, `no-login-offered` or `login-needs-tls`, which names those
    that are.
    """
    it_offers = f"it offers: {', '.join(offered)}" if offered else "it offers none at all"
    details = {"offered": list(offered), "configured": configured}
    secure = route.endpoint.security is not Security.NONE
    if configured != "auto" and configured.upper() in offered:
        return configured
    if secure and not offered:
        raise CapabilityError("the server offers no login at all here", reason=Reason.NO_LOGIN_OFFERED, details=details)
    if configured != "auto" and (secure or offered):
        raise CapabilityError(
            f"the server does not offer the configured login method {configured}; {it_offers}",
            reason=Reason.MECHANISM_NOT_OFFERED,
            details=details,
        )
    password = bool(route.login and route.login.secret)
    method = choose_method(offered, secure=secure, password=password, certificate=bool(route.tls.client_cert))
    if method is None and not secure:
        readable = choose_method(offered, secure=True, password=True)
        raise CapabilityError(
            f"the server offers no login method that is safe without TLS; {it_offers}",
            reason=Reason.LOGIN_NEEDS_TLS,
            details=details,
            hint="where others may read the password, name the login method" if readable else None,
        )
    if method is None:
        raise CapabilityError(
            f"the server offers no login method that fits; {it_offers}",
            reason=Reason.MECHANISM_NOT_OFFERED,
            details=details,
        )
    return method


def mechanism_for(route: Route, method: str, service: str) -> Mechanism:
    """Return the mechanism of a method; `service` as in `open_mechanism`."""
    assert route.login
    return open_mechanism(method, route.login, host=route.host, port=route.endpoint.port, service=service)


def authenticate(mechanism: Mechanism, dialogue: Dialogue, redactor: Redactor) -> Verdict:
    """Run one exchange to its end; whatever is computed from the secret is made known to the redactor first.

    Raises ProtocolError on challenges that are malformed or dishonest, and what `refusal` returns on a refusal.
    """
    initial = mechanism.initial()
    _tell(redactor, mechanism)
    turn = dialogue.begin(mechanism.name, initial)
    unsent = None if dialogue.initial_was_sent else initial
    for _ in range(_TURNS_MAX):
        if isinstance(turn, Verdict):
            return _settle(turn, mechanism, redactor)
        try:
            challenge = _decode(turn, mechanism.name, redactor)
            if unsent is not None and not challenge:
                response, unsent = unsent, None
            else:
                response = mechanism.respond(challenge)
        except ProtocolError:
            with suppress(MailError):
                dialogue.cancel()
            raise
        _tell(redactor, mechanism)
        turn = dialogue.respond(b64encode(response))
    raise ProtocolError(f"the server's challenges of {mechanism.name} do not end", reason=Reason.SASL_CHALLENGE)


def _settle(verdict: Verdict, mechanism: Mechanism, redactor: Redactor) -> Verdict:
    if not verdict.ok:
        raise refusal(verdict, redactor, mechanism=mechanism.name, challenge_error=mechanism.challenge_error)
    mechanism.verify()
    return verdict


def _tell(redactor: Redactor, mechanism: Mechanism) -> None:
    for derived in mechanism.derived:
        redactor.add(derived)
        # SCRAM has base64 inside of its base64.
        redactor.add(b64encode(derived))


def _decode(challenge: Challenge, mechanism: str, redactor: Redactor) -> bytes:
    try:
        return b64decode(challenge.text, validate=True)
    except (binascii.Error, ValueError):
        raise ProtocolError(
            f"the server's {mechanism} challenge is not base64",
            reason=Reason.SASL_CHALLENGE,
            reply=redactor.redact(challenge.text),
        ) from None


def refusal(verdict: Verdict, redactor: Redactor, *, mechanism: str, challenge_error: bytes | None = None) -> MailError:
    """Return the error of a login that was refused."""
    reply = redactor.redact(verdict.reply)
    details: dict[str, Any] = {"mechanism": mechanism}
    if challenge_error is not None:
        details["challenge"] = _readable(redactor.redact(challenge_error))
    if verdict.temporary:
        return TemporaryError(
            f"the server takes no login by {mechanism} for now", reason=Reason.TEMPORARY, reply=reply, details=details
        )
    if not verdict.capable:
        return CapabilityError(
            f"the server does not know {mechanism}", reason=Reason.MECHANISM_NOT_OFFERED, reply=reply, details=details
        )
    return AuthenticationError(
        f"the server refused the login by {mechanism}", reason=Reason.LOGIN_REFUSED, reply=reply, details=details
    )


def hollow_success(reply: bytes, method: str) -> AuthenticationError:
    """Return the error of a login that was accepted, and then was good for nothing. `reply`: redacted."""
    return AuthenticationError(
        f"the server accepted the login by {method.upper()}, and then refused the first command",
        reason=Reason.LOGIN_REFUSED,
        reply=reply,
        details={"mechanism": method.upper()},
    )


def _readable(challenge_error: bytes) -> object:
    """Return an error challenge as JSON where it is JSON (XOAUTH2, OAUTHBEARER), else as text."""
    import json  # few logins end here, and start-up is felt at every call

    try:
        return json.loads(challenge_error)
    except ValueError:
        return printable(challenge_error)
