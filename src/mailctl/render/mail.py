"""Folders and messages of mailboxes, for people."""

from __future__ import annotations

from mailctl.model.layout import Layout


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
