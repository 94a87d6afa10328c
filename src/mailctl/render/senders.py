"""Whoever sends for the organisation, for people: facts under their names."""

from __future__ import annotations

from collections.abc import Iterator

from mailctl.model.resolve import Sending
from mailctl.model.server import Security, SmtpAuth
from mailctl.render.facts import Fact
from mailctl.render.secrets import render_presence
from mailctl.render.servers import address, tls_facts
from mailctl.render.style import Style
from mailctl.services.oauth.grant_state import GrantState
from mailctl.services.secrets.state import SecretState
from mailctl.services.senders.senders import LoginState


def name_facts(sending: Sending) -> Iterator[Fact]:
    """Yield in whose name messages go out."""
    yield "from", f"{sending.sender_name} <{sending.address}>" if sending.sender_name else sending.address
    if sending.reply_to:
        yield "reply to", sending.reply_to
    yield "envelope from", sending.envelope_from
    if sending.local_recipient:
        yield "local recipient", f"{sending.local_recipient} gets mail for names without a domain"
    yield "utf-8 headers", utf8_headers(sending)


def utf8_headers(sending: Sending) -> str:
    """Return whether an address with characters beyond ASCII before the @ can be written to (SMTPUTF8)."""
    if sending.graph:
        return "Microsoft Graph takes them"
    return "where the server offers them" if sending.smtputf8 else "no"


def server_facts(sending: Sending, detached_from: str | None, style: Style) -> Iterator[Fact]:
    """Yield what sends. `detached_from`: the catalogue server that a dedicated one is a copy of."""
    if sending.smtp is None:
        yield "server", "Microsoft Graph, no SMTP server"
        if sending.tls.ca_file:
            yield "tls", f"trusts only {sending.tls.ca_file}"
        return
    where = f"smtp {address(sending.endpoint)}"
    if sending.server:
        yield "server", f"'{sending.server}' of the catalogue: {where}"
    else:
        detached = style.yellow(f", a copy of '{detached_from}'") if detached_from else ""
        yield "server", f"dedicated: {where}{detached}"
    yield "server", f"time-out {sending.endpoint.timeout} s"
    if not sending.server and sending.endpoint.security is not Security.NONE:
        yield from (("tls", fact) for fact in tls_facts(sending.tls, style))


def login_facts(sending: Sending) -> Iterator[Fact]:
    """Yield which login sends, and what comes before."""
    if sending.oauth_client:
        how = "Microsoft Graph" if sending.smtp is None else sending.smtp.auth
        yield "login", f"{sending.username} by {how}, with the OAuth client '{sending.oauth_client.name}'"
        return
    if sending.endpoint.auth is not SmtpAuth.NONE:
        yield "login", f"{sending.username or 'no user name'} by {sending.endpoint.auth}"
        return
    pop = sending.pop_before_smtp
    if pop is None:
        yield "login", "none, the server wants none"
        return
    method = "apop" if pop.apop else "pop3"
    yield "pop before smtp", f"{method} {address(pop.endpoint)}, as {pop.username or 'nobody'}"
    yield "pop before smtp", f"waits {pop.wait} s before sending, time-out {pop.timeout} s"


def state_facts(login: LoginState, style: Style) -> Iterator[Fact]:
    """Yield whether the login is authorised, where that is by OAuth, and where the secrets are."""
    if login.grant:
        yield "oauth", _grant(login.grant, style)
    for secret in login.secrets:
        yield "secret", _secret(secret, style)


def _grant(grant: GrantState, style: Style) -> str:
    condition = grant.condition.replace("-", " ").capitalize()
    if grant.why is None:
        return style.green(condition)
    return f"{style.yellow(condition)}: {grant.why}; `{grant.next}`"


def _secret(secret: SecretState, style: Style) -> str:
    place, _, name = secret.reference.partition(":")
    where = f"in the {place}" if name.endswith(secret.name) else f"at {secret.reference}"
    return f"{secret.name} {where}: {render_presence(secret.present, secret.problem, style)}"
