"""How somebody's mail is listed: in threads or not, all accounts' folders as one list or each by itself."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable

from msgspec import Struct

from mailctl.model.account import Owner


class Layout(Struct, frozen=True, kw_only=True):
    """The layout of an owner's mail. `merge`: the same folder of all accounts is one list."""

    owner: Owner
    threads: bool = False
    merge: bool = True


def resolve_layout(layouts: Iterable[Layout], owner: str) -> Layout:
    """Return an owner's layout: the one that was set, else the usual one."""
    owner = unicodedata.normalize("NFC", owner)
    return next((layout for layout in layouts if layout.owner == owner), Layout(owner=owner))
