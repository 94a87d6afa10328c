"""DIGEST-MD5 (RFC 2831; historic by RFC 6331, and still met)."""

from __future__ import annotations

import hashlib
import hmac
import os
import re

from mailctl.protocol.sasl.mechanism import Exchange, Login, SecretMechanism

_DIRECTIVE = re.compile(
    rb"""[ \t\r\n]* (?P<name>[!#$%&'*+.^_`|~0-9A-Za-z-]+)
         [ \t\r\n]* = [ \t\r\n]*
         (?: "(?P<quoted>(?:[^"\\]|\\.)*)" | (?P<token>[!#$%&'*+.^_`|~0-9A-Za-z:/-]+) )
         [ \t\r\n]* (?:,[ \t\r\n,]*|$)""",
    re.VERBOSE | re.DOTALL,
)
_CHALLENGE_BYTES_MAX = 2048  # RFC 2831, 2.1.1: "must be less than 2048 bytes"


def _parse_directives(text: bytes) -> dict[str, list[bytes]]:
    """Return the values of each directive, unquoted, by its name in lower case.

    Any value may be quoted: Dovecot 2.3 quotes `algorithm="md5-sess"`, where the RFC has a token.
    Raises ValueError if the text is not a list of directives.
    """
    found: dict[str, list[bytes]] = {}
    text = text.lstrip(b" \t\r\n,")
    at = 0
    while at < len(text):
        match = _DIRECTIVE.match(text, at)
        if match is None:
            raise ValueError("no directive")
        quoted = match["quoted"]
        value = match["token"] if quoted is None else re.sub(rb"\\(.)", rb"\1", quoted, flags=re.DOTALL)
        found.setdefault(match["name"].decode("ascii").lower(), []).append(value)
        at = match.end()
    return found


def _quoted(value: bytes) -> bytes:
    return b'"' + re.sub(rb'(["\\])', rb"\\\1", value) + b'"'


def _md5(*parts: bytes) -> bytes:
    return hashlib.md5(b":".join(parts), usedforsecurity=False).digest()


class DigestMd5(SecretMechanism):
    """DIGEST-MD5 of quality of protection "auth", the first realm that is offered, and no authorisation identity.

    With charset=utf-8, names and passwords are digested in UTF-8, always: section 2.1.2.1 wants those that fit into
    ISO 8859-1 digested in that, which Dovecot does not do.
    """

    name = "DIGEST-MD5"

    def __init__(self, login: Login, exchange: Exchange, *, cnonce: bytes | None = None) -> None:
        """`cnonce`: the client's nonce, only for the example of the RFC; a random one otherwise."""
        super().__init__(login, exchange)
        self._cnonce = cnonce or os.urandom(16).hex().encode()
        self._uri = f"{exchange.service}/{exchange.host}".encode()
        self._proof_expected: bytes | None = None
        self._verified = False

    def respond(self, challenge: bytes) -> bytes:
        if self._verified:
            raise self._refuse("was not expected: the exchange is complete")
        if self._proof_expected is not None:
            self._check_proof(self._directives(challenge))
            return b""
        return self._answer(self._directives(challenge))

    def verify(self) -> None:
        if not self._verified:
            raise self._unverified("it did not prove that it knows the password")

    def _directives(self, challenge: bytes) -> dict[str, list[bytes]]:
        if len(challenge) >= _CHALLENGE_BYTES_MAX:
            raise self._refuse("is over-long")
        try:
            found = _parse_directives(challenge)
        except ValueError:
            raise self._refuse("is no list of directives") from None
        repeated = sorted(name for name, values in found.items() if len(values) > 1 and name != "realm")
        if repeated:
            raise self._refuse(f"repeats {', '.join(repeated)}")
        return found

    def _answer(self, given: dict[str, list[bytes]]) -> bytes:
        nonce = given.get("nonce", [b""])[0]
        if not nonce:
            raise self._refuse("holds no nonce")
        if given.get("algorithm", [b""])[0].lower() != b"md5-sess":
            raise self._refuse("names another algorithm than md5-sess")
        if b"auth" not in re.split(rb"[ \t,]+", given.get("qop", [b"auth"])[0].lower()):
            raise self._refuse("demands a quality of protection other than auth")
        charset = given.get("charset", [b""])[0].lower()
        if charset not in (b"", b"utf-8"):
            raise self._refuse("names another character set than utf-8")
        username, password = self._encoded(utf8=bool(charset))
        realm = given.get("realm", [None])[0]
        session = _md5(_md5(username, realm or b"", password), nonce, self._cnonce).hex().encode()
        answer, self._proof_expected = (
            _md5(session, nonce, b"00000001", self._cnonce, b"auth", _md5(method, self._uri).hex().encode())
            .hex()
            .encode()
            for method in (b"AUTHENTICATE", b"")
        )
        directives = [
            *([b"charset=utf-8"] if charset else []),
            b"username=" + _quoted(username),
            *([b"realm=" + _quoted(realm)] if realm is not None else []),
            b"nonce=" + _quoted(nonce),
            b"nc=00000001",
            b"cnonce=" + _quoted(self._cnonce),
            b"digest-uri=" + _quoted(self._uri),
            b"response=" + answer,
            b"qop=auth",
        ]
        return self._keep(b",".join(directives), answer, self._proof_expected)

    def _encoded(self, *, utf8: bool) -> tuple[bytes, bytes]:
        if utf8:
            return self._username, self._secret
        try:
            assert self._login.secret is not None, "checked at the start"
            return self._login.username.encode("latin-1"), self._login.secret.reveal().encode("latin-1")
        except UnicodeEncodeError:
            raise self._refuse("leaves no way to send characters beyond ISO 8859-1") from None

    def _check_proof(self, given: dict[str, list[bytes]]) -> None:
        assert self._proof_expected is not None, "the answer was sent before"
        if not hmac.compare_digest(given.get("rspauth", [b""])[0].lower(), self._proof_expected):
            raise self._unverified("its proof of knowing the password is wrong")
        self._verified = True
