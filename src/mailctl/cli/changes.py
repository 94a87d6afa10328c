"""Changes of the settings as commands make them: carried out or rehearsed, and told in one way."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer

from mailctl.exits import Exit

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from mailctl.cli.session import Session
    from mailctl.model.secret import Secret
    from mailctl.model.settings import Settings
    from mailctl.services.secrets.transactions import SecretsChange, SecretsEdit
    from mailctl.store import Change


class AppliedChange:
    """What a change did, or would do, and how that is told."""

    def __init__(self, change: Change, *, dry_run: bool, changed: bool | None = None) -> None:
        """`changed`: whether anything changed at all, secrets included; None if it was about settings alone."""
        self._diff = change.diff if dry_run else ""
        self._dry_run = dry_run
        self.changed = change.changed if changed is None else changed
        self.before: Settings = change.before
        self.after: Settings = change.after

    def as_json(self) -> dict[str, Any]:
        """Return the fields that every change answers with `-o json`."""
        rehearsal = {"dry_run": True, "diff": self._diff} if self._dry_run else {}
        return {"changed": self.changed, **rehearsal}

    def tell(self, session: Session, done: str, unchanged: str) -> None:
        """Tell a person what was done; of a dry run, show the difference on standard output."""
        if not self.changed:
            session.terminal.say(f"nothing to change: {unchanged}" if unchanged else "nothing to change")
        elif self._dry_run:
            if self._diff:
                session.terminal.result(self._diff)
            session.terminal.say(f"dry run, nothing was written; without --dry-run: {done}")
        else:
            session.terminal.say(done)


def plain(edit: Callable[[Settings], Settings]) -> SecretsEdit:
    """Return an edit that needs no new secrets in the form that `apply_change` takes."""
    return lambda settings, _references: edit(settings)


def agree_to_delete(session: Session, question: str, *, yes: bool, dry_run: bool) -> None:
    """Ask before something is deleted, unless it is a rehearsal; raises typer.Exit where it is not to be."""
    if not dry_run and not session.terminal.require_agreement(question, yes=yes):
        session.terminal.say("nothing was deleted")
        raise typer.Exit(Exit.FAILURE)


def apply_change(
    session: Session, edit: SecretsEdit, *, new: Mapping[str, Secret] | None = None, dry_run: bool = False
) -> AppliedChange:
    """Carry out an edit of the settings in one transaction, or only work out what it would change.

    `new` secrets are stored under their names first; those that nothing names any more are deleted afterwards.
    """
    from mailctl.durable import Durability
    from mailctl.services.secrets.transactions import change_with_secrets

    file = session.settings_file
    for warning in file.loaded.warnings:
        session.terminal.warn(f"{file.path}: {warning}")
    folder = file.path.absolute().parent
    makes_folder = session.config is not None and not folder.exists()
    change = change_with_secrets(file, session.secrets, edit, new, dry_run=dry_run)
    if makes_folder and folder.exists():
        session.terminal.say(f"note: made the folder {folder}, which was not there, for the settings")
    if change.settings.durability is Durability.UNCONFIRMED:
        session.terminal.warn(f"{file.path} is saved, but the disk did not confirm it: check the disk")
    for orphan in change.orphans:
        session.terminal.warn(f"the secret {orphan} could not be deleted; `mailctl secret status` shows what is left")
    return as_applied(change, dry_run=dry_run)


def as_applied(change: SecretsChange, *, dry_run: bool) -> AppliedChange:
    """Return a change of settings and secrets as it is told."""
    return AppliedChange(change.settings, dry_run=dry_run, changed=change.changed)
