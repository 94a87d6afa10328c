"""Thunderbird's autoconfig files, `config-v1.1.xml`: what a provider says of its servers.

The format: https://wiki.mozilla.org/Thunderbird:Autoconfiguration:ConfigFileFormat and
draft-ietf-mailmaint-autoconfig. A file comes from anybody: a document type, and with it entities, is refused before
it is read, and so is what is too large, too deep or endless. One server that breaks a rule does not hide the others.
"""

from __future__ import annotations

from typing import NamedTuple
from xml.parsers import expat

from mailctl.model.discovery import Offer
from mailctl.model.server import Protocol, Security
from mailctl.model.values import parse_host, parse_name, parse_port

DOCUMENT_BYTES_MAX = 256 * 1024
"""The largest file of Thunderbird's own database has some 10 kB."""
_DEPTH_MAX = 16
_ELEMENTS_MAX = 5_000

_SECURITIES = {"plain": Security.NONE, "starttls": Security.STARTTLS, "ssl": Security.TLS, "tls": Security.TLS}


class AutoconfigError(ValueError):
    """The file is none, or none that may be read; the text says why."""


class Autoconfig(NamedTuple):
    """`domains`: those that the file is about. `provider`: the name of the provider, for people, or None."""

    domains: tuple[str, ...]
    provider: str | None
    offers: tuple[Offer, ...]


class _Element(NamedTuple):
    name: str
    attributes: dict[str, str]
    children: list[_Element]
    text: list[str]

    def all(self, name: str) -> list[_Element]:
        return [child for child in self.children if child.name == name]

    def values(self, name: str) -> list[str]:
        return ["".join(child.text).strip() for child in self.all(name)]


def parse_autoconfig(document: bytes, *, local_part: str | None, domain: str) -> Autoconfig:
    """Parse a file, for an address of `domain` (A-labels); its placeholders are replaced.

    Without a `local_part`, servers whose host depends on it are left out. Raises AutoconfigError.
    """
    root = _read_tree(document)
    providers = root.all("emailProvider") if root.name == "clientConfig" else []
    if not providers:
        raise AutoconfigError("it is no autoconfig file")
    placeholders = {"%EMAILDOMAIN%": domain}
    if local_part is not None:
        placeholders |= {"%EMAILLOCALPART%": local_part, "%EMAILADDRESS%": f"{local_part}@{domain}"}
    provider = providers[0]
    servers = [*provider.all("incomingServer"), *provider.all("outgoingServer")]
    offers = [offer for server in servers if (offer := _find_offer(server, placeholders))]
    return Autoconfig(tuple(provider.values("domain")), _provider_name(provider), tuple(offers))


def _find_offer(server: _Element, placeholders: dict[str, str]) -> Offer | None:
    """Return the endpoint of a server element; None for a protocol of others, and for what breaks a rule."""
    hosts, ports = server.values("hostname"), server.values("port")
    securities = [_SECURITIES[word] for text in server.values("socketType") if (word := text.lower()) in _SECURITIES]
    try:
        protocol = Protocol(server.attributes.get("type", "").lower())
        host = hosts[0] if hosts else ""
        for placeholder, value in placeholders.items():
            host = host.replace(placeholder, value)
        return Offer(
            protocol=protocol,
            host=parse_host(host),
            port=parse_port(ports[0] if ports else ""),
            security=securities[0],
            logins=tuple(text for text in server.values("authentication") if text.isprintable() and len(text) < 40),
        )
    except (ValueError, IndexError):
        return None


def _provider_name(provider: _Element) -> str | None:
    for name in [*provider.values("displayName"), *provider.values("displayShortName")]:
        try:
            return parse_name(name.replace("%EMAILDOMAIN%", ""))[:80]
        except ValueError:
            continue
    return None


def _read_tree(document: bytes) -> _Element:
    if len(document) > DOCUMENT_BYTES_MAX:
        raise AutoconfigError(f"it is larger than {DOCUMENT_BYTES_MAX // 1024} kB")
    builder = _Builder()
    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartDoctypeDeclHandler = builder.refuse_document_type
    parser.StartElementHandler = builder.start
    parser.EndElementHandler = builder.end
    parser.CharacterDataHandler = builder.add_text
    try:
        parser.Parse(document, True)
    except expat.ExpatError as error:
        raise AutoconfigError(f"it is no XML ({expat.ErrorString(error.code)}, line {error.lineno})") from None
    except (ValueError, LookupError) as error:
        raise error if isinstance(error, AutoconfigError) else AutoconfigError("its encoding is unknown") from None
    return builder.root


class _Builder:
    """Builds the elements of a document as the parser comes upon them."""

    def __init__(self) -> None:
        self._open = [_Element("", {}, [], [])]
        self._elements = 0

    @property
    def root(self) -> _Element:
        return self._open[0].children[0]

    def refuse_document_type(self, *_: object) -> None:
        raise AutoconfigError("it has a document type, which autoconfig files have not")

    def start(self, name: str, attributes: dict[str, str]) -> None:
        self._elements += 1
        if len(self._open) > _DEPTH_MAX or self._elements > _ELEMENTS_MAX:
            raise AutoconfigError("its elements are too many, or too deeply nested")
        element = _Element(name.rpartition(":")[2], attributes, [], [])
        self._open[-1].children.append(element)
        self._open.append(element)

    def end(self, _name: str) -> None:
        self._open.pop()

    def add_text(self, text: str) -> None:
        self._open[-1].text.append(text)
