"""What servers say they can do: EHLO (SMTP), CAPA (POP3), CAPABILITY (IMAP)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from msgspec import Struct


def _words(line: bytes) -> list[str]:
    return line.decode("ascii", "backslashreplace").split()


def _unique(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name.upper() for name in names))


class SmtpCapabilities(Struct, frozen=True):
    """The answer to EHLO (RFC 5321, 4.1.1.1).

    `keywords`: in capitals, in the server's order. `mechanisms`: of AUTH and of the old `AUTH=` form, in capitals.
    `size_max`: bytes; 0 if the server names no limit, None if it does not know SIZE (RFC 1870).
    """

    keywords: tuple[str, ...] = ()
    mechanisms: tuple[str, ...] = ()
    size_max: int | None = None

    def offers(self, keyword: str) -> bool:
        return keyword in self.keywords


def parse_ehlo(lines: Sequence[bytes]) -> SmtpCapabilities:
    """Parse the texts of the reply's lines (`SmtpReply.lines`); the first one is the server's name."""
    keywords: list[str] = []
    mechanisms: list[str] = []
    size_max: int | None = None
    for line in lines[1:]:
        keyword, *parameters = _words(line) or [""]
        keyword, equals, first = keyword.upper().partition("=")
        if keyword == "AUTH":
            mechanisms += [first, *parameters] if equals and first else parameters
        elif keyword == "SIZE":
            stated = parameters[0] if parameters else "0"
            # A limit that is no number says nothing; 20 digits are what RFC 1870 allows.
            size_max = int(stated) if stated.isascii() and stated.isdigit() and len(stated) <= 20 else 0
        if keyword:
            keywords.append(keyword)
    return SmtpCapabilities(_unique(keywords), _unique(mechanisms), size_max)


class PopCapabilities(Struct, frozen=True):
    """The answer to CAPA (RFC 2449): `keywords` and the `mechanisms` of SASL (RFC 5034), in capitals."""

    keywords: tuple[str, ...] = ()
    mechanisms: tuple[str, ...] = ()

    def offers(self, keyword: str) -> bool:
        return keyword in self.keywords


def parse_capa(lines: Sequence[bytes]) -> PopCapabilities:
    """Parse the lines between `+OK` and the final dot."""
    listed = [words for words in map(_words, lines) if words]
    mechanisms = [name for words in listed if words[0].upper() == "SASL" for name in words[1:]]
    return PopCapabilities(_unique(words[0] for words in listed), _unique(mechanisms))


class ImapCapabilities(Struct, frozen=True):
    """The answer to CAPABILITY (RFC 9051, 7.2.2): `keywords`, and the `mechanisms` of `AUTH=` words, in capitals."""

    keywords: tuple[str, ...] = ()
    mechanisms: tuple[str, ...] = ()

    def offers(self, keyword: str) -> bool:
        return keyword in self.keywords

    @property
    def login_disabled(self) -> bool:
        return "LOGINDISABLED" in self.keywords


def parse_imap_capabilities(listing: bytes) -> ImapCapabilities:
    """Parse the words after `* CAPABILITY`, or the arguments of the response code `[CAPABILITY …]`."""
    words = _unique(_words(listing))
    return ImapCapabilities(
        tuple(word for word in words if not word.startswith("AUTH=")),
        tuple(word.removeprefix("AUTH=") for word in words if word.startswith("AUTH=") and word != "AUTH="),
    )
