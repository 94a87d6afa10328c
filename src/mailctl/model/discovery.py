"""What is said of a domain's mail servers, and by whom."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct

from mailctl.errors import InvalidValueError, MailError, Problem
from mailctl.model.address import Address, parse_address
from mailctl.model.server import Protocol, Security
from mailctl.model.values import ascii_host, parse_host, shown


class Question(Struct, frozen=True):
    """What is asked about. `title`: as it was given. `domain`: in A-labels. `address`: None for a domain alone."""

    title: str
    domain: str
    address: Address | None = None

    @property
    def local_part(self) -> str | None:
        return self.address.local if self.address else None


def parse_question(text: str) -> Question:
    """Parse an address or a domain, in any script; raises InvalidValueError for anything else."""
    try:
        address = parse_address(text) if "@" in text else None
        domain = ascii_host(address.domain if address else parse_host(text))
    except ValueError as error:
        raise InvalidValueError([Problem("ADDRESS_OR_DOMAIN", str(error))]) from None
    if ":" in domain or domain.replace(".", "").isdigit():
        problem = f"{shown(text)} is an IP address, which has no domain whose servers could be found"
        raise InvalidValueError([Problem("ADDRESS_OR_DOMAIN", problem)])
    if address is None and "." not in domain.rstrip("."):
        problem = f"{shown(text)} is neither an address nor a domain such as example.org"
        raise InvalidValueError([Problem("ADDRESS_OR_DOMAIN", problem)])
    return Question(str(address or text), domain, address)


class Source(StrEnum):
    """Who says something of a domain's servers, the most believable first."""

    PRESET = "preset"
    """mailctl's own presets, whose values come from the providers' pages."""
    AUTOCONFIG = "autoconfig"
    """The domain's own web server, over https."""
    ISPDB = "ispdb"
    """Thunderbird's database of providers, or another in its form, by the domain."""
    SRV = "srv"
    """The domain's SRV records (RFC 6186, RFC 8314)."""
    MX = "mx"
    """The domain's MX records, which lead to a known provider."""
    AUTODISCOVER = "autodiscover"
    """Microsoft 365's Autodiscover, which knows whether a mailbox is there."""
    AUTOCONFIG_HTTP = "autoconfig-http"
    """The domain's own web server, over plain http."""
    ISPDB_MX = "ispdb-mx"
    """The database of providers, by the domain of the host that the MX records name."""

    @property
    def is_authenticated(self) -> bool:
        """Whether nobody on the way can have put in hosts of theirs: those of MX and Autodiscover are of presets."""
        return self not in (Source.SRV, Source.AUTOCONFIG_HTTP, Source.ISPDB_MX)


class Offer(Struct, frozen=True):
    """An endpoint that a source names. `logins`: what it says of logins, in the words of autoconfig files."""

    protocol: Protocol
    host: str
    port: int
    security: Security
    logins: tuple[str, ...] = ()

    @property
    def place(self) -> tuple[str, int, Security]:
        """What two offers have in common that mean the same connection."""
        return self.host.lower(), self.port, self.security


class Outcome(StrEnum):
    FOUND = "found"
    NOTHING = "nothing"
    """The source was asked, and knows nothing of the domain."""
    FAILED = "failed"
    """The source could not be asked, or answered something else than it should."""
    SKIPPED = "skipped"


class SourceAnswer(Struct, frozen=True, kw_only=True):
    """What a source answered about a domain.

    `place`: what was asked (a URL, a name in the DNS, a file). `said`: the answer in a sentence's part, or why there is
    none. `offers`: in the source's own order of preference. `absent`: protocols that it says are not offered.
    `preset`: the provider's preset that it leads to. `provider`: the name of the provider, for people. `reason`: of a
    failure, a word of `protocol/reasons`. `duration_ms`: how long it took.
    """

    source: Source
    place: str
    outcome: Outcome
    said: str
    offers: tuple[Offer, ...] = ()
    absent: tuple[Protocol, ...] = ()
    preset: str | None = None
    provider: str | None = None
    reason: str | None = None
    duration_ms: int = 0

    @classmethod
    def nothing(cls, source: Source, place: str, said: str) -> SourceAnswer:
        """Return the answer of a source that knows nothing of the domain."""
        return cls(source=source, place=place, outcome=Outcome.NOTHING, said=said)

    @classmethod
    def failed(cls, source: Source, place: str, error: MailError | TimeoutError) -> SourceAnswer:
        """Return the answer of a source that could not be asked."""
        said, reason = (error.message, error.reason) if isinstance(error, MailError) else _TIMED_OUT
        return cls(source=source, place=place, outcome=Outcome.FAILED, said=said, reason=reason)


_TIMED_OUT = ("it did not answer in time", "timed-out")
