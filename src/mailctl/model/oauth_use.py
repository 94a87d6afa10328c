"""What an OAuth client decides of the servers and accounts that log in through it. The rule stands here alone.

A client of a known provider fixes host, port, security and authentication of both sides, by one of the provider's
presets. A client with endpoints of its own (national cloud, own server) fixes no hosts. Either way logins are by token.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from mailctl.errors import ExclusiveSettingsError, Problem
from mailctl.model.oauth import OAuthClient, Provider
from mailctl.model.preset import PRESETS, Endpoint, Preset
from mailctl.model.server import IncomingAuth, IncomingEndpoint, IncomingProtocol, Server, SmtpAuth, SmtpEndpoint

_FIXED = ("host", "port", "security")
TOKEN_AUTHS: frozenset[str] = frozenset({SmtpAuth.XOAUTH2, SmtpAuth.OAUTHBEARER})
"""The authentications that take a token; IncomingAuth has the same words."""


def find_client_preset(client: OAuthClient, smtp_host: object = None) -> Preset | None:
    """Return the preset that a client's servers follow; None where the client fixes no hosts.

    That is the provider's preset with that SMTP host, else its first.
    """
    if not client.fixes_hosts:
        return None
    presets = [preset for preset in PRESETS if preset.oauth is client.provider]
    return next((preset for preset in presets if preset.smtp.host == smtp_host), presets[0])


def require_client_preset(client: OAuthClient, preset: Preset | None) -> None:
    """Raise ExclusiveSettingsError for a preset (None: `custom`) that is not of the provider which fixes the hosts."""
    if client.fixes_hosts and (preset is None or preset.oauth is not client.provider):
        named = ", ".join(known.name for known in PRESETS if known.oauth is client.provider)
        message = f"is not one of {client.provider}'s ({named}), which the OAuth client '{client.name}' goes with"
        raise ExclusiveSettingsError([Problem("preset", message, conflict=True)])


def smtp_fields(smtp: Mapping[str, Any], preset: Preset | None) -> dict[str, Any]:
    """Return what a client makes of an outgoing side; `preset`: that which it fixes, None where it fixes no hosts."""
    if preset is not None:
        return {**preset.smtp._asdict(), "auth": SmtpAuth.XOAUTH2}
    return {"auth": _token_auth(smtp)}


def incoming_fields(incoming: Mapping[str, Any], preset: Preset | None) -> dict[str, Any]:
    """Return what a client makes of an incoming side, whose hosts follow the protocol (imap unless it is pop3)."""
    if preset is None:
        return {"auth": _token_auth(incoming), "apop": False}
    is_pop3 = incoming.get("protocol") == IncomingProtocol.POP3
    protocol = IncomingProtocol.POP3 if is_pop3 else IncomingProtocol.IMAP
    return {
        "protocol": incoming.get("protocol") or protocol,
        **preset.incoming(protocol)._asdict(),
        "auth": IncomingAuth.XOAUTH2,
        "apop": False,
    }


def _token_auth(side: Mapping[str, Any]) -> str:
    auth = side.get("auth")
    return str(auth) if auth in TOKEN_AUTHS else SmtpAuth.XOAUTH2


def server_problems(client: OAuthClient, server: Server) -> Iterator[Problem]:
    """Yield the fields of a server that contradict its client."""
    return sides_problems(client, server.smtp, server.incoming)


def sides_problems(client: OAuthClient, smtp: SmtpEndpoint, incoming: IncomingEndpoint) -> Iterator[Problem]:
    """Yield the fields of both sides of a server, or of a person's account, that contradict the client."""
    preset = find_client_preset(client, smtp.host)
    yield from smtp_problems(client, smtp)
    fixed = preset.incoming(incoming.protocol) if preset else None
    yield from _side_problems(client, "incoming", incoming, fixed)
    if incoming.apop:
        yield apop_problem(client)


def apop_problem(client: OAuthClient) -> Problem:
    return Problem("incoming.apop", f"APOP and the OAuth client '{client.name}' exclude each other", conflict=True)


def smtp_problems(client: OAuthClient, smtp: SmtpEndpoint) -> Iterator[Problem]:
    """Yield the fields of an outgoing side that contradict the client which logs in there."""
    preset = find_client_preset(client, smtp.host)
    yield from _side_problems(client, "smtp", smtp, preset.smtp if preset else None)


def _side_problems(
    client: OAuthClient, where: str, side: SmtpEndpoint | IncomingEndpoint, fixed: Endpoint | None
) -> Iterator[Problem]:
    if fixed is not None:
        for name in _FIXED:
            value, wanted = getattr(side, name), getattr(fixed, name)
            if value != wanted:
                message = f"'{value}' cannot be: the OAuth client '{client.name}' ({client.provider}) fixes '{wanted}'"
                yield Problem(f"{where}.{name}", message, conflict=True)
    allowed = frozenset[str]({SmtpAuth.XOAUTH2}) if fixed else TOKEN_AUTHS
    if side.auth not in allowed:
        message = f"'{side.auth}' cannot be: the OAuth client '{client.name}' logs in by {' or '.join(sorted(allowed))}"
        yield Problem(f"{where}.auth", message, conflict=True)


def why_no_graph(client: OAuthClient) -> str | None:
    """Say why a client cannot send through Microsoft Graph; None where it can."""
    if client.provider is Provider.MICROSOFT or client.graph_url:
        return None
    if client.provider is Provider.GOOGLE:
        return f"Microsoft Graph and the OAuth client '{client.name}' exclude each other: its provider is google"
    return f"Microsoft Graph and the OAuth client '{client.name}' exclude each other: it has no graph_url"
