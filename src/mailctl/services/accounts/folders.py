"""Which of a mailbox's folders has which role: as the server says, as its name tells, or as an account has it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import StrEnum

from msgspec import Struct
from msgspec.structs import replace

from mailctl.errors import NotFoundError, RefusedError
from mailctl.model.account import Account
from mailctl.model.folders import INBOX, FolderRole, Folders
from mailctl.model.settings import Edit
from mailctl.protocol.folder_names import KNOWN_NAMES, find_by_name
from mailctl.services.accounts.accounts import change_account
from mailctl.transport.imap.folders import FolderTree, ImapFolders

CREATED_ROLES = (FolderRole.DRAFTS, FolderRole.SENT, FolderRole.SPAM, FolderRole.TRASH)
"""The roles whose folders are made where they are missing and nobody names roles."""


class Source(StrEnum):
    """How it is known which folder has a role."""

    STANDARD = "standard"
    """INBOX, which every mailbox has."""
    SETTINGS = "settings"
    SPECIAL_USE = "special-use"
    NAME = "name"
    CREATED = "created"


class FolderChoice(Struct, frozen=True):
    """A role and its folder, None where there is none. `present`: whether the server has that folder."""

    role: FolderRole
    folder: str | None
    source: Source | None
    present: bool


def detect_folders(tree: FolderTree) -> list[FolderChoice]:
    """Return the folder of each role, as the server tells it (RFC 6154), else by what it is called."""
    told: dict[FolderRole, str] = {}
    for folder in tree.folders:
        if folder.selectable and folder.used_as:
            told.setdefault(folder.used_as, folder.name)
    choices = []
    free = [name for name in tree.names if name not in told.values()]
    for role in FolderRole:
        named = find_by_name(role, free, prefix=tree.prefix, separator=tree.separator)
        name = told.get(role) or named
        source = None if name is None else Source.SPECIAL_USE if role in told else Source.NAME
        if role is FolderRole.INBOX:
            source = Source.STANDARD
        choices.append(FolderChoice(role, name, source, name is not None))
    return choices


def describe_folders(account: Account, tree: FolderTree) -> list[FolderChoice]:
    """Return the folder of each role that is in force: that of the settings, whether it is there or not, else found."""
    choices = []
    for found in detect_folders(tree):
        name = getattr(account.folders, found.role)
        if name is None:
            choices.append(found)
        else:
            choices.append(FolderChoice(found.role, name, Source.SETTINGS, name in tree.names))
    return choices


def map_roles(choices: Iterable[FolderChoice]) -> dict[str, FolderRole]:
    """Return the role of each folder that is there and has one, by its name; the first of several."""
    roles: dict[str, FolderRole] = {}
    for choice in choices:
        if choice.folder and choice.present:
            roles.setdefault(choice.folder, choice.role)
    return roles


def find_role(account: Account, tree: FolderTree, role: FolderRole) -> str | None:
    """Return the folder of a role that is in force, None where there is none.

    Raises NotFoundError for one of the settings that the server does not have.
    """
    choice = next(choice for choice in describe_folders(account, tree) if choice.role is role)
    return require_folder(tree, choice.folder, account.address) if choice.folder else None


def require_folder(tree: FolderTree, name: str, address: str) -> str:
    """Return a folder's name as the server has it; raises NotFoundError, which lists those that there are."""
    if name in tree.names:
        return name
    if name.upper() == INBOX:
        return next((known for known in tree.names if known.upper() == INBOX), INBOX)
    from difflib import get_close_matches

    near = get_close_matches(name, tree.names, n=1, cutoff=0.7)
    meant = f"did you mean '{near[0]}'? " if near else ""
    listed = ", ".join(tree.names)
    raise NotFoundError(
        f"{address} has no folder '{name}'",
        hint=f"{meant}it has: {listed}",
        details={"account": address, "folder": name, "folders": tree.names},
    )


def require_present(choices: Iterable[FolderChoice], tree: FolderTree, address: str) -> None:
    """Raise NotFoundError for the first folder of the settings that the server does not have."""
    for choice in choices:
        if choice.folder and not choice.present:
            require_folder(tree, choice.folder, address)


def create_missing(
    folders: ImapFolders, account: Account, tree: FolderTree, roles: Sequence[FolderRole]
) -> list[FolderChoice]:
    """Create the folders of roles that have none, or one that is not there; return those created.

    Raises RefusedError or TemporaryError; what was created before stays.
    """
    created = []
    for choice in describe_folders(account, tree):
        if choice.role in roles and not choice.present:
            name = choice.folder or f"{tree.prefix}{KNOWN_NAMES[choice.role][0]}"
            folders.create(name, choice.role)
            created.append(FolderChoice(choice.role, name, Source.CREATED, present=True))
    return created


def list_missing(tree: FolderTree, names: Iterable[str]) -> list[str]:
    """Return those of the named folders that are not there, each once."""
    return [name for name in dict.fromkeys(names) if name not in tree.names and name != INBOX]


def create_folders(
    folders: ImapFolders, tree: FolderTree, names: Iterable[str], *, role: FolderRole | None = None
) -> None:
    """Create those of the named folders that are not there; `role`: what they are for, if that is known.

    Raises RefusedError, which says how folders of this mailbox begin, or TemporaryError; what was created before stays.
    """
    for name in list_missing(tree, names):
        try:
            folders.create(name, role)
        except RefusedError as error:
            if not name.startswith(tree.prefix):
                error.hint = f"folders of this mailbox begin with '{tree.prefix}': name it '{tree.prefix}{name}'"
            raise


def save_folders(address: str, choices: Iterable[FolderChoice]) -> Edit:
    """Return the edit that gives an account the folders of roles; other roles keep theirs, and INBOX needs none."""
    found = {str(choice.role): _setting(choice) for choice in choices if choice.folder}
    return lambda settings: _with_folders(settings.get_account(address), found)(settings)


def _setting(choice: FolderChoice) -> str | None:
    is_standard = choice.role is FolderRole.INBOX and choice.folder and choice.folder.upper() == INBOX
    return None if is_standard else choice.folder


def _with_folders(account: Account, found: dict[str, str | None]) -> Edit:
    merged: Folders = replace(account.folders, **found)
    return lambda settings: change_account(settings, account, folders=merged)
