"""Drafts from the fields that the options of `send` and the lines of a batch have in common."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar

import msgspec

from mailctl.durable import cause_of
from mailctl.errors import InvalidValueError, MissingInputError, Problem
from mailctl.protocol.message.address_list import Mailbox, parse_mailboxes
from mailctl.protocol.message.header_field import check_field_text
from mailctl.services.sending.compose import Attachment, Draft, check_single, parse_field

STDIN = "-"

S = TypeVar("S")
T = TypeVar("T")
ReadStdin = Callable[[], bytes]


class DraftFields(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A message as options or a line of a batch give it: addresses as people write them, texts, paths.

    `to`, `cc`, `bcc`: each may hold several addresses with commas between. `body_file`: `-` is standard input.
    `headers`: as `Name: value`, or as an object from names to values.
    """

    to: str | list[str] = []
    cc: str | list[str] = []
    bcc: str | list[str] = []
    subject: str | None = None
    body: str | None = None
    body_file: str | None = None
    html: str | None = None
    html_file: str | None = None
    attach: str | list[str] = []
    headers: list[str] | dict[str, str] = []


class DraftReader:
    """Turns fields into drafts; a file that many of them name is read once."""

    def __init__(self, read_stdin: ReadStdin | None = None) -> None:
        """`read_stdin`: None where standard input is no place for a text."""
        self._read_stdin = read_stdin
        self._texts: dict[str, str] = {}

    def read(self, fields: DraftFields) -> Draft:
        """Return the draft; attachments are looked at, and read when they are sent.

        Raises MissingInputError if nobody is to get it or nothing is in it; InvalidValueError with all problems, each
        under the name of its field.
        """
        if missing := list(_missing(fields)):
            raise MissingInputError(f"missing: {', '.join(missing)}", details={"missing": missing})
        gathered = _Gathered()
        draft = Draft(
            to=gathered.mailboxes("to", fields.to),
            cc=gathered.mailboxes("cc", fields.cc),
            bcc=gathered.mailboxes("bcc", fields.bcc),
            subject=gathered.one("subject", _parse_field_text, fields.subject),
            text=self._text(gathered, "body", fields.body, fields.body_file),
            html=self._text(gathered, "html", fields.html, fields.html_file),
            attachments=gathered.each("attach", _parse_attachment, _listed(fields.attach)),
            fields=gathered.each("headers", parse_field, _header_lines(fields.headers)),
        )
        gathered.one("headers", check_single, draft.fields)
        if gathered.problems:
            raise InvalidValueError(gathered.problems)
        return draft

    def _text(self, gathered: _Gathered, where: str, text: str | None, path: str | None) -> str | None:
        if text is not None and path is not None:
            gathered.problems.append(Problem(where, f"excludes {where}_file: the text comes from one of them"))
            return None
        if path is not None:
            return gathered.one(f"{where}_file", self._read_text, path)
        return gathered.one(where, _parse_text, text)

    def _read_text(self, path: str) -> str:
        """Read a text in UTF-8 from a file or standard input; a byte order mark is dropped."""
        if path not in self._texts:
            if path == STDIN and self._read_stdin is None:
                raise ValueError("standard input is not to be read here")
            try:
                content = self._read_stdin() if path == STDIN and self._read_stdin else Path(path).read_bytes()
                self._texts[path] = content.decode("utf-8-sig")
            except OSError as error:
                raise ValueError(f"{path} cannot be read: {cause_of(error)}") from None
            except UnicodeDecodeError as error:
                name = "standard input" if path == STDIN else path
                message = f"{name} is not in UTF-8 (byte {error.start + 1}); `iconv -t utf-8` converts it"
                raise ValueError(message) from None
        return self._texts[path]


def _missing(fields: DraftFields) -> Iterator[str]:
    if not any((fields.to, fields.cc, fields.bcc)):
        yield "to"
    texts = (fields.body, fields.body_file, fields.html, fields.html_file)
    if all(text is None for text in texts) and not fields.attach:
        yield "body"


class _Gathered:
    """Values that are parsed one after the other, and the problems of those that could not be."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []

    def one(self, where: str, parse: Callable[[S], T], given: S | None) -> T | None:
        if given is None:
            return None
        try:
            return parse(given)
        except ValueError as error:
            self.problems.append(Problem(where, str(error)))
            return None

    def each(self, where: str, parse: Callable[[S], T], given: Sequence[S]) -> tuple[T, ...]:
        return tuple(value for one in given if (value := self.one(where, parse, one)) is not None)

    def mailboxes(self, where: str, given: str | list[str]) -> tuple[Mailbox, ...]:
        return tuple(mailbox for several in self.each(where, parse_mailboxes, _listed(given)) for mailbox in several)


def _listed(given: str | list[str]) -> list[str]:
    return given if isinstance(given, list) else [given]


def _header_lines(headers: list[str] | dict[str, str]) -> list[str]:
    return [f"{name}: {value}" for name, value in headers.items()] if isinstance(headers, dict) else headers


def _parse_text(text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError("contains bytes that are not UTF-8") from None
    return text


def _parse_field_text(text: str) -> str:
    check_field_text(text)
    return text


def _parse_attachment(text: str) -> Attachment:
    path = Path(text)
    if path.is_dir():
        raise ValueError(f"{text} is a folder")
    if not path.exists():
        raise ValueError(f"there is no file {text}")
    if not os.access(path, os.R_OK):
        raise ValueError(f"{text} cannot be read: permission denied")
    # A file's name may hold what is no text; what arrives is one.
    filename = path.name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    check_field_text(filename)
    return Attachment(filename, path)
