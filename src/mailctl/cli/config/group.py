"""`mailctl config`: where the settings file is, whether it is valid, its schema, editing it, taking a change back."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from mailctl.cli.params import DryRun, Output, OutputFormat
from mailctl.cli.session import Session, get_session
from mailctl.errors import MissingInputError, SecretError, SettingsInvalidError
from mailctl.exits import Exit

if TYPE_CHECKING:
    from mailctl.store import Change

_MOST_LINES = 20

app = typer.Typer(help="The settings file: where it is, whether it is valid, and its last change taken back.")


@app.command()
def path(context: typer.Context, output: Output = OutputFormat.TABLE) -> None:
    """Show which settings file is used, whether it exists yet or not."""
    session = get_session(context)
    if output is OutputFormat.JSON:
        session.terminal.data(path=str(session.config_path), exists=session.config_path.exists())
    else:
        session.terminal.result(str(session.config_path))


@app.command()
def validate(context: typer.Context, output: Output = OutputFormat.TABLE) -> None:
    """Name every problem of the settings file with its line, and what is odd in it. Exits 5 if there are any."""
    session = get_session(context)
    terminal = session.terminal
    problems, warnings = [], []
    try:
        warnings = session.settings_file.validate()
    except SettingsInvalidError as error:
        problems = list(error.problems)
    exists = session.config_path.exists()
    if output is OutputFormat.JSON:
        terminal.data(
            path=str(session.config_path),
            exists=exists,
            valid=not problems,
            problems=[problem.as_json() for problem in problems],
            warnings=[warning.as_json() for warning in warnings],
        )
    elif found := [("problem", problem) for problem in problems] + [("warning", warning) for warning in warnings]:
        rows = [(kind, str(each.line or ""), each.where, each.message) for kind, each in found]
        terminal.table(("KIND", "LINE", "WHERE", "WHAT"), rows)
    if problems:
        terminal.say(f"{session.config_path} is not valid; correct it with `mailctl config edit`")
        raise typer.Exit(Exit.SETTINGS)
    terminal.say(f"{session.config_path} is valid" if exists else f"{session.config_path} does not exist yet")


@app.command()
def schema(context: typer.Context, output: Output = OutputFormat.TABLE) -> None:
    """Print the JSON Schema of the settings file, for editors that check and complete TOML."""
    from mailctl.cli.terminal import encode_json
    from mailctl.store.schema import settings_schema

    terminal = get_session(context).terminal
    if output is OutputFormat.JSON:
        terminal.data(schema=settings_schema())
    else:
        terminal.result(encode_json(settings_schema()))


@app.command()
def edit(context: typer.Context, dry_run: DryRun = False, output: Output = OutputFormat.TABLE) -> None:
    """Open the settings file in an editor (VISUAL, EDITOR); what is saved there is taken if it is valid."""
    from mailctl.cli.config.editor import edit_settings

    session = get_session(context)
    if not session.terminal.interactive:
        raise MissingInputError(
            "an editor needs a terminal, and there is none here",
            hint=f"change {session.config_path} itself, and check it with `mailctl config validate`",
        )
    change = edit_settings(session, dry_run=dry_run)
    _tell(session, change, f"saved: {session.config_path}", "the file says what it said", dry_run, output)


@app.command()
def undo(context: typer.Context, dry_run: DryRun = False, output: Output = OutputFormat.TABLE) -> None:
    """Take the last change of the settings file back, byte for byte; a second undo brings it again.

    Secrets do not come back: those that the settings name again and that are gone are listed.
    """
    session = get_session(context)
    change = session.settings_file.undo(dry_run=dry_run)
    if change.changed and not dry_run:
        from mailctl.services.accounts.ledger_owner import bring_back

        bring_back(session.settings_file.path, change.before, change.after)
    gone = _missing_secrets(session, change)
    done, nothing = "took the last change back", f"no change of {session.config_path} is kept that could be taken back"
    _tell(session, change, f"{done}: {session.config_path}", nothing, dry_run, output, secrets_missing=gone)
    if change.changed and not dry_run and output is OutputFormat.TABLE:
        _tell_lines(session, change)
    for name in gone:
        session.terminal.warn(f"the secret {name} is named again, but is gone: `mailctl secret set {name}` sets it")


def _tell(
    session: Session,
    change: Change,
    done: str,
    unchanged: str,
    dry_run: bool,
    output: OutputFormat,
    **fields: object,
) -> None:
    from mailctl.cli.changes import AppliedChange

    outcome = AppliedChange(change, dry_run=dry_run)
    if output is OutputFormat.JSON:
        session.terminal.data(**outcome.as_json(), **fields)
    else:
        outcome.tell(session, done, unchanged)


def _tell_lines(session: Session, change: Change) -> None:
    """Say which lines an undo, which may itself be the change taken back, has exchanged."""
    lines = [line for line in change.diff.splitlines() if line[:1] in ("+", "-") and line[:3] not in ("+++", "---")]
    for line in lines[:_MOST_LINES]:
        session.terminal.say(f"  {line}")
    if len(lines) > _MOST_LINES:
        session.terminal.say(f"  and {len(lines) - _MOST_LINES} lines more")
    session.terminal.say("`mailctl config undo` once more exchanges them again")


def _missing_secrets(session: Session, change: Change) -> list[str]:
    """Return the names of the stored secrets that a change names again, and that are not there (any more)."""
    from mailctl.services.secrets.slots import list_references, list_slots

    known = list_references(change.before)
    gone = []
    for slot in list_slots(change.after):
        if slot.reference is None or slot.reference.borrowed or slot.reference in known:
            continue
        try:
            if not session.secrets.with_options(change.after.secrets).exists(slot.reference):
                gone.append(slot.name)
        except (SecretError, SettingsInvalidError) as error:
            session.terminal.warn(f"whether the secret {slot.name} is still there is not known: {error.message}")
    return gone
