"""The wizard of `server add`: asks on a terminal, proposes what follows, and tries the server before it is saved."""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import redirect_stdout
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import typer

from mailctl.cli.params import existing_file
from mailctl.cli.session import Session
from mailctl.errors import MailctlError
from mailctl.exits import Exit
from mailctl.model.oauth_use import find_client_preset, incoming_fields, require_client_preset, smtp_fields
from mailctl.model.preset import CUSTOM, PRESETS, Preset, get_preset, preset_fields, preset_remarks
from mailctl.model.server import DEFAULT_PORTS, IncomingProtocol, Protocol, Security, Server, SmtpAuth, pairing_warning
from mailctl.model.values import parse_code, parse_host, parse_name, parse_port
from mailctl.render.servers import server_in_full
from mailctl.services.catalogue.servers import build_server
from mailctl.services.fields import merge_fields, to_fields

if TYPE_CHECKING:
    from mailctl.model.oauth import OAuthClient
    from mailctl.model.report import TargetReport
    from mailctl.services.testing.check import Check, CheckOptions, LoginSource

T = TypeVar("T")
E = TypeVar("E", bound=StrEnum)


def run_wizard(session: Session, code: str | None, given: dict[str, Any], preset: str | None) -> dict[str, Any]:
    """Ask for the fields of a new server and return them; raises typer.Exit where the person does not save it.

    What was `given` is proposed. A login that is given to try the server is used and forgotten: entries of the
    catalogue have none.
    """
    return _Wizard(session, given, preset).run(code)


class _Wizard:
    def __init__(self, session: Session, given: dict[str, Any], preset: str | None) -> None:
        self._session = session
        self._say = session.terminal.say
        self._given = given
        self._preset = preset
        self._settings = session.settings_file.load()
        self._client: OAuthClient | None = None
        self._username = ""
        self._tls_failed = False

    def run(self, code: str | None) -> dict[str, Any]:
        self._say(
            "A new server for the catalogue. Enter takes what stands in [brackets]; Ctrl-C leaves, nothing saved."
        )
        self._say("")
        code = self._ask_code(code)
        name = self._given.get("name") or self._ask("Name", parse_name, default=code)
        self._client = self._ask_client()
        fields = merge_fields(self._given, self._ask_sides(), {"code": code, "name": name})
        server = self._shown(fields)
        proposed = _Step.TRY
        while True:
            match self._ask("Try it, save it, change it, or quit (t, s, c, q)", _parse_step, default=proposed):
                case _Step.TRY:
                    proposed = self._try(server)
                case _Step.CHANGE:
                    fields = merge_fields(to_fields(server), self._ask_changes(to_fields(server)))
                    server = self._shown(fields)
                    proposed = _Step.TRY
                case _Step.SAVE:
                    return to_fields(server)
                case _:
                    self._say("nothing was saved")
                    raise typer.Exit(Exit.FAILURE)

    def _shown(self, fields: Mapping[str, Any]) -> Server:
        """Show the server that fields describe, and return it."""
        server = build_server(self._settings, fields)
        terminal = self._session.terminal
        self._say("")
        terminal.say_in_full(server_in_full(server, terminal.err))
        self._say("")
        return server

    def _ask_code(self, code: str | None) -> str:
        taken = self._settings.find_server

        def free(text: str) -> str:
            parsed = parse_code(text)
            if taken(parsed):
                raise ValueError(f"a server with the code '{parsed}' exists already")
            return parsed

        if code is not None:
            try:
                return free(code)
            except ValueError as error:
                self._remark(f"{error}.")
        return self._ask("Code, short and unique (such as hq)", free)

    def _ask_client(self) -> OAuthClient | None:
        """Return the OAuth client that was given, or that a person chooses where some are registered."""
        given = self._given.get("oauth_client")
        if given is not None:
            return self._settings.get_oauth_client(given)
        clients = self._settings.oauth_clients
        if not clients or self._preset or self._given.get("smtp") or self._given.get("incoming"):
            return None
        names = ", ".join(client.name for client in clients)
        question = f"OAuth client that people log in through ({names}), or {_NO_CLIENT}"
        return self._ask(question, self._parse_client, default=_NO_CLIENT)

    def _parse_client(self, text: str) -> OAuthClient | None:
        return None if text == _NO_CLIENT else self._settings.get_oauth_client(text)

    def _ask_sides(self) -> dict[str, Any]:
        """Ask for what neither an OAuth client nor a preset gives: the incoming protocol, and both endpoints."""
        client = self._client
        if client is not None and client.fixes_hosts:
            return {"oauth_client": client.name, **self._ask_fixed(client)}
        sides = self._ask_free_sides()
        if client is not None:
            sides["smtp"].pop("auth", None)  # a preset's: the client decides it
            sides["oauth_client"] = client.name
        return sides

    def _ask_fixed(self, client: OAuthClient) -> dict[str, Any]:
        """Ask which of the provider's presets it is, where there are several, and for the incoming protocol."""
        names = [preset.name for preset in PRESETS if preset.oauth is client.provider]
        if self._preset:
            require_client_preset(client, get_preset(self._preset))
        name = self._preset or names[0]
        if len(names) > 1 and not self._preset:
            name = self._ask(f"Servers ({', '.join(names)})", _one_of_names(names), default=name)
        preset = get_preset(name)
        protocol = self._ask_protocol(preset, self._given)
        return {"smtp": smtp_fields({}, preset), "incoming": incoming_fields({"protocol": protocol}, preset)}

    def _ask_changes(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        """Ask anew for what is not fixed."""
        protocol = self._ask_protocol(None, fields)
        if self._client is None or not self._client.fixes_hosts:
            return {**self._ask_endpoints(protocol, fields), **self._ask_ca_file()}
        preset = find_client_preset(self._client, fields["smtp"]["host"])
        return {"incoming": incoming_fields({"protocol": protocol}, preset)}

    def _ask_ca_file(self) -> dict[str, Any]:
        """Ask for the authority of the server's certificate where a certificate, or TLS at all, has failed."""
        if not self._tls_failed:
            return {}
        question = f"CA file of the organisation's own authority (PEM), or {_NO_CA_FILE}"
        path = self._ask(question, _parse_ca_file, default=_NO_CA_FILE)
        return {"tls": {"ca_file": path}} if path else {}

    def _ask_free_sides(self) -> dict[str, Any]:
        """Ask for a preset, the incoming protocol, and where no preset is taken, for both endpoints."""
        preset = get_preset(self._preset) if self._preset else None
        if not (self._preset or self._given.get("smtp") or self._given.get("incoming")):
            self._remark(f"Known providers: {', '.join(known.name for known in PRESETS)}.")
            preset = self._ask(f"Provider, or {CUSTOM} for your own server", _parse_preset, default=CUSTOM)
        protocol = self._ask_protocol(preset, self._given)
        if preset is None:
            return self._ask_endpoints(protocol, self._given)
        for remark in preset_remarks(preset, protocol):
            self._remark(f"Note: {remark}.")
        self._remark(f"People log in with: {preset.login}.")
        return preset_fields(preset, protocol)

    def _ask_protocol(self, preset: Preset | None, known: Mapping[str, Any]) -> IncomingProtocol:
        if preset is not None and preset.pop3 is None:
            return IncomingProtocol.IMAP
        proposed = known.get("incoming", {}).get("protocol", IncomingProtocol.IMAP)
        return self._ask("Mail is read by imap or pop3", _one_of(IncomingProtocol), default=proposed)

    def _ask_endpoints(self, protocol: IncomingProtocol, known: Mapping[str, Any]) -> dict[str, Any]:
        smtp = self._ask_endpoint(Protocol.SMTP, known.get("smtp", {}))
        if self._client is None:
            smtp["auth"] = self._ask_auth(known.get("smtp", {}).get("auth"))
        incoming = self._ask_endpoint(Protocol(protocol), self._proposed_incoming(protocol, smtp["host"], known))
        return {"smtp": smtp, "incoming": {"protocol": protocol, **incoming}}

    def _ask_auth(self, known: str | None) -> str:
        if not self._session.terminal.confirm("Does sending need a login?", default=known != SmtpAuth.NONE):
            return SmtpAuth.NONE
        return SmtpAuth.AUTO if known in (None, SmtpAuth.NONE) else known

    def _proposed_incoming(self, protocol: IncomingProtocol, host: str, known: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return what is known of the incoming side; of another protocol, only its host."""
        incoming: Mapping[str, Any] = known.get("incoming", {})
        if incoming.get("protocol", protocol) != protocol:
            incoming = {name: incoming[name] for name in ("host",) if name in incoming}
        return {"host": host, **incoming}

    def _ask_endpoint(self, protocol: Protocol, known: Mapping[str, Any]) -> dict[str, Any]:
        name, ports = protocol.upper(), DEFAULT_PORTS[protocol]
        host = self._ask(f"{name} host", parse_host, default=known.get("host"))
        usual = ", ".join(f"{security} {port}" for security, port in ports.items())
        proposed = known.get("security", Security.TLS)
        security = self._ask(f"{name} security ({usual})", _one_of(Security), default=proposed)
        same = security == known.get("security")
        port = self._ask(f"{name} port", parse_port, default=str(known.get("port") if same else ports[security]))
        if warning := pairing_warning(protocol, port, security):
            self._remark(f"Note: {warning}.")
        return {"host": host, "port": port, "security": security}

    def _ask(self, question: str, parse: Callable[[str], T], default: str | None = None) -> T:
        return self._session.terminal.ask_for(question, parse, default)

    def _remark(self, text: str) -> None:
        """Say something beside the questions, indented."""
        self._say(f"  {text}")

    def _try(self, server: Server) -> _Step:
        """Try both sides and show the steps, with a login where the person gives one; return what to do next."""
        from mailctl.cli.testing.run import show_test
        from mailctl.services.testing.check import spare_refused_login
        from mailctl.services.testing.observation import run_check

        if self._client is not None:
            self._say("Nobody is authorised yet: this connects without a login.")
        else:
            self._ask_username()
        # Standard output is for the command's result: all of this is talk.
        with redirect_stdout(sys.stderr):
            try:
                reports: list[TargetReport] = []
                for check in self._checks(server, self._username):
                    perform = partial(run_check, spare_refused_login(check, reports))
                    reports.append(show_test(self._session, perform, title=check.target.title, what=check.what))
                    if reports[-1].exit_code == Exit.INTERRUPTED:
                        raise KeyboardInterrupt
            except MailctlError as error:
                self._session.terminal.warn(error.message)
                return _Step.CHANGE
        self._say("")
        codes = {report.exit_code for report in reports if not report.ok}
        self._tls_failed = Exit.TLS in codes
        if codes == {Exit.AUTHENTICATION}:
            return _Step.TRY  # with another login: the server itself is right
        return _Step.CHANGE if codes else _Step.SAVE

    def _ask_username(self) -> None:
        self._say("The login is used for this and not stored.")
        no_login = " (Enter: connect without a login)" * (not self._username)
        self._username = self._session.terminal.ask(f"User name{no_login}", self._username or " ").strip()

    def _checks(self, server: Server, username: str) -> Iterator[Check]:
        from mailctl.model.secret import parse_secret_ref
        from mailctl.services.testing.check import CheckOptions, Depth, LoginSource, plan_receive, plan_send
        from mailctl.services.testing.targets import server_target

        def options(login: LoginSource | None) -> CheckOptions:
            return CheckOptions(read_secret=lambda text: self._session.secrets.get(parse_secret_ref(text)), login=login)

        login, depth = None, Depth.TLS
        if username:
            password = self._session.terminal.ask_secret(f"Password of {username} (not shown)")
            login, depth = LoginSource(username=username, source="prompt", read=lambda: password), Depth.AUTH
        self._say("")
        target = server_target(server, self._session.settings_file.path.parent, is_saved=False)
        sends_with_login = server.smtp.auth is not SmtpAuth.NONE
        yield plan_send(target, options(login if sends_with_login else None), depth=depth)
        self._say("")
        yield plan_receive(target, options(login), depth=depth)


_NO_CLIENT = "none"
_NO_CA_FILE = "none"


class _Step(StrEnum):
    """What is done next with the server that was described."""

    TRY = "try"
    SAVE = "save"
    CHANGE = "change"
    QUIT = "quit"


def _parse_step(text: str) -> _Step:
    for step in _Step:
        if step.startswith(text.lower()):
            return step
    raise ValueError(f"'{text}' is none of: {', '.join(_Step)}")


def _parse_ca_file(text: str) -> str | None:
    return None if text == _NO_CA_FILE else str(existing_file(Path(text).expanduser(), "the CA file"))


def _parse_preset(text: str) -> Preset | None:
    if text in ("?", "help"):
        raise ValueError(
            f"Type one of: {', '.join(known.name for known in PRESETS)}; or {CUSTOM} to name hosts yourself"
        )
    return get_preset(text)


def _one_of_names(names: Collection[str]) -> Callable[[str], str]:
    """Return a parser of one of some names."""

    def parse(text: str) -> str:
        if text not in names:
            raise ValueError(f"'{text}' is none of: {', '.join(names)}")
        return text

    return parse


def _one_of(choices: type[E]) -> Callable[[str], E]:
    """Return a parser of one of an enumeration's values."""

    def parse(text: str) -> E:
        try:
            return choices(text.lower())
        except ValueError:
            raise ValueError(f"'{text}' is none of: {', '.join(choices)}") from None

    return parse
