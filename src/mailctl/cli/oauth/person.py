"""The person's part in authorising a mailbox: what they are told on the terminal, and what they give back."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from mailctl.cli.session import Session
from mailctl.errors import MissingInputError

if TYPE_CHECKING:
    from mailctl.model.secret import Secret
    from mailctl.oauth.device import DevicePrompt
    from mailctl.services.oauth.authorise import Person
    from mailctl.services.oauth.subjects import Subject


def has_browser() -> bool:
    """Tell whether a browser can be opened before the person's eyes: not over SSH, and not without a display."""
    if os.environ.get("SSH_CONNECTION"):
        return False
    return sys.platform in ("win32", "darwin") or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def person_at(session: Session, subject: Subject, timeout_seconds: float | None) -> Person | None:
    """Return who is asked, on the terminal; None where nobody can be."""
    from mailctl.services.oauth.authorise import Person

    terminal = session.terminal
    if not terminal.interactive:
        return None
    who = f" as {subject.username}" if subject.username else ""

    def show_url(url: str) -> None:
        terminal.say(f"Sign in{who} in the browser that opens now. If none does, open this address:\n\n  {url}\n")

    def tell_code(prompt: DevicePrompt) -> None:
        whole = (
            f"\nor open this address, which holds the code:\n\n  {prompt.complete_url}" if prompt.complete_url else ""
        )
        terminal.say(
            f"Open {terminal.err.bold(prompt.verification_url)} in any browser, sign in{who}, and enter the code"
            f"\n\n  {terminal.err.bold(prompt.user_code)}\n{whole}"
        )

    def ask_redirect(url: str) -> Secret:
        terminal.say(
            f"Open this address in any browser, and sign in{who}:\n\n  {url}\n\n"
            "At the end the browser shows that it cannot open a page of this machine: that is as it should be.\n"
            "Copy the whole address of that page."
        )
        return terminal.ask_secret("The address (not shown)")

    return Person(
        show_url=show_url,
        tell_code=tell_code,
        ask_redirect=ask_redirect,
        timeout_seconds=timeout_seconds,
    )


def read_redirect(session: Session) -> Secret:
    """Return the address that the browser ended at, from a person or standard input."""
    if session.terminal.interactive:
        return session.terminal.ask_secret("The address that the browser ended at (not shown)")
    from mailctl.credentials import forbid_core_dumps
    from mailctl.credentials.borrowed import secret_text

    forbid_core_dumps()
    redirect = secret_text(sys.stdin.buffer.read(), "standard input")
    if not redirect:
        raise MissingInputError("missing: the address that the browser ended at; standard input is empty")
    return redirect
