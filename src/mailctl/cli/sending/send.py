"""`mailctl send`: send a message, or a batch of them, in the organisation's name, a tenant's or a person's."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mailctl.cli.params import Output, OutputFormat, expand_options
from mailctl.cli.sending.messages import (
    MessageOptions,
    completed,
    describe_unfiled,
    message_option,
    read_draft,
    read_stdin,
    tell_sent,
)
from mailctl.cli.sending.sender_choice import SenderChoice, open_way_out
from mailctl.cli.session import Session, get_session
from mailctl.errors import MailctlError, MailError, UsageError
from mailctl.protocol.reasons import Reason

if TYPE_CHECKING:
    from mailctl.services.sending.batch import BatchLine
    from mailctl.services.sending.compose import Draft
    from mailctl.services.sending.outbox import Outbox

_STDIN = "-"


@expand_options
def send(
    context: typer.Context,
    message: MessageOptions,
    choice: SenderChoice,
    batch: Annotated[
        str | None,
        message_option("--batch", "FILE.jsonl", "Many messages, a JSON object a line; - is standard input."),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show the route and the message as it would be sent; contact nobody.")
    ] = False,
    output: Output = OutputFormat.TABLE,
) -> None:
    """Send a message through the system mail account, and say what the server answered.

    A tenant (--tenant) sends in its own name, and through its own server if it has one. A person (--account, --owner)
    sends from an account of theirs, with its signature, and the message is filed in its sent folder. Recipients that
    the server refuses are named, and the others are served. With --batch, each line holds to, cc, bcc, subject, body,
    body_file, html, html_file, attach, headers. All lines are checked before anything is sent; then the messages go
    over one connection, and a JSON object a line says what became of each. What may have been sent is never sent again.

    Examples:

      mailctl send --to ops@example.org --subject Backup --body 'All is well.' --header 'Auto-Submitted: auto-generated'

      mailctl send --to ops@example.org --subject Log --body-file - --attach backup.log

      mailctl send --tenant acme --to ops@example.org --body 'All is well.' --dry-run

      mailctl send --owner taro --from office@example.org --to hanako@example.org --subject Hello --body Hello

      mailctl send --batch messages.jsonl
    """
    session = get_session(context)
    if batch is None:
        _send_one(session, message, choice, dry_run=dry_run, output=output)
        return
    if excluded := [f"--{name.replace('_', '-')}" for name in message.given()]:
        raise UsageError(f"--batch excludes {', '.join(excluded)}: each line says that for its own message")
    _send_batch(session, batch, choice, dry_run=dry_run)


def _send_one(
    session: Session, message: MessageOptions, choice: SenderChoice, *, dry_run: bool, output: OutputFormat
) -> None:
    draft = read_draft(session, message)
    with open_way_out(session, choice) as outbox:
        if dry_run:
            _rehearse(session, outbox, draft, output)
            return
        first = (*draft.to, *draft.cc, *draft.bcc)[0]
        with completed(outbox, str(first.address)):
            sent = outbox.send(draft)
        tell_sent(session, outbox, sent, output)


def _rehearse(session: Session, outbox: Outbox, draft: Draft, output: OutputFormat) -> None:
    from mailctl.render.sending import describe_message, render_content, render_route

    message = outbox.prepare(draft)
    if output is OutputFormat.JSON:
        described = describe_message(outbox.sending, outbox.roles, message)
        session.terminal.data(dry_run=True, **described, warnings=outbox.warnings)
        return
    for line in render_route(outbox.sending, outbox.roles, message, session.terminal.out):
        session.terminal.result(line)
    session.terminal.result("\n" + render_content(message))
    session.terminal.say("dry run, nothing was sent")


def _send_batch(session: Session, source: str, choice: SenderChoice, *, dry_run: bool) -> None:
    from mailctl.render.sending import describe_message
    from mailctl.services.sending.batch import check_batch, exit_of_batch, read_batch
    from mailctl.services.sending.drafts import DraftReader

    name = "standard input" if source == _STDIN else source
    lines = read_batch(_read_source(session, source), DraftReader(), name)
    with open_way_out(session, choice) as outbox:
        if not lines:
            session.terminal.warn(f"--batch: there is no message in {name}; nothing was sent")
            return
        check_batch(outbox, lines)
        if dry_run:
            for line in lines:
                described = describe_message(outbox.sending, outbox.roles, outbox.prepare(line.draft))
                _print_line(session, {"line": line.number, "dry_run": True, **described})
            return
        failures = _deliver(session, outbox, lines)
        session.terminal.say(f"{len(lines) - len(failures)} of {len(lines)} messages sent to all their recipients")
        if unfiled := describe_unfiled(outbox):
            session.terminal.warn(unfiled)
    if failures:
        raise typer.Exit(exit_of_batch(failures))


def _read_source(session: Session, source: str) -> bytes:
    if source == _STDIN:
        return read_stdin(session)
    try:
        return Path(source).read_bytes()
    except OSError as error:
        from mailctl.durable import cause_of

        raise UsageError(f"--batch: {source} cannot be read: {cause_of(error)}") from None


def _deliver(session: Session, outbox: Outbox, lines: Sequence[BatchLine]) -> list[MailctlError]:
    """Send a batch, say on standard output what becomes of each message, and return the failures."""
    from mailctl.render.sending import complete_error, describe_result
    from mailctl.services.sending.batch import send_batch

    failures = []
    waiting = iter(lines)
    with _progress(session, len(lines)) as advance, closing(send_batch(outbox, lines)) as results:
        try:
            for result in results:
                if not _is_interruption(result.error):
                    next(waiting)
                if result.error:
                    complete_error(result.error, outbox.sending)
                    failures.append(result.error)
                _print_line(session, describe_result(result))
                advance()
        except KeyboardInterrupt:
            for line in waiting:
                session.terminal.warn(f"the message of line {line.number} may have been sent; those after it were not")
                break
            raise
    return failures


def _is_interruption(error: MailctlError | None) -> bool:
    return isinstance(error, MailError) and error.reason == Reason.INTERRUPTED


def _print_line(session: Session, described: dict[str, Any]) -> None:
    """Write a line of JSON to standard output, to be seen at once."""
    import msgspec

    from mailctl.cli.terminal import SCHEMA_VERSION

    line = msgspec.json.encode({"schema_version": SCHEMA_VERSION, **described}).decode()
    try:
        session.terminal.result(line)
        session.terminal.flush()
    except BrokenPipeError:
        # Nobody reads on. The messages are still to be sent, and the exit code is still to be right.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


@contextmanager
def _progress(session: Session, count: int) -> Iterator[Callable[[], object]]:
    """Show on standard error, where that is a screen and the results go elsewhere, how far a batch has come."""
    if session.terminal.quiet or not sys.stderr.isatty() or sys.stdout.isatty():
        yield lambda: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

    console = Console(stderr=True, no_color=not session.terminal.err.enabled)
    columns = ("sending", BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, redirect_stdout=False) as progress:
        task = progress.add_task("", total=count)
        yield lambda: progress.advance(task)
