"""A good SMTP server as a script (RFC 5321, 3207, 4954), from which a test deviates at named points.

    SmtpServer(starttls=b"454 4.7.0 TLS not available\\r\\n").script

Each point is what the server plays when its turn has come: bytes to be said, a step, or a tuple of them. Whatever
the server refused before, it goes on to serve every command: so a client that says too much is heard.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from tests.doubles.steps import (
    HANDSHAKE,
    Answer,
    Close,
    Expect,
    Part,
    ReadMessage,
    ReadOctets,
    Say,
    Serve,
    Step,
    as_steps,
)


def ehlo_reply(*keywords: bytes) -> bytes:
    """Return a whole reply to EHLO that offers these keywords."""
    lines = [b"mail.example", *keywords]
    return b"".join(b"250-%s\r\n" % line for line in lines[:-1]) + b"250 %s\r\n" % lines[-1]


KEYWORDS = (b"PIPELINING", b"SIZE 35882577", b"8BITMIME", b"ENHANCEDSTATUSCODES")
AUTH_KEYWORD = b"AUTH PLAIN LOGIN CRAM-MD5"
EHLO_BEFORE_TLS = ehlo_reply(*KEYWORDS, b"STARTTLS")
EHLO = ehlo_reply(*KEYWORDS, AUTH_KEYWORD)
GO_AHEAD = b"220 2.0.0 go ahead\r\n"
TAKE_MESSAGE: tuple[Step, ...] = (Say(b"354 end with a dot\r\n"), ReadMessage())
CHALLENGE = b"334 PDE4OTYuNjk3MTcwOTUyQHBvc3RvZmZpY2UucmVzdG9uLm1jaS5uZXQ+\r\n"
"""The challenge of RFC 2195's example, in base64."""


@dataclass(frozen=True, kw_only=True)
class SmtpServer:
    """A good SMTP server; every field but `security` is a point to deviate at.

    `ehlo_before_tls`: the answer to EHLO while TLS is still to come; `ehlo`: the one of all other times.
    `starttls`: the answer and the handshake. `auth`: everything that follows the AUTH command (whose initial response
    is kept as `response`), None for a dialogue that suits the mechanism and ends in `verdict`. `data`: from the
    answer to DATA to what is said after the dot. `bdat`: what follows BDAT, which `ehlo` offers as CHUNKING.
    """

    security: Literal["none", "starttls", "tls"] = "starttls"
    handshake: Part = HANDSHAKE
    greeting: Part = b"220 mail.example ESMTP ready\r\n"
    ehlo_before_tls: Part = EHLO_BEFORE_TLS
    starttls: Part = (GO_AHEAD, HANDSHAKE)
    ehlo: Part = EHLO
    helo: Part = b"250 mail.example\r\n"
    auth: Part | None = None
    verdict: Part = b"235 2.7.0 welcome\r\n"
    mail: Part = b"250 2.1.0 sender ok\r\n"
    rcpt: Part = b"250 2.1.5 recipient ok\r\n"
    data: Part = (TAKE_MESSAGE, b"250 2.0.0 queued as 4F2Z\r\n")
    bdat: Part = (ReadOctets(), b"250 2.0.0 queued as 5B3A\r\n")
    rset: Part = b"250 2.0.0 forgotten\r\n"
    noop: Part = b"250 2.0.0 still here\r\n"
    quit: Part = (b"221 2.0.0 bye\r\n", Close())

    @property
    def script(self) -> tuple[Step, ...]:
        secured = (Answer(rb"EHLO ", self.ehlo), *self._answers())
        if self.security == "starttls":
            before = (
                Answer(rb"EHLO ", self.ehlo_before_tls),
                Answer(rb"STARTTLS\r\n", self.starttls),
                *self._answers(),
            )
            return as_steps((self.greeting, Serve(before, after_tls=secured)))
        opening = self.handshake if self.security == "tls" else ()
        return as_steps((opening, self.greeting, Serve(secured)))

    def _answers(self) -> tuple[Answer, ...]:
        return (
            Answer(rb"HELO ", self.helo),
            *self._auth_answers(),
            Answer(rb"MAIL FROM:", self.mail),
            Answer(rb"RCPT TO:", self.rcpt),
            Answer(rb"DATA\r\n", self.data),
            Answer(rb"BDAT (?P<octets>\d+) LAST\r\n", self.bdat),
            Answer(rb"RSET\r\n", self.rset),
            Answer(rb"NOOP", self.noop),
            Answer(rb"QUIT\r\n", self.quit),
        )

    def _auth_answers(self) -> tuple[Answer, ...]:
        if self.auth is not None:
            return (Answer(rb"AUTH \S+(?: (?P<response>\S+))?", self.auth),)
        hear = Expect(rb"")
        ask_password = (b"334 UGFzc3dvcmQ6\r\n", hear, self.verdict)
        return (
            Answer(rb"AUTH LOGIN \S", ask_password),
            Answer(rb"AUTH LOGIN", (b"334 VXNlcm5hbWU6\r\n", hear, ask_password)),
            Answer(rb"AUTH CRAM-MD5", (CHALLENGE, hear, self.verdict)),
            Answer(rb"AUTH \S+ \S", self.verdict),
            Answer(rb"AUTH \S+\r\n", (b"334 \r\n", hear, self.verdict)),
        )
