"""The wizard of `server add`: asks on a terminal, proposes what follows, and tries the server before it is saved."""

from __future__ import annotations

from typing import Any

import typer

from mailctl.cli.session import Session
from mailctl.errors import InvalidValueError, MailctlError
from mailctl.model.preset import CUSTOM, PRESETS, get_preset, preset_fields, preset_remarks
from mailctl.model.server import DEFAULT_PORTS, IncomingProtocol, Protocol, Security, Server
from mailctl.model.values import parse_code, parse_host, parse_name, parse_port
from mailctl.services.fields import merge_fields


def run_wizard(session: Session, code: str | None, given: dict[str, Any]) -> dict[str, Any]:
    """Ask for the fields of a new server and return them; raises typer.Exit(1) where the person does not save it.

    A login that is given to try the server is used once and forgotten: entries of the catalogue have none.
    """
    say = session.terminal.say
    say("A new server for the catalogue. Enter takes what stands in brackets; Ctrl-C leaves, with nothing saved.")
    if code is None:
        code = _ask(session, "Code (short and unique, e.g. hq)", parse_code)
    if session.settings_file.load().find_server(code):
        say(f"A server with the code '{code}' exists already.")
        code = _ask(session, "Another code", parse_code)
    name = given.get("name") or _ask(session, "Name", parse_name, default=code)
    say("Presets: " + ", ".join([*(preset.name for preset in PRESETS), CUSTOM]))
    preset = _ask(session, "Preset", get_preset, default=CUSTOM)
    protocol = _ask(session, "Incoming protocol (imap, pop3)", IncomingProtocol, default="imap")
    if preset is not None:
        fields = preset_fields(preset, protocol)
        for remark in preset_remarks(preset, protocol):
            say(f"note: {remark}")
    else:
        smtp = _ask_endpoint(session, Protocol.SMTP, None)
        incoming = _ask_endpoint(session, Protocol(protocol), smtp["host"])
        fields = {"smtp": {**smtp, "auth": "auto"}, "incoming": {"protocol": protocol, **incoming}}
    fields = merge_fields(fields, given, {"code": code, "name": name})
    _try_server(session, fields)
    if not session.terminal.confirm(f"Save '{code}'?", default=True):
        say("nothing was saved")
        raise typer.Exit(1)
    return fields


def _ask(session: Session, question: str, parse: Any, default: str | None = None) -> Any:
    """Ask until the answer follows its rule."""
    while True:
        answer = session.terminal.ask(question, default)
        try:
            return parse(answer)
        except ValueError as error:
            session.terminal.say(f"  {error}")
        except MailctlError as error:
            session.terminal.say(f"  {error.message}; {error.hint}")


def _ask_endpoint(session: Session, protocol: Protocol, proposed_host: str | None) -> dict[str, Any]:
    name = protocol.upper()
    host = _ask(session, f"{name} host", parse_host, default=proposed_host)
    usual = ", ".join(f"{security} {port}" for security, port in DEFAULT_PORTS[protocol].items())
    security = _ask(session, f"{name} security ({usual})", Security, default="tls")
    port = _ask(session, f"{name} port", parse_port, default=str(DEFAULT_PORTS[protocol][security]))
    return {"host": host, "port": port, "security": security}


def _try_server(session: Session, fields: dict[str, Any]) -> None:
    """Try both sides with a login that is asked for, if the person wants to, and show the steps."""
    from mailctl.cli.testing import show_check
    from mailctl.model.decode import decode_or_raise
    from mailctl.model.secret import parse_secret_ref
    from mailctl.services.check import CheckOptions, Depth, LoginSource, plan_receive, plan_send

    server = decode_or_raise(Server, fields)
    session.terminal.say("The server can be tried now. The login is used for this and not stored.")
    username = session.terminal.ask("User name (Enter: connect without a login; 'skip': do not try)", " ")
    if username == "skip":
        return
    login, depth = None, Depth.TLS
    if username.strip():
        password = session.terminal.ask_secret("Password")
        login, depth = LoginSource(username=username.strip(), source="prompt", read=lambda: password), Depth.AUTH
    options = CheckOptions(read_secret=lambda reference: session.secrets.get(parse_secret_ref(reference)), login=login)
    try:
        for check in (plan_send(server, options, depth=depth), plan_receive(server, options, depth=depth)):
            show_check(session, check)
    except InvalidValueError as error:
        session.terminal.warn(error.message)
