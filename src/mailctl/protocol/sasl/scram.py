"""SCRAM-SHA-1 (RFC 5802) and SCRAM-SHA-256 (RFC 7677), with their PLUS forms.

Written over hashlib rather than taken from the library scramp: its import costs 35 to 90 ms, as much as a whole
delivery, for certificates that a client does not need; it allows 10 million rounds (7 s, most of a time-out); it
refuses salts and passwords that servers in the field have; and it knows no `tls-exporter`.
"""

from __future__ import annotations

import binascii
import hashlib
import hmac
import os
import re
from base64 import b64decode, b64encode
from typing import ClassVar

from mailctl.protocol.sasl.mechanism import Exchange, Login, SecretMechanism
from mailctl.protocol.sasl.preparation import prepare

ROUNDS_MIN = 4096
"""RFC 5802, 5.1 and RFC 7677, 4. Fewer would let an impostor who collects our proof guess the password faster."""
ROUNDS_MAX = 4_000_000
"""About three seconds of computing, and several times what anybody recommends; a hostile server may ask for 10^9."""

_NONCE = re.compile(rb"[\x21-\x2b\x2d-\x7e]{1,1024}")
_ROUNDS = re.compile(rb"[1-9][0-9]{0,8}")


def _prepared_password(text: str) -> bytes:
    """Return a password by SASLprep; as it is where SASLprep prohibits it.

    A server that applies SASLprep cannot have stored such a password, so one that knows it takes it as it is.
    PostgreSQL's client does the same. Dovecot 2.3 applies no SASLprep: there a password that SASLprep changes (a
    ligature, a decomposed accent) logs in by PLAIN alone.
    """
    try:
        return prepare(text, stored=True).encode()
    except ValueError:
        return text.encode()


def _prepared_username(text: str) -> bytes:
    try:
        prepared = prepare(text, stored=False)
    except ValueError:
        prepared = text
    return prepared.replace("=", "=3D").replace(",", "=2C").encode()


class _Scram(SecretMechanism):
    """The exchange of RFC 5802, 5. No authorisation identity is sent: an empty `a=` is refused by Dovecot 2.3."""

    _hash: ClassVar[str]

    def __init__(self, login: Login, exchange: Exchange, *, nonce: bytes | None = None) -> None:
        """`nonce`: the client's nonce, only for the examples of the RFCs; a random one otherwise."""
        super().__init__(login, exchange)
        binding_type, binding_value = exchange.channel_binding or ("", b"")
        if binding_type:
            self.name = f"{self.name}-PLUS"
        self._gs2_header = f"p={binding_type},,".encode() if binding_type else b"n,,"
        self._binding = b64encode(self._gs2_header + binding_value)
        self._nonce = nonce or b64encode(os.urandom(24))
        self._first_bare = b"n=" + _prepared_username(login.username) + b",r=" + self._nonce
        self._signature: bytes | None = None
        self._verified = False

    def initial(self) -> bytes:
        return self._gs2_header + self._first_bare

    def respond(self, challenge: bytes) -> bytes:
        if self._verified or self.challenge_error is not None:
            raise self._refuse("was not expected: the exchange is complete")
        if self._signature is not None:
            self._check_final(challenge)
            return b""
        return self._proof(challenge)

    def verify(self) -> None:
        if not self._verified:
            raise self._unverified("it did not prove that it knows the password")

    def _proof(self, server_first: bytes) -> bytes:
        nonce, salt, rounds = self._read_first(server_first)
        assert self._login.secret is not None, "checked at the start"
        password = _prepared_password(self._login.secret.reveal())
        salted = hashlib.pbkdf2_hmac(self._hash, password, salt, rounds)
        client_key = hmac.digest(salted, b"Client Key", self._hash)
        stored_key = hashlib.new(self._hash, client_key).digest()
        without_proof = b"c=" + self._binding + b",r=" + nonce
        exchange = b",".join((self._first_bare, server_first, without_proof))
        client_signature = hmac.digest(stored_key, exchange, self._hash)
        proof = b64encode(bytes(a ^ b for a, b in zip(client_key, client_signature, strict=True)))
        self._signature = hmac.digest(hmac.digest(salted, b"Server Key", self._hash), exchange, self._hash)
        return self._keep(without_proof + b",p=" + proof, proof, self._signature)

    def _read_first(self, message: bytes) -> tuple[bytes, bytes, int]:
        """Read `r=nonce,s=salt,i=rounds`, and extensions after them; `m=` demands an extension that we lack."""
        parts = message.split(b",")
        if parts[0].startswith(b"m="):
            raise self._refuse("demands an extension")
        if len(parts) < 3 or [part[:2] for part in parts[:3]] != [b"r=", b"s=", b"i="]:
            raise self._refuse("is not of the form r=…,s=…,i=…")
        nonce, salt_text, rounds_text = (part[2:] for part in parts[:3])
        if not _NONCE.fullmatch(nonce) or not nonce.startswith(self._nonce) or nonce == self._nonce:
            raise self._refuse("does not continue our nonce")
        try:
            salt = b64decode(salt_text, validate=True)
        except binascii.Error:
            raise self._refuse("holds a salt that is not base64") from None
        if not salt:
            raise self._refuse("holds no salt")
        if not _ROUNDS.fullmatch(rounds_text) or not ROUNDS_MIN <= int(rounds_text) <= ROUNDS_MAX:
            raise self._refuse(f"asks for a number of rounds outside {ROUNDS_MIN} to {ROUNDS_MAX}")
        return nonce, salt, int(rounds_text)

    def _check_final(self, message: bytes) -> None:
        assert self._signature is not None, "the proof was sent before"
        attribute = message.split(b",")[0]
        if attribute.startswith(b"e="):  # the refusal itself follows, as the protocol's own reply
            self.challenge_error = attribute[2:]
            return
        if not hmac.compare_digest(attribute, b"v=" + b64encode(self._signature)):
            raise self._unverified("its proof of knowing the password is wrong")
        self._verified = True


class ScramSha1(_Scram):
    name = "SCRAM-SHA-1"
    _hash = "sha1"


class ScramSha256(_Scram):
    name = "SCRAM-SHA-256"
    _hash = "sha256"
