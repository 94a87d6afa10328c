"""CRAM-MD5 (RFC 2195)."""

from __future__ import annotations

import hmac

from mailctl.protocol.sasl.mechanism import Exchange, Login, SecretMechanism


class CramMd5(SecretMechanism):
    """CRAM-MD5: the user name and a keyed digest of the server's challenge.

    The RFC names no character set; UTF-8 as it is, as servers compare it.
    """

    name = "CRAM-MD5"

    def __init__(self, login: Login, exchange: Exchange) -> None:
        super().__init__(login, exchange)
        self._answered = False

    def respond(self, challenge: bytes) -> bytes:
        if self._answered:
            raise self._refuse("was not expected: the first one is answered")
        if not challenge:
            raise self._refuse("is empty")
        self._answered = True
        digest = hmac.new(self._secret, challenge, "md5").hexdigest().encode()
        return self._keep(self._username + b" " + digest, digest)
