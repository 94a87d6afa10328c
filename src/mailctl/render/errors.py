"""Errors as JSON, where a command goes on with the next of several messages, mailboxes or sources."""

from __future__ import annotations

from typing import Any

from mailctl.errors import MailctlError
from mailctl.exits import exit_for


def describe_error(error: MailctlError) -> dict[str, Any]:
    """Return what the JSON of a command that fails has under `error`."""
    return {
        "code": error.code,
        "exit_code": int(exit_for(error)),
        "message": error.message,
        "hint": error.hint,
        **error.details,
    }
