"""Further POP3 mailboxes of a person, whose mail is collected into a folder of an account."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any

from msgspec import Meta, Struct, field

from mailctl.errors import Problem
from mailctl.model.folders import FolderName
from mailctl.model.server import (
    IncomingAuth,
    IncomingEndpoint,
    IncomingProtocol,
    Protocol,
    Security,
    TlsOptions,
    complete_endpoint,
    why_endpoint_field_missing,
)
from mailctl.model.values import Host, Name, Port, Reference, TimeoutSeconds, Username, shown

DAYS_MAX = 3650


def parse_days_kept(value: int | str) -> int:
    """Parse for how many whole days a collected message stays on its server, 0 to 3650."""
    if isinstance(value, bool) or not str(value).isascii() or not str(value).isdigit() or len(str(value)) > 9:
        raise ValueError(f"{shown(value)} is no whole number of days")
    if int(value) > DAYS_MAX:
        raise ValueError(f"{value} is more than {DAYS_MAX} days")
    return int(value)


DaysKept = Annotated[
    int,
    Meta(
        description="whole days, 0 to 3650",
        extra={"parse": parse_days_kept},
        extra_json_schema={"minimum": 0, "maximum": DAYS_MAX},
    ),
]


class CollectionSource(Struct, frozen=True, kw_only=True):
    """A POP3 mailbox, and what becomes of its mail.

    `into`: the account's folder that gets it. `delete_after_days`: so many days after it was collected, a message is
    deleted on the POP3 server, 0 for at once; None keeps it there. `password`: a secret reference.
    """

    name: Name
    host: Host
    port: Port
    security: Security
    auth: IncomingAuth = IncomingAuth.AUTO
    apop: bool = False
    timeout: TimeoutSeconds = 10
    username: Username
    password: Reference | None = None
    tls: TlsOptions = field(default_factory=TlsOptions)
    into: FolderName
    delete_after_days: DaysKept | None = None

    @classmethod
    def complete(cls, given: Mapping[str, Any]) -> dict[str, Any]:
        return complete_endpoint(Protocol.POP3, given)

    why_missing = staticmethod(why_endpoint_field_missing)

    @property
    def endpoint(self) -> IncomingEndpoint:
        """The POP3 server as an incoming side."""
        return IncomingEndpoint(
            protocol=IncomingProtocol.POP3,
            host=self.host,
            port=self.port,
            security=self.security,
            auth=self.auth,
            apop=self.apop,
            timeout=self.timeout,
        )

    @property
    def mailbox(self) -> tuple[str, str]:
        """What tells it from other mailboxes: whose, and where; the port makes no other."""
        return self.host.casefold(), self.username

    def conflicts(self) -> Iterator[Problem]:
        yield from self.endpoint.conflicts()


def source_conflicts(sources: Sequence[CollectionSource]) -> Iterator[Problem]:
    """Yield the sources of an account that bear a name of another, or are the same mailbox."""
    names = Counter(source.name for source in sources)
    mailboxes = Counter(source.mailbox for source in sources)
    for index, source in enumerate(sources):
        if names[source.name] > 1:
            yield Problem(f"pop3[{index}].name", f"'{source.name}' is borne by {names[source.name]} sources")
        elif mailboxes[source.mailbox] > 1:
            message = f"{source.username} at {source.host} is collected by {mailboxes[source.mailbox]} sources"
            yield Problem(f"pop3[{index}].username", message)
