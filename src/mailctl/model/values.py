"""Single values and their rules: codes, names, hosts, ports, time-outs, paths, pins.

Each `parse_x` takes text as a person, a script or a file gave it, and returns the value in the form that is kept, or
raises ValueError whose text quotes the value and names the rule. The annotated types below carry these parsers to the
decoder (`decode.py`) and the same rules, as far as they can be said there, to the JSON Schema.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Annotated

from msgspec import Meta

from mailctl.errors import InvalidValueError
from mailctl.model.secret import parse_secret_ref

RESERVED_CODES = frozenset({"sysmail"})
TIMEOUT_SECONDS_MIN, TIMEOUT_SECONDS_MAX = 10, 120
WAIT_SECONDS_MAX = 10

_ASCII_DIGITS = re.compile(r"[0-9]+", re.ASCII)
_HOST_LABEL = re.compile(r"(?!-)[A-Za-z0-9_-]{1,63}(?<!-)", re.ASCII)
_PLAIN_HOST = re.compile(r"[a-z0-9][a-z0-9.-]{0,252}", re.ASCII)
_PIN = re.compile(r"sha256:([0-9a-fA-F]{2}:?){31}[0-9a-fA-F]{2}", re.ASCII)


_BIDIRECTIONAL = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"


def shown(value: object) -> str:
    """Return a value as it may be quoted in a message: on one line, control characters escaped, not endless."""
    text = value if isinstance(value, str) else repr(value)
    text = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
    return f"'{text[:80]}…'" if len(text) > 80 else f"'{text}'"


def shortened(text: str, most: int) -> str:
    """Return text that has no more than so many characters; an ellipsis is the last of one that is cut."""
    return text if len(text) <= most else text[: most - 1] + "…"


def has_control_characters(text: str) -> bool:
    """Tell whether text holds control, line-separating or bidirectional formatting characters, or half characters.

    Half a character (a surrogate) is what Python makes of an argument that is not UTF-8.
    """
    if text.isascii() and text.isprintable():
        return False
    return any(unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp") or c in _BIDIRECTIONAL for c in text)


def parse_code(text: str) -> str:
    """Parse an entry's code: NFC, no blanks, control characters, `@`, `:` or leading `-`; `sysmail` is taken."""
    code = text if text.isascii() else unicodedata.normalize("NFC", text)
    if not code:
        raise ValueError("a code must not be empty")
    if code in RESERVED_CODES:
        raise ValueError(f"{shown(code)} is reserved for the system mail account; choose another code")
    for character, said in (("@", "'@'"), (":", "':'")):
        if character in code:
            raise ValueError(f"{shown(code)} contains {said}, which a code must not")
    if code.startswith("-"):
        raise ValueError(f"{shown(code)} starts with '-', which a code must not")
    if any(c.isspace() for c in code):
        raise ValueError(f"{shown(code)} contains a blank, which a code must not")
    if has_control_characters(code) or not code.isprintable():
        raise ValueError(f"{shown(code)} contains a control character, which a code must not")
    return code


def parse_name(text: str) -> str:
    """Parse a display name: any text in any script, not blank, without control characters."""
    if not text.strip():
        raise ValueError("a name must not be blank")
    if has_control_characters(text):
        raise ValueError(f"{shown(text)} contains a control character, which a name must not")
    return text if text.isascii() else unicodedata.normalize("NFC", text)


def parse_lines(text: str, what: str, most: int) -> str:
    """Parse lines of text in any script, line ends made LF; `what` they are begins the refusals: "a signature".

    Not blank, at most so many characters, and without control characters but tabs.
    """
    text = text.replace("\r\n", "\n").replace("\r", "\n").strip("\n")
    if not text.strip():
        raise ValueError(f"{what} must not be blank")
    if len(text) > most:
        raise ValueError(f"{what} has at most {most} characters, and this one has {len(text)}")
    for character in text:
        if not character.isprintable() and character not in "\n\t":
            raise ValueError(f"{shown(character)} is a character that {what} must not contain")
    return text


def is_ip_address(host: str) -> bool:
    import ipaddress

    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def parse_host(text: str) -> str:
    """Parse a host: a name (IDN too), an IPv4 or an IPv6 address (brackets are dropped). RFC 1123, RFC 5891.

    A scheme such as `ssl://` is not taken here: it says something of the security, see `server.split_scheme`.
    """
    if _PLAIN_HOST.fullmatch(text) and ".." not in text and not text.rsplit(".", 1)[-1].isdigit():
        labels = text.removesuffix(".").split(".")
        if all(_HOST_LABEL.fullmatch(label) for label in labels):
            return text
    if not text:
        raise ValueError("a host must not be empty")
    if has_control_characters(text) or any(c.isspace() for c in text):
        raise ValueError(f"{shown(text)} contains a blank or a control character, which a host must not")
    bare = text[1:-1] if text.startswith("[") and text.endswith("]") else text
    if ":" in bare:
        import ipaddress  # most hosts are names, and start-up is felt at every call

        try:
            return str(ipaddress.IPv6Address(bare))
        except ValueError:
            pass
        raise ValueError(f"{shown(text)} is not a host: give the port by its own option, an IPv6 address in full")
    if re.fullmatch(r"[0-9.]+", bare, re.ASCII):
        import ipaddress

        try:
            return str(ipaddress.IPv4Address(bare))
        except ValueError:
            raise ValueError(f"{shown(text)} is not an IPv4 address") from None
    ascii_host(text)
    return unicodedata.normalize("NFC", text).lower()


def ascii_host(host: str) -> str:
    """Return a host as it goes into DNS, SNI and the certificate check: A-labels (RFC 5891), no trailing dot.

    Raises ValueError where the name cannot be written so.
    """
    name = host.removesuffix(".")
    if not name.isascii():
        import idna  # only names beyond ASCII pay for its tables

        try:
            name = idna.encode(name, uts46=True).decode("ascii")
        except idna.IDNAError as error:
            raise ValueError(f"{shown(host)} is not a host name: {error}") from None
    if ":" in name:
        return name
    if len(name) > 253 or not name or not all(_HOST_LABEL.fullmatch(label) for label in name.split(".")):
        raise ValueError(f"{shown(host)} is not a host name: labels of letters, digits and inner '-', joined by dots")
    return name.lower()


def parse_port(value: int | str) -> int:
    """Parse a port: 1 to 65535; as text, ASCII digits only."""
    rule = "a port is a whole number from 1 to 65535, in ASCII digits"
    if isinstance(value, str):
        if not _ASCII_DIGITS.fullmatch(value) or len(value) > 5:
            raise ValueError(f"{shown(value)} is not a port: {rule}")
        value = int(value)
    if not 1 <= value <= 65535:
        raise ValueError(f"'{value}' is not a port: {rule}")
    return value


def parse_timeout(value: int | str) -> int:
    """Parse a time-out in whole seconds, 10 to 120."""
    return _parse_seconds(value, "time-out", TIMEOUT_SECONDS_MIN, TIMEOUT_SECONDS_MAX)


def parse_wait(value: int | str) -> int:
    """Parse the wait between a POP3 login and sending, in whole seconds, 0 to 10."""
    return _parse_seconds(value, "wait", 0, WAIT_SECONDS_MAX)


def _parse_seconds(value: int | str, what: str, least: int, most: int) -> int:
    rule = f"a {what} is a whole number of seconds from {least} to {most}"
    if isinstance(value, str):
        if not _ASCII_DIGITS.fullmatch(value) or len(value) > 9:
            raise ValueError(f"{shown(value)} is not a {what}: {rule}")
        value = int(value)
    if not least <= value <= most:
        raise ValueError(f"'{value}' is not a {what}: {rule}")
    return value


def parse_path(text: str) -> str:
    """Parse the path of a file, kept as it was given."""
    if not text.strip() or has_control_characters(text):
        raise ValueError(f"{shown(text)} is not the path of a file")
    return text


def parse_pin(text: str) -> str:
    """Parse a public-key pin: `sha256:` and 64 hex digits, which may be grouped by colons (RFC 7469, 2.4, in hex)."""
    if not _PIN.fullmatch(text):
        raise ValueError(f"{shown(text)} is not a pin: write sha256: and the 64 hex digits of the public key's SHA-256")
    return "sha256:" + text[7:].replace(":", "").lower()


def parse_namespace(text: str) -> str:
    """Parse the namespace of a settings file's keyring entries: letters, digits, `-` and `_`."""
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,64}", text, re.ASCII):
        raise ValueError(f"{shown(text)} is not a namespace: letters, digits, '-' and '_'")
    return text


def parse_reference(text: str) -> str:
    """Parse a secret reference and return it in its text form (see `secret.parse_secret_ref`)."""
    try:
        return str(parse_secret_ref(text))
    except InvalidValueError as error:
        raise ValueError(error.problems[0].message) from None


def _meta(description: str, parse: object, **schema: object) -> Meta:
    return Meta(description=description, extra={"parse": parse}, extra_json_schema=dict(schema))


Code = Annotated[str, _meta("unique identifier: no blanks, control characters, '@', ':' or leading '-'", parse_code)]
Name = Annotated[str, _meta("any text in any script, not blank", parse_name, minLength=1)]
Host = Annotated[str, _meta("host name (IDN too) or IP address", parse_host, minLength=1)]
Port = Annotated[int, _meta("whole number from 1 to 65535", parse_port, minimum=1, maximum=65535)]
TimeoutSeconds = Annotated[
    int,
    _meta("whole seconds, 10 to 120", parse_timeout, minimum=TIMEOUT_SECONDS_MIN, maximum=TIMEOUT_SECONDS_MAX),
]
FilePath = Annotated[str, _meta("path of a file; a relative one is seen from the settings file's folder", parse_path)]
Pin = Annotated[str, _meta("sha256: and the 64 hex digits of the public key's SHA-256", parse_pin)]


def parse_username(text: str) -> str:
    """Parse the user name of a login: any text in any script, without control characters."""
    if not text or has_control_characters(text):
        raise ValueError(f"{shown(text)} is not a user name: it is empty, or contains a control character")
    return text


Username = Annotated[str, _meta("user name of a login", parse_username, minLength=1)]
WaitSeconds = Annotated[int, _meta("whole seconds, 0 to 10", parse_wait, minimum=0, maximum=10)]
Namespace = Annotated[str, _meta("keeps the keyring entries of two settings files apart", parse_namespace)]
Reference = Annotated[
    str,
    _meta("where a secret lives: env:NAME, file:PATH, command:PROGRAM ARGS, keyring:…, vault:…", parse_reference),
]
