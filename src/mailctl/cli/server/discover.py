"""`mailctl server discover`: find out a domain's mail servers, and save them if the administrator agrees."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mailctl.cli.params import DryRun, Output, OutputFormat, Yes
from mailctl.cli.server.fields import tell_trial
from mailctl.cli.session import Session, get_session
from mailctl.errors import MissingInputError, NotFoundError, UsageError
from mailctl.exits import Exit

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mailctl.cli.changes import AppliedChange
    from mailctl.model.server import IncomingProtocol
    from mailctl.services.discovery.ranking import Candidate, Discovery


def discover(
    context: typer.Context,
    subject: Annotated[
        str, typer.Argument(metavar="ADDRESS_OR_DOMAIN", help="Whose servers are looked for.", show_default=False)
    ],
    save: Annotated[
        str | None, typer.Option("--save", metavar="CODE", help="Add what is found to the catalogue.")
    ] = None,
    name: Annotated[
        str | None, typer.Option("--name", help="What people call it. Default: the provider.", show_default=False)
    ] = None,
    incoming_protocol: Annotated[
        str | None,
        typer.Option(
            "--incoming-protocol", metavar="imap|pop3", help="Default: imap where there is one.", show_default=False
        ),
    ] = None,
    ispdb: Annotated[
        str | None,
        typer.Option(
            "--ispdb", metavar="URL_OR_DIR", help="A mirror of Thunderbird's database, or a folder of DOMAIN.xml."
        ),
    ] = None,
    timeout: Annotated[
        float, typer.Option("--timeout", metavar="S", min=0.1, help="Seconds that each source may take.")
    ] = 5.0,
    allow_cleartext: Annotated[
        bool, typer.Option("--allow-cleartext", help="Save servers that are found in the clear alone.")
    ] = False,
    if_not_exists: Annotated[
        bool, typer.Option("--if-not-exists", help="Accept a server that is there with the same fields.")
    ] = False,
    yes: Yes = False,
    dry_run: DryRun = False,
    output: Output = OutputFormat.TABLE,
) -> None:
    """Find out the mail servers of a domain: who says what, ranked, and where they disagree.

    Asked at once: mailctl's presets, autoconfig files at the domain, Thunderbird's database, SRV and MX records, and
    for an address, Microsoft 365. An address is told to the domain's web server and to Microsoft: give the domain
    alone to keep it. Nothing is saved without --save, which asks first on a terminal; elsewhere it saves at once, but
    for what only the DNS or plain http says, which needs --yes. MAILCTL_NAMESERVER names another name server than the
    system's.

    Examples:

      mailctl server discover you@example.org

      mailctl server discover example.org --save hq

      mailctl server discover example.org --ispdb /srv/ispdb -o json
    """
    from mailctl.model.discovery import parse_question
    from mailctl.services.discovery.discover import ISPDB_URL, ask_sources
    from mailctl.services.discovery.ranking import list_cautions, rank, why_nothing

    session = get_session(context)
    question = parse_question(subject)
    protocol = _parse_protocol(incoming_protocol)
    place = _checked_database(ispdb) if ispdb else ISPDB_URL
    if session.terminal.interactive:
        session.terminal.say(f"asking about {question.title} …")
    discovery = rank(question, ask_sources(question, ispdb=place, seconds=timeout))
    if nothing := why_nothing(discovery):
        if output is OutputFormat.TABLE:
            _show_sources(session, discovery)
        raise nothing
    chosen = discovery.chosen(protocol)
    cautions = list_cautions(discovery, chosen)
    if output is OutputFormat.TABLE:
        _show(session, discovery, chosen, cautions, save)
    change = None
    if save is not None:
        server = _server(discovery, chosen, save, name)
        _require_agreement(session, chosen, server, yes=yes or dry_run, allow_cleartext=allow_cleartext or dry_run)
        change = _save(session, server, if_not_exists=if_not_exists, dry_run=dry_run)
    if output is OutputFormat.JSON:
        _print_json(session, discovery, chosen, cautions, change, save)
    elif change and save:
        change.tell(session, f"added '{save}'", f"'{save}' is so already")
        if change.changed and not dry_run:
            tell_trial(session, save)


def _parse_protocol(text: str | None) -> IncomingProtocol | None:
    from mailctl.model.server import IncomingProtocol

    if text is None:
        return None
    try:
        return IncomingProtocol(IncomingProtocol.aliases().get(text, text))
    except ValueError:
        raise UsageError(f"--incoming-protocol: '{text}' is neither imap nor pop3") from None


def _checked_database(text: str) -> str:
    """Return the URL or the folder of a database of providers; raises UsageError for what is neither."""
    from mailctl.model.endpoint_url import split_endpoint

    if "://" not in text:
        folder = Path(text).expanduser()
        if not folder.is_dir():
            raise UsageError(f"--ispdb: there is no folder {text}")
        return str(folder.absolute())
    try:
        split_endpoint(text)
    except ValueError as error:
        raise UsageError(f"--ispdb: {error}") from None
    return text


def _show(
    session: Session, discovery: Discovery, chosen: Sequence[Candidate], cautions: Sequence[str], save: str | None
) -> None:
    """Show what was found; the first of each protocol is the chosen one."""
    from mailctl.model.preset import get_preset
    from mailctl.render.discover import CANDIDATE_HEADERS, candidate_rows, render_disagreements
    from mailctl.render.wrap import wrap

    terminal = session.terminal
    terminal.table(CANDIDATE_HEADERS, candidate_rows(discovery))
    terminal.result("")
    for line in render_disagreements(discovery.disagreements, terminal.out):
        terminal.result(wrap(line, terminal.width))
    if discovery.disagreements:
        terminal.result("")
    _show_sources(session, discovery)
    for caution in cautions:
        terminal.warn(caution)
    name = discovery.preset(chosen)
    preset = get_preset(name) if name else None
    if preset:
        terminal.say(
            f"note: {preset.title}: people log in with {preset.login}" + f"; {preset.note}" * bool(preset.note)
        )
    if save is None:
        subject = discovery.question.title
        terminal.say(f"nothing is saved; `mailctl server discover {subject} --save CODE` adds the first of each")


def _show_sources(session: Session, discovery: Discovery) -> None:
    from mailctl.render.discover import SOURCE_HEADERS, source_rows

    session.terminal.table(SOURCE_HEADERS, source_rows(discovery.answers))


def _server(discovery: Discovery, chosen: Sequence[Candidate], code: str, name: str | None) -> dict[str, Any]:
    """Return the fields of the server to be saved; raises NotFoundError where one of its sides was not found."""
    from mailctl.services.discovery.ranking import server_fields

    fields = server_fields(chosen)
    missing = [side for side, key in (("an outgoing", "smtp"), ("an incoming", "incoming")) if key not in fields]
    if missing:
        raise NotFoundError(
            f"no source names {missing[0]} server of {discovery.question.domain}, and a server has both sides",
            hint=f"`mailctl server add {code}` takes what was found, and asks for the rest",
        )
    return {"code": code, "name": name or discovery.provider or discovery.question.title, **fields}


def _require_agreement(
    session: Session, chosen: Sequence[Candidate], server: dict[str, Any], *, yes: bool, allow_cleartext: bool
) -> None:
    """Go on if a person agrees, or did so by options; raises typer.Exit if not, MissingInputError without either.

    Without a person, --save is agreement by itself where everything comes from those who cannot be impersonated.
    """
    terminal = session.terminal
    clear = [side.offer for side in chosen if side.is_cleartext]
    doubtful = [side.offer for side in chosen if not side.is_authenticated]
    if clear and not allow_cleartext:
        where = ", ".join(f"{offer.protocol} {offer.host}:{offer.port}" for offer in clear)
        if not terminal.interactive:
            raise MissingInputError(
                f"{where} is in the clear, and nothing was saved",
                hint="--allow-cleartext saves it all the same; --incoming-protocol takes the other protocol",
                details={"missing": ["--allow-cleartext"]},
            )
        question = f"{where} is in the clear, so that passwords can be read on the way. Save it all the same?"
    elif terminal.interactive and not yes:
        question = f"Save it as '{server['code']}' ({server['name']})?"
    elif doubtful and not yes:
        raise MissingInputError(
            "only the DNS or plain http says so, which anybody on the way can forge; nothing was saved",
            hint="compare it with what the provider says, and add --yes",
            details={"missing": ["--yes"]},
        )
    else:
        return
    if not terminal.confirm(question):
        terminal.say("nothing was saved")
        raise typer.Exit(Exit.FAILURE)


def _save(session: Session, server: dict[str, Any], *, if_not_exists: bool, dry_run: bool) -> AppliedChange:
    from mailctl.cli.changes import apply_change, plain
    from mailctl.services.catalogue.servers import add_server

    return apply_change(session, plain(add_server(server, if_not_exists=if_not_exists)), dry_run=dry_run)


def _print_json(
    session: Session,
    discovery: Discovery,
    chosen: Sequence[Candidate],
    cautions: list[str],
    change: AppliedChange | None,
    code: str | None,
) -> None:
    from mailctl.render.discover import discovery_as_json
    from mailctl.services.discovery.ranking import server_fields

    fields = server_fields(chosen)
    found = discovery_as_json(discovery, chosen, fields if len(fields) == 2 else None, cautions)
    if change and code:
        found |= {**change.as_json(), "server": change.after.get_server(code)}
    session.terminal.data(**found)
