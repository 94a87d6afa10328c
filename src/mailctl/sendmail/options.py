"""What a command line of sendmail means."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from msgspec import Struct

from mailctl.errors import UsageError

_FLAGS = frozenset("tiqGImnpUv")
_WITH_VALUE = frozenset("bCfForABeDhLNORVX")
_LONG = {"--config": True, "--tenant": True, "--help": False, "--version": False}
"""Long options, and whether they have a value."""
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
    recipients: list[str] = []
    for name, value in _given(arguments):
        if not name:
            recipients.append(value)
        elif name in _VALUES:
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


def _given(arguments: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Yield options with their values, "" where an option has none, and recipients under the name "".

    By getopt's rules (POSIX.1, 12.2); the module of that name brings all of gettext.
    """
    words = iter(arguments)
    for word in words:
        if word == "--":
            yield from (("", recipient) for recipient in words)
        elif word.startswith("--"):
            name, equals, value = word.partition("=")
            if name not in _LONG or (equals and not _LONG[name]):
                raise UsageError(f"there is no option {word}")
            yield name, _value_of(name, words) if _LONG[name] and not equals else value
        elif word.startswith("-"):
            yield from _cluster(word[1:], words)
        else:
            yield "", word


def _cluster(letters: str, words: Iterator[str]) -> Iterator[tuple[str, str]]:
    """Yield the options of one word: flags, and at its end perhaps one with a value, there or in the next word."""
    for at, letter in enumerate(letters):
        if letter in _WITH_VALUE:
            yield f"-{letter}", letters[at + 1 :] or _value_of(f"-{letter}", words)
            return
        if letter not in _FLAGS:
            raise UsageError(f"there is no option -{letter}")
        yield f"-{letter}", ""


def _value_of(name: str, words: Iterator[str]) -> str:
    value = next(words, None)
    if value is None:
        raise UsageError(f"the option {name} needs a value")
    return value


def _check_mode(name: str, value: str) -> None:
    if name == "-q":
        raise UsageError("-q is not possible: this sendmail has no queue")
    if value != "m":
        does = _MODES.get(value[:1], "knows no such mode")
        raise UsageError(f"-b{value} is not possible: this sendmail sends one message (-bm), and {does}")
