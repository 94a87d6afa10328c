"""Authentication-Results: what the receiving system found of SPF, DKIM and DMARC (RFC 8601), and whether to believe it.

Anybody may write such a field into a message, so only the topmost one counts, and only if it is the receiving system's
own (RFC 8601, 5). It is, if it stands above every Received field, where nothing that the message brought along can
stand; or if its authserv-id belongs to the organisation that received the message: that of the host that the topmost
Received names, of the mailbox's server, or of the recipient's domain. Such a system has to remove what others claim in
its name. Where neither holds, the authserv-id can be given.

Microsoft 365 writes fields without an authserv-id, on what it sends as well as on what it receives. The host of the
Received field below stands in for it.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from enum import StrEnum

from msgspec import Struct

from mailctl.protocol.message.header_block import HeaderBlock, split_value
from mailctl.protocol.message.received import parse_received

METHODS = ("spf", "dkim", "dmarc")

_VALUE_CHARACTERS_MAX = 8192
_PAIR = re.compile(r'([^\s=;"/]+)(?:\s*/\s*[0-9]+)?\s*=\s*("(?:[^"\\]|\\.)*"|[^\s;"]+)')
_NOT_NAMES = re.compile(r"\[|[0-9.]+$|.*:")
_SECOND_LEVELS = frozenset({"ac", "co", "com", "edu", "go", "gob", "gov", "gv", "ne", "net", "nom", "or", "org"})
_IDENTITIES = {
    "spf": ("smtp.mailfrom", "smtp.helo"),
    "dkim": ("header.d", "header.i"),
    "dmarc": ("header.from",),
}


class Trust(StrEnum):
    """Why a field counts as the receiving system's own."""

    POSITION = "position"
    """It stands above every Received field."""
    NAME = "name"
    """Its authserv-id belongs to the organisation that received the message."""
    GIVEN = "given"
    """Its authserv-id is the one that was asked for."""


class MethodResult(Struct, frozen=True, kw_only=True):
    """What a method found. `method`, `result`: in lower case. `properties`: by `ptype.property`, in lower case."""

    method: str
    result: str
    properties: dict[str, str]

    @property
    def domain(self) -> str | None:
        """The domain that the method speaks of, in lower case; None if it names none."""
        names = _IDENTITIES.get(self.method, ())
        value = next((self.properties[name] for name in names if self.properties.get(name)), "")
        return value.rpartition("@")[2].strip(".<>").lower() or None


class AuthenticationResults(Struct, frozen=True, kw_only=True):
    """A field: who wrote it, as it says itself (None where it does not), and what was found, in its order."""

    authserv_id: str | None
    results: tuple[MethodResult, ...]

    def find(self, method: str, *, aligned_with: str | None = None) -> MethodResult | None:
        """Return the best result of a method, None if there is none: a pass for that domain, a pass, or the first."""
        found = [result for result in self.results if result.method == method]
        passed = [result for result in found if result.result == "pass"]
        aligned = [result for result in passed if are_aligned(result.domain, aligned_with)]
        return next(iter([*aligned, *passed, *found]), None)


class OwnResults(Struct, frozen=True, kw_only=True):
    """The field of the receiving system's own, and why it counts as that."""

    field: AuthenticationResults
    trust: Trust


def parse_authentication_results(value: str) -> AuthenticationResults:
    """Parse the value of an Authentication-Results field; what cannot be read is left out."""
    parts = split_value(value[:_VALUE_CHARACTERS_MAX])
    head = parts[0].split()
    names_nobody = not head or "=" in parts[0]
    results = [_parse_result(part) for part in (parts if names_nobody else parts[1:])]
    return AuthenticationResults(
        authserv_id=None if names_nobody else head[0].strip('"').lower(),
        results=tuple(result for result in results if result is not None),
    )


def _parse_result(part: str) -> MethodResult | None:
    pairs = [(name.lower(), found.strip('"')) for name, found in _PAIR.findall(part)]
    if not pairs:
        return None
    (method, result), *rest = pairs
    properties: dict[str, str] = {}
    for name, found in rest:
        properties.setdefault(name, found)
    return MethodResult(method=method, result=result.lower(), properties=properties)


def find_own_results(
    header: HeaderBlock, *, receiving_names: Collection[str], authserv_id: str | None = None
) -> OwnResults | None:
    """Return what the receiving system itself found; None if it wrote nothing, or nothing that is surely its own.

    `receiving_names`: the host of the mailbox, and the recipient's domain. `authserv_id`: the only one to believe.
    """
    places = [place for place, field in enumerate(header.fields) if field.name == "authentication-results"]
    fields = [parse_authentication_results(header.fields[place].value) for place in places]
    if authserv_id is not None:
        given = next((field for field in fields if field.authserv_id == authserv_id.lower()), None)
        return None if given is None else OwnResults(field=given, trust=Trust.GIVEN)
    if not fields:
        return None
    field, place = fields[0], places[0]
    hosts = [parse_received(later.value).by_host if later.name == "received" else None for later in header.fields]
    if not any(later.name == "received" for later in header.fields[:place]):
        return OwnResults(field=field, trust=Trust.POSITION)
    named = [host.lower() for host in hosts if host is not None and not _NOT_NAMES.match(host)]
    known = (*named[:1], *(name for name in receiving_names if not _NOT_NAMES.match(name)))
    receiving = set(map(organisational_domain, known))
    writer = field.authserv_id or next((host for host in hosts[place:] if host is not None), None)
    if writer is not None and organisational_domain(writer) in receiving:
        return OwnResults(field=field, trust=Trust.NAME)
    return None


def list_authserv_ids(header: HeaderBlock) -> list[str]:
    """Return who claims to have written the message's Authentication-Results, topmost first."""
    fields = map(parse_authentication_results, header.find_all("authentication-results"))
    return list(dict.fromkeys(field.authserv_id or "(no authserv-id)" for field in fields))


def organisational_domain(name: str) -> str:
    """Return the domain that an organisation registered, as far as its form tells: `mx.example.co.uk` →
    `example.co.uk`.

    The real answer is the Public Suffix List's, which changes daily; for who wrote a field, and beside a receiver's own
    verdict on DMARC, the form is enough.
    """
    labels = name.lower().strip(".[]").split(".")
    second_level = len(labels) > 2 and len(labels[-1]) == 2 and labels[-2] in _SECOND_LEVELS
    return ".".join(labels[-3 if second_level else -2 :])


def are_aligned(domain: str | None, from_domain: str | None) -> bool:
    """Tell whether a domain is aligned with that of From, as DMARC's relaxed mode has it (RFC 7489, 3.1)."""
    if not domain or not from_domain:
        return False
    return organisational_domain(domain) == organisational_domain(from_domain)


def find_aligned(field: AuthenticationResults, from_domain: str) -> Sequence[str]:
    """Return the methods among SPF and DKIM that pass for the domain of From."""
    found = {method: field.find(method, aligned_with=from_domain) for method in ("spf", "dkim")}
    return [
        method
        for method, result in found.items()
        if result is not None and result.result == "pass" and are_aligned(result.domain, from_domain)
    ]
