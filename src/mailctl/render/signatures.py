"""Signatures for people."""

from __future__ import annotations

from mailctl.render.style import Style


def render_parts(text: str | None, html: str | None, style: Style) -> str:
    """Return the parts of a signature, each under its name."""
    parts = [(name, part) for name, part in (("text", text), ("html", html)) if part]
    return "\n\n".join(f"{style.bold(name)}\n{part}" for name, part in parts)
