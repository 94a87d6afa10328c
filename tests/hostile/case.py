"""The form of a hostile case: a server that deviates at one point, the client's settings, and what must hold."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from tests.doubles.imap import ImapServer
from tests.doubles.pop3 import Pop3Server
from tests.doubles.smtp import SmtpServer

from mailctl.model.report import Stage

if TYPE_CHECKING:
    from mailctl.errors import MailError

Server: TypeAlias = SmtpServer | Pop3Server | ImapServer

PROTOCOLS: dict[type, str] = {SmtpServer: "smtp", Pop3Server: "pop3", ImapServer: "imap"}

GENEROUS_SECONDS = 10.0
"""The client's time-out where a case is not about time."""

IMPATIENT_SECONDS = 0.6
"""The client's time-out where a server lets it wait for ever."""

MORE_THAN_BUFFERS_HOLD = 24 * 1024 * 1024
"""The size of a message that nobody can send to a server that does not read."""


@dataclass(frozen=True, kw_only=True)
class Case:
    """A case of the page "Hostile servers, crashes and bad input", by its number there.

    `auth`, `apop`: the configured login; `until`: the stage that the client goes to.
    `certificate`: which of the authority's certificates the server shows.
    `error`: the class of the refusal, a tuple where the server's end of the connection decides; `stage`: the stage or
    stages that it may name. `login_sent`: whether the login has rightly been sent by then (never before TLS).
    """

    number: int
    name: str
    server: Server
    error: type[MailError] | tuple[type[MailError], ...]
    stage: Stage | tuple[Stage, ...]
    auth: str = "plain"
    apop: bool = False
    until: Stage = Stage.AUTH
    certificate: str = "good"
    timeout_seconds: float = GENEROUS_SECONDS
    login_sent: bool = False
    said: bytes = b""
    """What the refusal must hold of the server's own words."""
    message_bytes: int = 100

    @property
    def protocol(self) -> str:
        return PROTOCOLS[type(self.server)]

    @property
    def id(self) -> str:
        return f"case_{self.number:02}_{self.protocol}_{self.name}"

    @property
    def stages(self) -> tuple[Stage, ...]:
        return self.stage if isinstance(self.stage, tuple) else (self.stage,)
