"""Where a secret is, and whether it is there, for people."""

from __future__ import annotations

from mailctl.render.style import Style


def render_presence(present: bool | None, problem: str | None, style: Style) -> str:
    """Return whether a secret is there. `present`: None where that is not known; `problem`: why it cannot be had."""
    if present:
        return style.green("there")
    if present is False:
        return style.red("missing")
    return style.red(problem) if problem else "not looked at, commands are not run here"
