"""XOAUTH2 (Google's protocol, also Microsoft's) and OAUTHBEARER (RFC 7628): an access token instead of a password."""

from __future__ import annotations

from mailctl.errors import InvalidValueError, Problem
from mailctl.protocol.sasl.mechanism import Exchange, Login, SecretMechanism


class _Bearer(SecretMechanism):
    """Both send the token at once; a refusal comes as one challenge, JSON that says why, and wants an answer."""

    kind = "access token"
    _acknowledgement: bytes

    def __init__(self, login: Login, exchange: Exchange) -> None:
        super().__init__(login, exchange)
        for what, value in (("user name", self._username), (self.kind, self._secret)):
            if b"\x01" in value:
                raise InvalidValueError([Problem(what, f"holds ^A, which separates the fields of {self.name}")])

    def respond(self, challenge: bytes) -> bytes:
        if self.challenge_error is not None:
            raise self._refuse("was not expected: the login has been refused already")
        self.challenge_error = challenge
        return self._acknowledgement

    def verify(self) -> None:
        if self.challenge_error is not None:
            raise self._unverified("it said yes after it had refused the token")


class XOAuth2(_Bearer):
    """XOAUTH2, whose error is answered by nothing.

    https://developers.google.com/workspace/gmail/imap/xoauth2-protocol
    """

    name = "XOAUTH2"
    _acknowledgement = b""

    def initial(self) -> bytes:
        return self._keep(b"user=" + self._username + b"\x01auth=Bearer " + self._secret + b"\x01\x01")


class OAuthBearer(_Bearer):
    """OAUTHBEARER (RFC 7628): its error is answered by a lone ^A (3.2.3)."""

    name = "OAUTHBEARER"
    _acknowledgement = b"\x01"

    def initial(self) -> bytes:
        # RFC 5801, 4: the authorisation identity of a GS2 header writes "," and "=" as =2C and =3D.
        user = self._username.replace(b"=", b"=3D").replace(b",", b"=2C")
        place = f"host={self._exchange.host}\x01port={self._exchange.port}\x01".encode()
        return self._keep(b"n,a=" + user + b",\x01" + place + b"auth=Bearer " + self._secret + b"\x01\x01")
