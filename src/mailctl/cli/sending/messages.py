"""A message in options, the way out, and what is told of it: for the commands that send one."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mailctl.cli.option_names import option_name, with_options
from mailctl.cli.params import OutputFormat
from mailctl.cli.session import Session
from mailctl.errors import InvalidValueError, MailError, MissingInputError, Problem

if TYPE_CHECKING:
    from mailctl.services.sending.compose import Draft
    from mailctl.services.sending.outbox import Outbox, Sent


def message_option(name: str, metavar: str, help: str) -> Any:  # noqa: A002 - Typer's own word
    """Return an option without a default, as those of a message are."""
    return typer.Option(name, metavar=metavar, help=help, show_default=False)


_ADDRESSES = "name@domain, 'Name <name@domain>', or several with commas between; repeatable."


@dataclass(frozen=True, kw_only=True)
class MessageOptions:
    """A message in options; a line of a batch has fields of the same names, and `headers` for `header`."""

    to: Annotated[list[str] | None, message_option("--to", "ADDRESS", _ADDRESSES)] = None
    cc: Annotated[list[str] | None, message_option("--cc", "ADDRESS", "Who gets a copy.")] = None
    bcc: Annotated[list[str] | None, message_option("--bcc", "ADDRESS", "Who gets a copy, unseen by the others.")] = (
        None
    )
    subject: Annotated[str | None, message_option("--subject", "TEXT", "In any script.")] = None
    body: Annotated[str | None, message_option("--body", "TEXT", "The message's text.")] = None
    body_file: Annotated[
        str | None, message_option("--body-file", "FILE", "A file (UTF-8) with the text; - is standard input.")
    ] = None
    html: Annotated[
        str | None, message_option("--html", "HTML", "The same in HTML, beside the text or in its place.")
    ] = None
    html_file: Annotated[str | None, message_option("--html-file", "FILE", "A file (UTF-8) with the HTML.")] = None
    attach: Annotated[list[str] | None, message_option("--attach", "FILE", "A file to attach; repeatable.")] = None
    header: Annotated[
        list[str] | None,
        message_option(
            "--header",
            "'Name: value'",
            "A field of the header; repeatable. Message-ID, Date and Reply-To take the place of mailctl's own.",
        ),
    ] = None

    def given(self) -> dict[str, Any]:
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: value for name, value in values.items() if value is not None}


def read_draft(session: Session, message: MessageOptions) -> Draft:
    """Return the draft that options describe; raises MissingInputError and InvalidValueError in options' names."""
    from mailctl.services.sending.drafts import STDIN, DraftFields, DraftReader

    given = message.given()
    headers = given.pop("header", [])
    try:
        draft = DraftReader(lambda: read_stdin(session)).read(DraftFields(**given, headers=headers))
    except MissingInputError as error:
        missing = [option_name(name) for name in error.details["missing"]]  # type: ignore[attr-defined]  # a list
        hint = "the text comes from --body TEXT, --body-file FILE, or --body-file - for standard input"
        raise MissingInputError(
            f"missing: {', '.join(missing)}", hint=hint if "--body" in missing else None, details={"missing": missing}
        ) from None
    except InvalidValueError as error:
        problems = [Problem(_option_of(problem.where), with_options(problem.message)) for problem in error.problems]
        raise InvalidValueError(problems, hint=error.hint) from None
    for name, text in (("body_file", draft.text), ("html_file", draft.html)):
        if text is not None and not text.strip() and (path := given.get(name)):
            source = "standard input" if path == STDIN else path
            session.terminal.warn(f"{option_name(name)}: there is no text in {source}")
    return draft


def _option_of(where: str) -> str:
    return "--header" if where == "headers" else option_name(where)


def read_stdin(session: Session) -> bytes:
    """Read standard input to its end; a person at a terminal is told how to end it."""
    if session.terminal.interactive:
        session.terminal.say("Type the message; it ends with Ctrl-D on a line of its own (Windows: Ctrl-Z, Enter).")
    return sys.stdin.buffer.read()


def open_outbox(session: Session, tenant: str | None) -> Outbox:
    """Return the way out, a tenant's by its code; raises SendingDisabledError before anything is contacted."""
    from mailctl.model.resolve import resolve_sending
    from mailctl.model.secret import parse_secret_ref
    from mailctl.services.sending.outbox import Outbox
    from mailctl.services.sending.switch import Switch

    switch = Switch(session.settings_file)
    settings = session.settings_file.load()
    outbox = Outbox(
        sending=resolve_sending(settings, None if tenant is None else settings.get_tenant(tenant)),
        read_secret=lambda reference: session.secrets.get(parse_secret_ref(reference)),
        open_tokens=session.open_tokens,
        folder=session.settings_file.path.parent,
        require_on=switch.require_on,
    )
    for warning in outbox.warnings:
        session.terminal.warn(warning)
    return outbox


@contextmanager
def completed(outbox: Outbox, recipient: str | None = None, *, reply_is_shown: bool = False) -> Iterator[None]:
    """Let errors of sending say what the server said, and what to do; see `complete_error`."""
    try:
        yield
    except MailError as error:
        from mailctl.render.sending import complete_error

        complete_error(error, outbox.sending, recipient=recipient, reply_is_shown=reply_is_shown)
        raise


def tell_sent(session: Session, outbox: Outbox, sent: Sent, output: OutputFormat) -> None:
    """Tell what became of a message; raises the error that refused recipients amount to."""
    from msgspec.structs import asdict

    from mailctl.render.sending import render_sent

    unfiled = describe_unfiled(outbox)
    folder = outbox.sent_folder
    if output is OutputFormat.JSON:
        filed: dict[str, Any] = {}
        if folder:
            name = None if unfiled else folder.name
            filed["filed"] = {"by": folder.filed_by, "account": folder.access.address, "folder": name}
        session.terminal.data(**asdict(sent), **filed, warnings=[*outbox.warnings, *([unfiled] if unfiled else [])])
    else:
        for line in render_sent(sent, session.terminal.out):
            session.terminal.result(line)
        if folder and folder.name and not unfiled:
            session.terminal.result(f"{session.terminal.out.dim('filed')}     {folder.name} of {folder.access.address}")
    if unfiled:
        session.terminal.warn(unfiled)
    if failure := sent.find_failure():
        with completed(outbox, next(iter(sent.refused)), reply_is_shown=output is OutputFormat.TABLE):
            raise failure


def describe_unfiled(outbox: Outbox) -> str | None:
    """Say that what was sent is not in the sent folder, and why; None where it is, or where nobody files it."""
    folder = outbox.sent_folder
    if folder is None or folder.problem is None:
        return None
    from mailctl.render.mailbox import complete_mailbox_error

    complete_mailbox_error(folder.problem, folder.access)
    hint = f" ({folder.problem.hint})" if folder.problem.hint else ""
    return f"sent, but not filed in the sent folder: {folder.problem.message}{hint}"
