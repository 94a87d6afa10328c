"""Mail services in the DNS: SRV records (RFC 2782) by which a domain names its servers (RFC 6186, RFC 8314)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from mailctl.model.discovery import Offer
from mailctl.model.server import Protocol, Security
from mailctl.model.values import ascii_host, parse_port


class Service(NamedTuple):
    """A service that may have records: `label` stands before the domain."""

    label: str
    protocol: Protocol
    security: Security


SERVICES = (
    Service("_submissions._tcp", Protocol.SMTP, Security.TLS),
    Service("_submission._tcp", Protocol.SMTP, Security.STARTTLS),
    Service("_imaps._tcp", Protocol.IMAP, Security.TLS),
    Service("_imap._tcp", Protocol.IMAP, Security.STARTTLS),
    Service("_pop3s._tcp", Protocol.POP3, Security.TLS),
    Service("_pop3._tcp", Protocol.POP3, Security.STARTTLS),
)
"""Implicit TLS first, which RFC 8314, 3 prefers. The others are never in the clear: RFC 6186, 3 wants STARTTLS."""


class ServiceTargets(NamedTuple):
    """`offers`: by priority, then by weight, the greatest first. `refused`: a record says that there is no service."""

    offers: tuple[Offer, ...]
    refused: bool


def parse_targets(service: Service, records: Iterable[str]) -> ServiceTargets:
    """Parse SRV records in their text form, `PRIORITY WEIGHT PORT TARGET`; those that break a rule are left out.

    Programs are to choose among targets of one priority by chance, in proportion to their weights; settings want one
    and the same each time.
    """
    found: list[tuple[int, int, Offer]] = []
    refused = False
    for record in records:
        try:
            priority, weight, port, target = record.split()
            refused = refused or target == "."
            offer = Offer(service.protocol, ascii_host(target), parse_port(port), service.security)
            found.append((int(priority), -int(weight), offer))
        except ValueError:
            continue
    offers = tuple(offer for *_, offer in sorted(found, key=lambda entry: entry[:2]))
    return ServiceTargets(offers, refused and not offers)


def parse_exchangers(records: Iterable[str]) -> list[str]:
    """Return the hosts of MX records in their text form, `PREFERENCE HOST`, the preferred first (RFC 5321, 5.1).

    A null MX (RFC 7505), which says that the domain takes no mail, is none.
    """
    found: list[tuple[int, str]] = []
    for record in records:
        try:
            preference, host = record.split()
            found.append((int(preference), ascii_host(host)))
        except ValueError:
            continue
    return [host for _, host in sorted(found)]
