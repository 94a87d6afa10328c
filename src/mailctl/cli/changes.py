"""Changes of the settings as commands make them: carried out or rehearsed, and told in one way."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from mailctl.cli.session import Session
    from mailctl.model.settings import Settings
    from mailctl.store import Change


class Outcome:
    """What a change did, or would do, and how that is told."""

    def __init__(self, change: Change, *, dry_run: bool) -> None:
        self._change = change
        self._dry_run = dry_run
        self.before: Settings = change.before
        self.after: Settings = change.after

    @property
    def changed(self) -> bool:
        return self._change.changed

    def as_json(self) -> dict[str, Any]:
        """Return the fields that every change answers with `-o json`."""
        rehearsal = {"dry_run": True, "diff": self._change.diff} if self._dry_run else {}
        return {"changed": self._change.changed, **rehearsal}

    def tell(self, session: Session, done: str, unchanged: str) -> None:
        """Tell a person what was done; of a dry run, show the difference on standard output."""
        if not self._change.changed:
            session.terminal.say(f"nothing to change: {unchanged}" if unchanged else "nothing to change")
        elif self._dry_run:
            session.terminal.result(self._change.diff)
            session.terminal.say(f"dry run, nothing was written; would have: {done}")
        else:
            session.terminal.say(done)


def apply_change(session: Session, edit: Callable[[Settings], Settings], *, dry_run: bool = False) -> Outcome:
    """Carry out an edit of the settings in one transaction, or only work out what it would change."""
    from mailctl.durable import Durability

    file = session.settings_file
    for warning in file.loaded.warnings:
        session.terminal.warn(f"{file.path}: {warning}")
    change = file.change(edit, dry_run=dry_run)
    if change.durability is Durability.UNCONFIRMED:
        session.terminal.warn(f"{file.path} is saved, but the disk did not confirm it: check the disk")
    return Outcome(change, dry_run=dry_run)
