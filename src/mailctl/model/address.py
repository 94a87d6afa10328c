"""Mail addresses: `local@domain` in any script. RFC 5321, RFC 6531 (internationalised), RFC 5891 (A-labels)."""

from __future__ import annotations

import re
import unicodedata

from msgspec import Struct

from mailctl.model.values import ascii_host, parse_host, shown

_ATOM_CHARACTERS = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789!#$%&'*+-/=?^_`{|}~")
_QUOTED_LOCAL = r'"((?:[^"\\]|\\.)*)"'
_LOCAL_OCTETS_MAX, _ADDRESS_OCTETS_MAX = 64, 254  # RFC 5321, 4.5.3.1.1 and .3 (256 with the angle brackets)


def _is_atom(text: str) -> bool:
    return bool(text) and all(c in _ATOM_CHARACTERS or not c.isascii() for c in text)


class Address(Struct, frozen=True):
    """An address of an envelope: `local` without quotes, `domain` as people read it, or an address literal."""

    local: str
    domain: str

    @property
    def needs_smtputf8(self) -> bool:
        """Whether the address can only travel with SMTPUTF8: a domain has an ASCII form, a local part has none."""
        return not self.local.isascii()

    def __str__(self) -> str:
        return f"{self._quoted_local}@{self.domain}"

    @property
    def with_ascii_domain(self) -> str:
        """The address with its domain in A-labels: the form that any server takes, if the local part is ASCII."""
        domain = self.domain if self.domain.startswith("[") else ascii_host(self.domain)
        return f"{self._quoted_local}@{domain}"

    @property
    def _quoted_local(self) -> str:
        # Local parts such as "a..b" exist in the field; quoted, they are valid everywhere.
        if all(map(_is_atom, self.local.split("."))):
            return self.local
        return '"' + re.sub(r'(["\\])', r"\\\1", self.local) + '"'


def parse_address(text: str) -> Address:
    """Parse `local@domain`; the local part in any script, quoted or not; the domain a name, an IDN, or `[IP]`.

    Raises ValueError whose text quotes the address and names the rule.
    """
    rule = "an address is written name@domain"
    if not text.isprintable():
        raise ValueError("the address contains a control character, or one that cannot be seen")
    quoted = re.match(_QUOTED_LOCAL, text)
    if quoted and text[quoted.end() : quoted.end() + 1] == "@":
        local, domain = re.sub(r"\\(.)", r"\1", quoted[1]), text[quoted.end() + 1 :]
    else:
        local, _, domain = text.rpartition("@")
        # Dots may stand anywhere: they do in the field, and are quoted on the wire.
        if not all(_is_atom(atom) for atom in local.split(".") if atom):
            raise ValueError(f"{shown(text)} is not an address: {rule}; a name with other characters stands in quotes")
    if not domain or "@" not in text or text.startswith("@"):
        raise ValueError(f"{shown(text)} is not an address: {rule}")
    local = unicodedata.normalize("NFC", local)
    address = Address(local, _parse_domain(domain))
    if len(local.encode()) > _LOCAL_OCTETS_MAX or len(str(address).encode()) > _ADDRESS_OCTETS_MAX:
        raise ValueError(
            f"{shown(text)} is not an address: at most {_LOCAL_OCTETS_MAX} bytes before the @, "
            f"{_ADDRESS_OCTETS_MAX} in all"
        )
    return address


def _parse_domain(text: str) -> str:
    if not text.startswith("["):
        host = parse_host(text)
        if ":" in host or host.replace(".", "").isdigit():
            raise ValueError(f"{shown(text)} is not a domain: an IP address stands in brackets, [{host}]")
        return host
    import ipaddress  # literals are rare, and start-up is felt at every call

    literal = text[1:-1] if text.endswith("]") else ""
    try:
        if literal[:5].lower() == "ipv6:":
            return f"[IPv6:{ipaddress.IPv6Address(literal[5:])}]"
        return f"[{ipaddress.IPv4Address(literal)}]"
    except ValueError:
        raise ValueError(
            f"{shown(text)} is not a domain: [192.0.2.1] and [IPv6:2001:db8::1] are address literals"
        ) from None
