"""`mailctl account signature`: what stands below a person's messages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from mailctl.cli.account.options import Address
from mailctl.cli.changes import AppliedChange, apply_change, plain
from mailctl.cli.completion import words
from mailctl.cli.params import DryRun, Output, OutputFormat
from mailctl.cli.session import Session, get_session
from mailctl.cli.signature import Clear, HtmlFile, TextFile, naming_files, read_files
from mailctl.errors import InvalidValueError, Problem
from mailctl.model.signature import Signature, SignatureUse

if TYPE_CHECKING:
    from mailctl.model.settings import Settings

app = typer.Typer(help="What stands below a person's messages: nothing, their own signature, or the organisation's.")


@app.command()
def show(context: typer.Context, address: Address, output: Output = OutputFormat.TABLE) -> None:
    """Show the signature as it goes below the messages of `send --account` and `send --owner`."""
    from mailctl.services.accounts.signatures import fill_signature

    session = get_session(context)
    settings = session.settings_file.load()
    if output is OutputFormat.JSON:
        session.terminal.data(signature=_as_json(settings, address))
        return
    account = settings.get_account(address)
    filled = fill_signature(settings, account)
    if filled is None:
        session.terminal.say(f"{account.address} has no signature in use; `mailctl account signature use` chooses one")
        return
    from mailctl.render.signatures import render_parts

    session.terminal.result(render_parts(filled.text, filled.html, session.terminal.out))


@app.command("set")
def set_(
    context: typer.Context,
    address: Address,
    text_file: TextFile = None,
    html_file: HtmlFile = None,
    clear: Clear = None,
    dry_run: DryRun = False,
    output: Output = OutputFormat.TABLE,
) -> None:
    """Set an account's own signature, and use it; what is not named stays as it is.

    It goes out as it stands: fields such as {display_name} are filled in in the organisation's alone. Of text and HTML,
    one is made from the other where it lacks; a message has that of its own form, so that one of plain text has neither
    HTML nor pictures. Pictures of the HTML are files, which travel inside the messages, or https: addresses.

    Examples:

      mailctl account signature set --text-file taro.txt --html-file taro.html taro@example.org
    """
    from mailctl.services.accounts.signatures import list_left_as_written, set_own_signature

    session = get_session(context)
    account = session.settings_file.load().get_account(address)
    with naming_files():
        edit = set_own_signature(account.address, read_files(text_file, html_file), clear=clear or ())
        change = apply_change(session, plain(edit), dry_run=dry_run)
    _tell(session, change, account.address, f"{account.address} has a signature of its own", output)
    if names := list_left_as_written(change.after, change.after.get_account(account.address)):
        braced = ", ".join(f"{{{name}}}" for name in names)
        session.terminal.warn(f"{braced} goes out as it stands: only the organisation's signature is filled in")


@app.command()
def use(
    context: typer.Context,
    which: Annotated[
        str,
        typer.Argument(metavar="|".join(SignatureUse), autocompletion=words(*SignatureUse), show_default=False),
    ],
    address: Address,
    dry_run: DryRun = False,
    output: Output = OutputFormat.TABLE,
) -> None:
    """Choose the signature of an account's messages; its own is kept while it is not used.

    Examples:

      mailctl account signature use organisation taro@example.org
    """
    from mailctl.services.accounts.signatures import list_lacking, use_signature

    session = get_session(context)
    chosen = SignatureUse.aliases().get(which, which)
    if chosen not in set(SignatureUse):
        raise InvalidValueError(
            [Problem("|".join(SignatureUse), f"'{which}' is none of them")],
            hint="it stands before the address: `mailctl account signature use organisation ADDRESS`",
        )
    account = session.settings_file.load().get_account(address)
    change = apply_change(session, plain(use_signature(account.address, SignatureUse(chosen))), dry_run=dry_run)
    _tell(session, change, account.address, f"signature of {account.address}: {chosen}", output)
    if names := list_lacking(change.after).get(account.address):
        session.terminal.say(
            f"note: {account.address} has no {', '.join(names)}: that is left out of the signature; "
            f"`mailctl account signature show {account.address}` shows it"
        )


def _tell(session: Session, change: AppliedChange, address: str, done: str, output: OutputFormat) -> None:
    if output is OutputFormat.JSON:
        session.terminal.data(**change.as_json(), signature=_as_json(change.after, address))
    else:
        change.tell(session, done, "the signature is so already")


def _as_json(settings: Settings, address: str) -> dict[str, Any]:
    """Return an account's signature as it is set, and as it goes below messages (`filled`)."""
    import msgspec

    from mailctl.services.accounts.signatures import fill_signature

    account = settings.get_account(address)
    filled = fill_signature(settings, account)
    return {
        "account": account.address,
        **msgspec.to_builtins(account.signature or Signature()),
        "filled": filled
        and {
            "text": filled.text,
            "html": filled.html,
            "pictures": [{"content_id": one.content_id, "filename": one.filename} for one in filled.pictures],
        },
    }
