"""`mailctl signature`: the organisation's signature, from which those of its people are made."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from mailctl.cli.changes import apply_change, plain
from mailctl.cli.params import DryRun, Output, OutputFormat
from mailctl.cli.session import get_session
from mailctl.errors import InvalidValueError, NotFoundError, Problem

app = typer.Typer(help="The organisation's signature, filled in for each person.")

TextFile = Annotated[
    str | None, typer.Option("--text-file", metavar="FILE", help="Plain text (UTF-8).", show_default=False)
]
HtmlFile = Annotated[
    str | None,
    typer.Option(
        "--html-file", metavar="FILE", help="HTML (UTF-8); its pictures are seen from its folder.", show_default=False
    ),
]
Clear = Annotated[
    list[str] | None,
    typer.Option("--clear", metavar="text|html", help="Take one of the two away; repeatable.", show_default=False),
]


@app.command("set")
def set_(
    context: typer.Context,
    text_file: TextFile = None,
    html_file: HtmlFile = None,
    clear: Clear = None,
    dry_run: DryRun = False,
    output: Output = OutputFormat.TABLE,
) -> None:
    """Set the organisation's signature; what is not named stays as it is.

    {display_name}, {address} and the further fields of the accounts (--field) are filled in for each. A name that is
    unknown is refused. What an account lacks is left out with the signs around it, and a line of the text in which
    nothing could be filled in altogether. Messages of plain text have the text, without HTML and pictures.

    Examples:

      mailctl signature set --text-file signature.txt --html-file signature.html

      mailctl account signature use organisation taro@example.org
    """
    from mailctl.services.accounts.signatures import list_lacking, set_template

    session = get_session(context)
    with naming_files():
        edit = set_template(read_files(text_file, html_file), clear=clear or ())
        change = apply_change(session, plain(edit), dry_run=dry_run)
    lacking = list_lacking(change.after)
    if output is OutputFormat.JSON:
        session.terminal.data(**change.as_json(), signature=change.after.signature, lacking=lacking)
        return
    change.tell(session, "set the organisation's signature", "the signature is so already")
    for address, names in lacking.items():
        session.terminal.say(
            f"note: {address} has no {', '.join(names)}: that is left out of the signature; "
            f"`mailctl account signature show {address}` shows it"
        )


@app.command()
def show(context: typer.Context, output: Output = OutputFormat.TABLE) -> None:
    """Show the organisation's signature as it was set; `account signature show` shows it filled in."""
    session = get_session(context)
    template = session.settings_file.load().signature
    if output is OutputFormat.JSON:
        session.terminal.data(signature=template)
        return
    if template is None:
        raise NotFoundError(
            "the organisation has no signature", hint="`mailctl signature set --text-file FILE` sets it"
        )
    from mailctl.render.signatures import render_parts

    session.terminal.result(render_parts(template.text, template.html, session.terminal.out))


def read_files(text_file: str | None, html_file: str | None) -> dict[str, Any]:
    """Return the parts of a signature that files give; pictures of the HTML are found from anywhere.

    Raises InvalidValueError for files, and pictures, that cannot be read.
    """
    from mailctl.services.accounts.signatures import locate_pictures, read_signature_file

    parts = {}
    if text_file is not None:
        parts["text"] = read_signature_file(text_file, "text")
    if html_file is not None:
        html = read_signature_file(html_file, "html")
        parts["html"] = locate_pictures(html, Path(html_file).absolute().parent)
    return parts


@contextmanager
def naming_files() -> Iterator[None]:
    """Let errors name the options of the files in the place of a signature's fields."""
    options = {"text": "--text-file", "html": "--html-file"}
    try:
        yield
    except InvalidValueError as error:
        problems = [Problem(options.get(problem.where, problem.where), problem.message) for problem in error.problems]
        raise InvalidValueError(problems, hint=error.hint) from None
