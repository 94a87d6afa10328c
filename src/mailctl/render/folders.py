"""Folders and their roles for people."""

from __future__ import annotations

from mailctl.services.accounts.folders import FolderChoice, Source

ROLE_HEADERS = ("ROLE", "FOLDER", "KNOWN BY")
_SAID = {
    Source.STANDARD: "every mailbox has it",
    Source.SETTINGS: "the settings",
    Source.SPECIAL_USE: "the server (special use)",
    Source.NAME: "its name",
    Source.CREATED: "created",
}


def role_row(choice: FolderChoice) -> tuple[str, str, str]:
    """Return the cells of a role, in the order of ROLE_HEADERS."""
    known = _SAID[choice.source] if choice.source else ""
    if choice.folder and not choice.present:
        known += ", but it does not exist"
    return str(choice.role), choice.folder or "none", known
