"""Roles of a mailbox's folders, and which of the server's folders an account has for each."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from msgspec import Meta, Struct

from mailctl.model.values import has_control_characters, shown

INBOX = "INBOX"
"""The one folder that every mailbox has (RFC 9051, 5.1), in any mixture of capitals."""


class FolderRole(StrEnum):
    """What a folder is for."""

    INBOX = "inbox"
    DRAFTS = "drafts"
    SENT = "sent"
    SPAM = "spam"
    TRASH = "trash"
    ARCHIVE = "archive"

    @staticmethod
    def aliases() -> dict[str, str]:
        return {"junk": "spam"}


def parse_folder_name(text: str) -> str:
    """Parse a folder's name as people read it, in any script, with the server's own separator between its levels.

    It is kept character by character: a server tells apart what looks the same.
    """
    if not text:
        raise ValueError("a folder's name must not be empty")
    if has_control_characters(text):
        raise ValueError(f"{shown(text)} contains a control character, which a folder's name must not")
    return INBOX if text.upper() == INBOX else text


FolderName = Annotated[
    str,
    Meta(
        description="name of a folder in any script, with the server's separator",
        extra={"parse": parse_folder_name},
        min_length=1,
    ),
]


class Folders(Struct, frozen=True, kw_only=True):
    """The folder of each role, by its name at the server; None where none is known."""

    inbox: FolderName | None = None
    drafts: FolderName | None = None
    sent: FolderName | None = None
    spam: FolderName | None = None
    trash: FolderName | None = None
    archive: FolderName | None = None

    def find(self, role: FolderRole) -> str | None:
        """Return the folder of a role; that of the inbox needs no setting."""
        name: str | None = getattr(self, role)
        return name or (INBOX if role is FolderRole.INBOX else None)
