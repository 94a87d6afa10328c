"""How somebody's mail is listed: pure edits of the settings. Only what differs from the usual layout is kept."""

from __future__ import annotations

from msgspec.structs import replace

from mailctl.model.layout import Layout, resolve_layout
from mailctl.model.settings import Edit, Settings


def get_layout(settings: Settings, owner: str) -> Layout:
    """Return an owner's layout; raises NotFoundError for who has no account."""
    return resolve_layout(settings.layouts, settings.get_main_account(owner).owner)


def set_layout(owner: str, *, threads: bool | None = None, merge: bool | None = None) -> Edit:
    """Return the edit that changes an owner's layout; None leaves a switch as it is.

    Raises NotFoundError for who has no account.
    """

    def edit(settings: Settings) -> Settings:
        present = get_layout(settings, owner)
        given = {name: value for name, value in (("threads", threads), ("merge", merge)) if value is not None}
        wanted = replace(present, **given)
        if wanted == present:
            return settings
        layouts = [wanted if layout is present else layout for layout in settings.layouts]
        if present not in settings.layouts:
            layouts.append(wanted)
        usual = Layout(owner=present.owner)
        return replace(settings, layouts=tuple(layout for layout in layouts if layout != usual))

    return edit


def without_idle_layouts(settings: Settings) -> Settings:
    """Return the settings without the layouts of those who have no account any more."""
    owners = {account.owner for account in settings.accounts}
    layouts = tuple(layout for layout in settings.layouts if layout.owner in owners)
    return settings if len(layouts) == len(settings.layouts) else replace(settings, layouts=layouts)
