"""The settings file in a person's editor: a copy is edited, and taken only if it is valid and nothing else changed."""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from mailctl.durable import cause_of
from mailctl.errors import MailctlError, MissingInputError, SettingsInvalidError

if TYPE_CHECKING:
    from mailctl.cli.session import Session
    from mailctl.store import Change

_USUAL_EDITORS = ("sensible-editor", "editor", "nano", "vi", "notepad")


def edit_settings(session: Session, *, dry_run: bool) -> Change:
    """Let a person edit a copy of the settings file, again while it is not valid and they wish to, and take it.

    Raises what replacing the file raises, and MailctlError where the editor fails; an edited copy is then left where it
    is, and its path is told.
    """
    from mailctl.store.canonical import new_text

    file = session.settings_file
    before = file.read_bytes()
    copy = Path(tempfile.mkdtemp(prefix="mailctl-")) / "mailctl.toml"
    copy.write_bytes(before or new_text().encode())
    untouched = copy.read_bytes()
    try:
        while True:
            _run_editor(copy)
            edited = copy.read_bytes()
            try:
                change = file.replace(before if edited == untouched else edited, expected=before, dry_run=dry_run)
            except SettingsInvalidError as error:
                invalid = _draft_error(copy, error)
                session.terminal.warn(invalid.message)
                if not session.terminal.confirm("Edit it again?", default=True):
                    raise invalid from None
            else:
                shutil.rmtree(copy.parent)
                return change
    except MailctlError:
        if copy.read_bytes() == untouched:
            shutil.rmtree(copy.parent)
        else:
            session.terminal.say(f"what you wrote is kept in {copy}")
        raise


def _draft_error(copy: Path, error: SettingsInvalidError) -> SettingsInvalidError:
    """Return the error as one of what was written, which the settings file is not."""
    return SettingsInvalidError(
        str(copy),
        error.problems,
        named="what you wrote",
        hint=f"{error.path} was not changed; `mailctl config edit` begins with it anew",
    )


def find_editor() -> list[str]:
    """Return the command of the person's editor: VISUAL, EDITOR, or the first usual one that the machine has."""
    for name in ("VISUAL", "EDITOR"):
        if chosen := os.environ.get(name, "").strip():
            return shlex.split(chosen, posix=os.name == "posix")
    for name in _USUAL_EDITORS:
        if found := shutil.which(name):
            return [found]
    raise MissingInputError("there is no editor", hint="name one in the environment variable EDITOR")


def _run_editor(file: Path) -> None:
    command = find_editor()
    # Ctrl-C in the editor is the editor's; with a handler (unlike SIG_IGN) the editor itself starts with the default.
    interrupted = signal.signal(signal.SIGINT, lambda *_: None)
    try:
        status = subprocess.run([*command, str(file)], check=False).returncode  # noqa: S603 (the person's own choice)
    except OSError as error:
        raise MissingInputError(
            f"the editor {command[0]} cannot be started: {cause_of(error)}",
            hint="name another in the environment variable EDITOR",
        ) from error
    finally:
        signal.signal(signal.SIGINT, interrupted)
    if status:
        raise MailctlError(f"the editor {command[0]} ended with status {status}; nothing was changed")
