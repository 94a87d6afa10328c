"""A good IMAP server as a script (RFC 3501, 9051), from which a test deviates at named points.

    ImapServer(starttls=b"<tag> NO not now\\r\\n").script

Each point is what the server plays when its turn has come: bytes to be said, a step, or a tuple of them; `<tag>`
stands for the command's tag. Whatever the server refused before, it goes on to serve every command: so a client
that says too much is heard.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from tests.doubles.steps import HANDSHAKE, Answer, Close, Expect, Part, Serve, Step, as_steps

if TYPE_CHECKING:
    from tests.doubles.conversation import Conversation

LITERAL = re.compile(rb"\{(\d+)(\+?)\}\r\n$")


class ServeImap(Serve):
    """Commands that may hold literals (RFC 3501, 4.3): those that wait for it are asked for."""

    def read_command(self, conversation: Conversation) -> bytes:
        command = conversation.read_line()
        while found := LITERAL.search(command):
            if not found[2]:
                conversation.write(b"+ go on\r\n")
            command += conversation.read_exactly(int(found[1])) + conversation.read_line()
        return command


def command(name: bytes, part: Part) -> Answer:
    """Return the answer to a command of this name (a regular expression), which keeps its tag."""
    return Answer(rb"(?P<tag>[^\s(){%*\"\\+]+) " + name + rb"(?=[ \r])", part)


def capability_reply(*capabilities: bytes) -> bytes:
    """Return a whole reply to CAPABILITY that lists these capabilities."""
    return b"* CAPABILITY %s\r\n<tag> OK that is all\r\n" % b" ".join((b"IMAP4rev1", *capabilities))


CAPABILITIES = (b"SASL-IR", b"AUTH=PLAIN", b"AUTH=LOGIN", b"AUTH=CRAM-MD5", b"NAMESPACE", b"UIDPLUS", b"SPECIAL-USE")
CAPABILITY_BEFORE_TLS = capability_reply(*CAPABILITIES, b"STARTTLS")
CAPABILITY = capability_reply(*CAPABILITIES)
GO_AHEAD = b"<tag> OK begin TLS\r\n"
CHALLENGE = b"+ PDE4OTYuNjk3MTcwOTUyQHBvc3RvZmZpY2UucmVzdG9uLm1jaS5uZXQ+\r\n"
"""The challenge of RFC 2195's example, in base64."""
OPENED = (
    b"* FLAGS (\\Seen \\Deleted)\r\n* 1 EXISTS\r\n* 0 RECENT\r\n"
    b"* OK [UIDVALIDITY 7] as ever\r\n* OK [UIDNEXT 2] next\r\n"
)
FOLDERS = b'* LIST (\\HasNoChildren) "/" INBOX\r\n* LIST (\\HasNoChildren \\Junk) "/" Junk\r\n'


@dataclass(frozen=True, kw_only=True)
class ImapServer:
    """A good IMAP server with one message; every field but `security` is a point to deviate at.

    `capability_before_tls`: the answer to CAPABILITY while TLS is still to come; `capability`: the one of all other
    times. `starttls`: the answer and the handshake. `authenticate`: everything that follows the AUTHENTICATE command
    (whose initial response is kept as `response`), None for a dialogue that suits the mechanism and ends in
    `verdict`; `login`: the answer to LOGIN.
    """

    security: Literal["none", "starttls", "tls"] = "starttls"
    handshake: Part = HANDSHAKE
    greeting: Part = b"* OK ready\r\n"
    capability_before_tls: Part = CAPABILITY_BEFORE_TLS
    starttls: Part = (GO_AHEAD, HANDSHAKE)
    capability: Part = CAPABILITY
    login: Part = b"<tag> OK welcome\r\n"
    authenticate: Part | None = None
    verdict: Part = b"<tag> OK welcome\r\n"
    namespace: Part = b'* NAMESPACE (("" "/")) NIL NIL\r\n<tag> OK done\r\n'
    list: Part = FOLDERS + b"<tag> OK listed\r\n"
    examine: Part = OPENED + b"<tag> OK [READ-ONLY] opened\r\n"
    select: Part = OPENED + b"<tag> OK [READ-WRITE] opened\r\n"
    status: Part = b"* STATUS INBOX (MESSAGES 1 UNSEEN 0 UIDNEXT 2 UIDVALIDITY 7)\r\n<tag> OK done\r\n"
    quota: Part = b'* QUOTAROOT INBOX ""\r\n* QUOTA "" (STORAGE 10 512)\r\n<tag> OK done\r\n'
    search: Part = b"* SEARCH 1\r\n<tag> OK done\r\n"
    fetch: Part = b"* 1 FETCH (UID 1 BODY[] {12}\r\nSubject: x\r\n)\r\n<tag> OK done\r\n"
    thread: Part = b"* THREAD (1)\r\n<tag> OK done\r\n"
    enable: Part = b"<tag> OK done\r\n"
    create: Part = b"<tag> OK created\r\n"
    append: Part = b"<tag> OK taken\r\n"
    id: Part = b'* ID ("name" "double")\r\n<tag> OK done\r\n'
    noop: Part = b"<tag> OK done\r\n"
    close: Part = b"<tag> OK closed\r\n"
    logout: Part = (b"* BYE see you\r\n<tag> OK done\r\n", Close())

    @property
    def script(self) -> tuple[Step, ...]:
        secured = (command(rb"CAPABILITY", self.capability), *self._answers())
        if self.security == "starttls":
            before = (
                command(rb"CAPABILITY", self.capability_before_tls),
                command(rb"STARTTLS", self.starttls),
                *self._answers(),
            )
            return as_steps((self.greeting, ServeImap(before, after_tls=secured)))
        opening = self.handshake if self.security == "tls" else ()
        return as_steps((opening, self.greeting, ServeImap(secured)))

    def _answers(self) -> tuple[Answer, ...]:
        return (
            command(rb"LOGIN", self.login),
            *self._authenticate_answers(),
            command(rb"NAMESPACE", self.namespace),
            command(rb"(X?LIST|LSUB)", self.list),
            command(rb"EXAMINE", self.examine),
            command(rb"SELECT", self.select),
            command(rb"STATUS", self.status),
            command(rb"GETQUOTA(ROOT)?", self.quota),
            command(rb"(UID )?SEARCH", self.search),
            command(rb"(UID )?FETCH", self.fetch),
            command(rb"UID THREAD", self.thread),
            command(rb"ID", self.id),
            command(rb"ENABLE", self.enable),
            command(rb"CREATE", self.create),
            command(rb"APPEND", self.append),
            command(rb"(NOOP|SUBSCRIBE)", self.noop),
            command(rb"(CLOSE|UNSELECT)", self.close),
            command(rb"LOGOUT", self.logout),
        )

    def _authenticate_answers(self) -> tuple[Answer, ...]:
        if self.authenticate is not None:
            return (command(rb"AUTHENTICATE \S+(?: (?P<response>\S+))?", self.authenticate),)
        hear = Expect(rb"")
        ask_password = (b"+ UGFzc3dvcmQ6\r\n", hear, self.verdict)
        return (
            command(rb"AUTHENTICATE LOGIN \S+", ask_password),
            command(rb"AUTHENTICATE LOGIN", (b"+ VXNlcm5hbWU6\r\n", hear, ask_password)),
            command(rb"AUTHENTICATE CRAM-MD5", (CHALLENGE, hear, self.verdict)),
            command(rb"AUTHENTICATE \S+ \S+", self.verdict),
            command(rb"AUTHENTICATE \S+", (b"+ \r\n", hear, self.verdict)),
        )
