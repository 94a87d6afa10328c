"""What a command line of sendmail means."""

from __future__ import annotations

from collections.abc import Sequence
from getopt import GetoptError, gnu_getopt

from msgspec import Struct

from mailctl.errors import UsageError

_IGNORED = "GImnpUv"
_IGNORED_WITH_VALUE = "ABeDhLNORVX"
_SHORT = f"tiq{_IGNORED}b:C:f:F:o:r:" + "".join(f"{letter}:" for letter in _IGNORED_WITH_VALUE)
_LONG = ("config=", "tenant=", "help", "version")
_VALUES = {
    "-f": "sender",
    "-r": "sender",
    "-F": "sender_name",
    "-C": "config",
    "--config": "config",
    "--tenant": "tenant",
}
_MODES = {
    "d": "runs no daemon",
    "D": "runs no daemon",
    "i": "has no aliases",
    "p": "has no queue",
    "s": "does not speak SMTP on standard input",
    "t": "has no rewriting rules",
    "v": "verifies no addresses: `mailctl test send --depth envelope` does",
}


class Options(Struct, frozen=True, kw_only=True):
    """What is to be done.

    `sender`: of the envelope, None if not given. `show`: `help` or `version` is to be shown, and
    nothing sent.
    """

    recipients: tuple[str, ...] = ()
    recipients_from_header: bool = False
    dot_ends_message: bool = True
    sender: str | None = None
    sender_name: str | None = None
    config: str | None = None
    tenant: str | None = None
    show: str | None = None


def parse_options(arguments: Sequence[str]) -> Options:
    """Parse the words after the program's name; raises UsageError for what cannot be done.

    Options may stand behind recipients, as glibc's getopt has it; after `--` there are recipients alone.
    """
    found: dict[str, object] = {}
    try:
        given, recipients = gnu_getopt(arguments, _SHORT, _LONG)
    except GetoptError as error:
        raise UsageError(str(error)) from None
    for name, value in given:
        if name in _VALUES:
            found[_VALUES[name]] = value
        elif name == "-t":
            found["recipients_from_header"] = True
        elif name == "-i" or (name == "-o" and value == "i"):
            found["dot_ends_message"] = False
        elif name in ("--help", "--version"):
            found["show"] = name.removeprefix("--")
        elif name in ("-b", "-q"):
            _check_mode(name, value)
    return Options(recipients=tuple(recipients), **found)  # type: ignore[arg-type]  # by the table above


def _check_mode(name: str, value: str) -> None:
    if name == "-q":
        raise UsageError("-q is not possible: this sendmail has no queue")
    if value != "m":
        does = _MODES.get(value[:1], "knows no such mode")
        raise UsageError(f"-b{value} is not possible: this sendmail sends one message (-bm), and {does}")
