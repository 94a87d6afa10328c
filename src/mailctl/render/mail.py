"""Folders and messages of mailboxes, for people."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from rich.cells import cell_len, set_cell_size

from mailctl.model.layout import Layout
from mailctl.render.style import Style

if TYPE_CHECKING:
    from mailctl.protocol.message.header_text import Correspondent
    from mailctl.services.accounts.mail_folders import CountedFolder
    from mailctl.services.accounts.mail_list import Listed


def describe_layout(layout: Layout) -> str:
    """Return a layout as it completes "the mail is listed"."""
    threads = "in threads" if layout.threads else "without threads"
    merge = "as one list of all accounts" if layout.merge else "each account by itself"
    return f"{threads}, {merge}"


def render_layout(layout: Layout) -> str:
    """Return a layout as text, a switch a line."""
    rows = (
        ("threads", layout.threads, "answers stand below what they answer"),
        ("merge", layout.merge, "one list of all accounts' folders"),
    )
    return "\n".join(f"{name:8} {'on' if on else 'off':4} {meaning}" for name, on, meaning in rows)


FOLDER_HEADERS = ("FOLDER", "ROLE", "MESSAGES", "UNSEEN")
ACCOUNT_HEADER = "ACCOUNT"

_MARKS = (("N", "\\Seen", False), ("F", "\\Flagged", True), ("A", "\\Answered", True))
"""What is shown of flags: a letter, and whether the flag is to be there for it."""
_MARKS_HEADER = "".join(mark for mark, _, _ in _MARKS)
_GAP = "  "
_WHO, _SUBJECT, _ACCOUNT = 2, 3, 4
_ENOUGH = ((_SUBJECT, 30), (_WHO, 18), (_ACCOUNT, 14), (_SUBJECT, 16), (_WHO, 10), (_ACCOUNT, 8), (_SUBJECT, 6))
"""Which columns are made narrower on a screen, one after the other, and how wide they stay."""
_DEPTH_MAX = 6
"""So far answers are moved to the right; the longest conversations would leave the screen."""


def folder_rows(folders: Sequence[CountedFolder], *, with_account: bool) -> Iterator[tuple[str, ...]]:
    """Yield the cells of folders, in the order of FOLDER_HEADERS, with the account behind them if wanted."""
    messages = _right([folder.messages for folder in folders], FOLDER_HEADERS[2])
    unseen = _right([folder.unseen for folder in folders], FOLDER_HEADERS[3])
    for folder, total, new in zip(folders, messages, unseen, strict=True):
        yield folder.folder, str(folder.role or ""), total, new, *([folder.account] if with_account else [])


def _right(numbers: Sequence[int | None], header: str) -> list[str]:
    texts = ["" if number is None else str(number) for number in numbers]
    size = max(len(text) for text in (header, *texts))
    return [text.rjust(size) for text in texts]


def render_messages(
    messages: Sequence[Listed], now: dt.datetime, style: Style, *, width: int | None, with_account: bool = False
) -> str:
    """Return messages as text, a line each; one that nobody has seen is bold.

    Of the account's own mail, in the folders of sent mail and drafts, it is told whom it goes to, else who wrote it.

    With a `width` in columns, what does not fit is cut off, and dates are short; `now`: what they are told from.
    """
    is_own = all(message.is_own for message in messages)
    who = [message.to if is_own else (message.sender,) for message in messages]
    rows = [
        _cells(message, people, now, is_short=width is not None, with_account=with_account)
        for message, people in zip(messages, who, strict=True)
    ]
    headers = (
        _MARKS_HEADER,
        "DATE",
        "TO" if is_own else "FROM",
        "SUBJECT",
        *([ACCOUNT_HEADER] if with_account else []),
    )
    sizes = [max(cell_len(row[column]) for row in (headers, *rows)) for column in range(len(headers))]
    if width is not None:
        sizes = _fitted(sizes, width)
    lines = [style.bold(_line(headers, sizes))]
    for message, row in zip(messages, rows, strict=True):
        line = _line(row, sizes)
        lines.append(style.bold(line) if message.has_flag("\\Seen") is False else line)
    return "\n".join(lines)


def _cells(
    message: Listed, people: Sequence[Correspondent], now: dt.datetime, *, is_short: bool, with_account: bool
) -> tuple[str, ...]:
    marks = "".join(mark if message.has_flag(flag) is present else " " for mark, flag, present in _MARKS)
    indent = "  " * (min(message.depth, _DEPTH_MAX) - 1) + "└ " if message.depth else ""
    who = ", ".join(one.name or one.address for one in people)
    account = [message.account] if with_account else []
    return marks, _date(message.date, now, is_short=is_short), who, indent + (message.subject or "(none)"), *account


def _date(date: dt.datetime | None, now: dt.datetime, *, is_short: bool) -> str:
    if date is None:
        return ""
    local = date.astimezone(now.tzinfo)
    if not is_short:
        return f"{local:%Y-%m-%d %H:%M}"
    return f"{local:%m-%d %H:%M}" if local.year == now.year else f"{local:%Y-%m-%d}"


def _fitted(sizes: Sequence[int], width: int) -> list[int]:
    """Return the columns' sizes so that a line fits, as far as it can: each column gives up what it needs least."""
    fitted = list(sizes)
    excess = sum(fitted) + len(_GAP) * (len(fitted) - 1) - width
    for column, enough in _ENOUGH:
        if column < len(fitted):
            cut = max(min(excess, fitted[column] - enough), 0)
            fitted[column] -= cut
            excess -= cut
    return fitted


def _line(cells: Sequence[str], sizes: Sequence[int]) -> str:
    return _GAP.join(_cut(cell, size) for cell, size in zip(cells, sizes, strict=True)).rstrip()


def _cut(text: str, size: int) -> str:
    if cell_len(text) <= size:
        return set_cell_size(text, size)
    return set_cell_size(set_cell_size(text, size - 1).rstrip() + "…", size)
