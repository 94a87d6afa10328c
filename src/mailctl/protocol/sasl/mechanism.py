"""What all mechanisms share, and the table that finds one by the name that settings use."""

from __future__ import annotations

from importlib import import_module
from typing import ClassVar

from msgspec import Struct

from mailctl.errors import BugError, InvalidValueError, Problem, ProtocolError
from mailctl.model.secret import Secret
from mailctl.protocol.envelope import check_command_text
from mailctl.protocol.reasons import Reason


class Login(Struct, frozen=True):
    """Who logs in. `secret`: a password, or the access token of XOAUTH2 and OAUTHBEARER; EXTERNAL needs none."""

    username: str
    secret: Secret | None = None


class Exchange(Struct, frozen=True):
    """Where and how a login takes place.

    `service`: the GSSAPI service name of the protocol, "smtp", "imap", "pop" or "sieve".
    `channel_binding`: type and value of the TLS channel (RFC 5929, RFC 9266), to be given only if the server offers
    the mechanism's PLUS form.
    """

    host: str
    port: int
    service: str
    channel_binding: tuple[str, bytes] | None = None


class Mechanism:
    """One login attempt by one mechanism; an object is good for one exchange.

    `name`: the IANA name, as it goes into AUTH or AUTHENTICATE. `challenge_error`: the decoded error that the server
    put into a challenge, ahead of its refusal (OAuth: JSON; SCRAM: a word); None if none came.
    """

    name: str
    derived: tuple[bytes, ...] = ()
    """What was computed from the secret so far, on either side; nothing of it may be shown."""
    challenge_error: bytes | None = None

    def initial(self) -> bytes | None:
        """Return the initial response; None where the server speaks first.

        Where the protocol carries none (IMAP without SASL-IR), it answers the empty challenge that the server sends.
        """
        return None

    def respond(self, challenge: bytes) -> bytes:  # noqa: ARG002 - where everything is said at once, none is expected
        """Return the response to a decoded challenge.

        Raises ProtocolError of reason `sasl-challenge` if it is malformed, dishonest or one too many, of reason
        `sasl-server-unverified` if the server's proof of knowing the password is wrong.
        """
        raise self._refuse("was not expected: everything has been said")

    def verify(self) -> None:
        """Check, after the server said yes, that it has proved what the mechanism lets it prove.

        Raises ProtocolError of reason `sasl-server-unverified`.
        """

    def _keep(self, response: bytes, *more: bytes) -> bytes:
        """Note a response, and whatever else gives the secret away, as derived from it; return the response."""
        self.derived += (response, *more)
        return response

    def _refuse(self, problem: str) -> ProtocolError:
        return ProtocolError(f"the server's {self.name} challenge {problem}", reason=Reason.SASL_CHALLENGE)

    def _unverified(self, problem: str) -> ProtocolError:
        return ProtocolError(
            f"the server's part of {self.name} does not hold: {problem}",
            reason=Reason.SASL_SERVER_UNVERIFIED,
            hint="the server does not know the password: do not trust it; look at its name, address and certificate",
        )


class SecretMechanism(Mechanism):
    """A mechanism that needs a user name and a secret."""

    kind: ClassVar[str] = "password"

    def __init__(self, login: Login, exchange: Exchange) -> None:
        if login.secret is None:
            raise InvalidValueError([Problem(self.kind, f"{self.name} needs one, and none was given")])
        check_command_text("user name", login.username)
        check_command_text(self.kind, login.secret.reveal())
        self._login = login
        self._exchange = exchange

    @property
    def _username(self) -> bytes:
        return self._login.username.encode()

    @property
    def _secret(self) -> bytes:
        assert self._login.secret is not None, "checked at the start"
        return self._login.secret.reveal().encode()


_MECHANISMS = {
    "plain": ("password", "Plain"),
    "login": ("password", "LoginMechanism"),
    "external": ("password", "External"),
    "cram-md5": ("cram", "CramMd5"),
    "digest-md5": ("digest", "DigestMd5"),
    "scram-sha-1": ("scram", "ScramSha1"),
    "scram-sha-256": ("scram", "ScramSha256"),
    "xoauth2": ("bearer", "XOAuth2"),
    "oauthbearer": ("bearer", "OAuthBearer"),
}
"""Method, as settings name it, to module and class: a login pays only for the mechanism that it uses."""


def open_mechanism(
    method: str,
    login: Login,
    *,
    host: str,
    port: int,
    service: str,
    channel_binding: tuple[str, bytes] | None = None,
) -> Mechanism:
    """Return the mechanism that a setting names (`plain`, `scram-sha-256`, …), ready for one exchange.

    `host`, `port`, `service` ("smtp", "imap", "pop", "sieve") go into DIGEST-MD5 and OAUTHBEARER. `channel_binding`
    makes a SCRAM mechanism its PLUS form, bound to that TLS channel.
    Raises InvalidValueError if user name or secret hold CR, LF or NUL, or the mechanism needs a secret and has none.
    """
    if method not in _MECHANISMS:
        raise BugError(f"'{method}' is no SASL mechanism of mailctl")
    module, kind = _MECHANISMS[method]
    make = getattr(import_module(f"mailctl.protocol.sasl.{module}"), kind)
    mechanism = make(login, Exchange(host, port, service, channel_binding))
    assert isinstance(mechanism, Mechanism)
    return mechanism
