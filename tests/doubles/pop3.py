"""A good POP3 server as a script (RFC 1939, 2449, 2595, 5034), from which a test deviates at named points.

    Pop3Server(stls=b"-ERR not now\\r\\n").script

Each point is what the server plays when its turn has come: bytes to be said, a step, or a tuple of them. Whatever
the server refused before, it goes on to serve every command: so a client that says too much is heard.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from tests.doubles.steps import HANDSHAKE, Answer, Close, Expect, Part, Serve, Step, as_steps


def capa_reply(*capabilities: bytes) -> bytes:
    """Return a whole reply to CAPA that lists these capabilities."""
    return b"".join(b"%s\r\n" % line for line in (b"+OK", *capabilities, b"."))


CAPABILITIES = (b"TOP", b"UIDL", b"RESP-CODES", b"PIPELINING", b"USER", b"SASL PLAIN LOGIN CRAM-MD5")
CAPA_BEFORE_TLS = capa_reply(*CAPABILITIES, b"STLS")
CAPA = capa_reply(*CAPABILITIES)
GO_AHEAD = b"+OK begin TLS\r\n"
TIMESTAMP = b"<1896.697170952@dbc.mtview.ca.us>"
CHALLENGE = b"+ PDE4OTYuNjk3MTcwOTUyQHBvc3RvZmZpY2UucmVzdG9uLm1jaS5uZXQ+\r\n"
"""The challenge of RFC 2195's example, in base64."""
MESSAGE = b"From: a@example.org\r\nSubject: one\r\nMessage-ID: <1@example.org>\r\n\r\none\r\n"


@dataclass(frozen=True, kw_only=True)
class Pop3Server:
    """A good POP3 server with one message; every field but `security` is a point to deviate at.

    `capa_before_tls`: the answer to CAPA while TLS is still to come; `capa`: the one of all other times.
    `stls`: the answer and the handshake. `auth`: everything that follows the AUTH command (whose initial response is
    kept as `response`), None for a dialogue that suits the mechanism and ends in `verdict`; `password` and `apop`:
    the verdicts of the other logins. `tops`: the answers to TOP of messages by their numbers, in the place of `top`.
    """

    security: Literal["none", "starttls", "tls"] = "starttls"
    handshake: Part = HANDSHAKE
    greeting: Part = b"+OK ready " + TIMESTAMP + b"\r\n"
    capa_before_tls: Part = CAPA_BEFORE_TLS
    stls: Part = (GO_AHEAD, HANDSHAKE)
    capa: Part = CAPA
    user: Part = b"+OK and the password\r\n"
    password: Part = b"+OK welcome\r\n"
    apop: Part = b"+OK welcome\r\n"
    auth: Part | None = None
    verdict: Part = b"+OK welcome\r\n"
    stat: Part = b"+OK 1 %d\r\n" % len(MESSAGE)
    list: Part = b"+OK\r\n1 %d\r\n.\r\n" % len(MESSAGE)
    list_one: Part = b"+OK 1 %d\r\n" % len(MESSAGE)
    uidl: Part = b"+OK\r\n1 UID-ONE\r\n.\r\n"
    uidl_one: Part = b"+OK 1 UID-ONE\r\n"
    top: Part = b"+OK\r\n" + MESSAGE + b".\r\n"
    tops: Mapping[int, Part] = field(default_factory=dict)
    retr: Part = b"+OK\r\n" + MESSAGE + b".\r\n"
    dele: Part = b"+OK gone\r\n"
    rset: Part = b"+OK\r\n"
    noop: Part = b"+OK\r\n"
    quit: Part = (b"+OK bye\r\n", Close())

    @property
    def script(self) -> tuple[Step, ...]:
        secured = (Answer(rb"CAPA\r\n", self.capa), *self._answers())
        if self.security == "starttls":
            before = (
                Answer(rb"CAPA\r\n", self.capa_before_tls),
                Answer(rb"STLS\r\n", self.stls),
                *self._answers(),
            )
            return as_steps((self.greeting, Serve(before, after_tls=secured)))
        opening = self.handshake if self.security == "tls" else ()
        return as_steps((opening, self.greeting, Serve(secured)))

    def _answers(self) -> tuple[Answer, ...]:
        return (
            Answer(rb"USER ", self.user),
            Answer(rb"PASS ", self.password),
            Answer(rb"APOP ", self.apop),
            *self._auth_answers(),
            Answer(rb"STAT\r\n", self.stat),
            Answer(rb"LIST\r\n", self.list),
            Answer(rb"LIST \d", self.list_one),
            Answer(rb"UIDL\r\n", self.uidl),
            Answer(rb"UIDL \d", self.uidl_one),
            *(Answer(rb"TOP %d " % number, part) for number, part in self.tops.items()),
            Answer(rb"TOP \d", self.top),
            Answer(rb"RETR \d", self.retr),
            Answer(rb"DELE \d", self.dele),
            Answer(rb"RSET\r\n", self.rset),
            Answer(rb"NOOP\r\n", self.noop),
            Answer(rb"QUIT\r\n", self.quit),
        )

    def _auth_answers(self) -> tuple[Answer, ...]:
        if self.auth is not None:
            return (Answer(rb"AUTH \S+(?: (?P<response>\S+))?", self.auth),)
        hear = Expect(rb"")
        ask_password = (b"+ UGFzc3dvcmQ6\r\n", hear, self.verdict)
        return (
            Answer(rb"AUTH LOGIN \S", ask_password),
            Answer(rb"AUTH LOGIN", (b"+ VXNlcm5hbWU6\r\n", hear, ask_password)),
            Answer(rb"AUTH CRAM-MD5", (CHALLENGE, hear, self.verdict)),
            Answer(rb"AUTH \S+ \S", self.verdict),
            Answer(rb"AUTH \S+\r\n", (b"+ \r\n", hear, self.verdict)),
        )
