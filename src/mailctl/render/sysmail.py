"""The system mail account for people: its status first."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from mailctl.model.resolve import Sending
from mailctl.model.sending import SystemMail
from mailctl.model.server import Security, SmtpAuth
from mailctl.render.secrets import render_presence
from mailctl.render.servers import address, tls_facts
from mailctl.render.style import Style

Fact = tuple[str, str]


class SecretLine(NamedTuple):
    """Where a secret is. `present`: None where that is not known; `problem`: why it cannot be had."""

    name: str
    reference: str
    present: bool | None
    problem: str | None


class GrantLine(NamedTuple):
    """Whether the account is authorised. `why`: None where it is granted; `command`: what authorises it."""

    condition: str
    why: str | None
    command: str


def render_sysmail(
    state: str,
    account: SystemMail | None,
    sending: Sending | None,
    grant: GrantLine | None,
    secrets: Iterable[SecretLine],
    style: Style,
) -> str:
    """Return the account in full, a fact a line; without one, that it was never set."""
    paint = {"active": style.green, "inactive": style.yellow}.get(state, style.yellow)
    if account is None or sending is None:
        return f"{style.bold('sysmail')}  {paint('never set')}"
    facts: list[Fact] = [*_sender(account, sending), *_server(account, sending, style), *_logins(sending)]
    if grant:
        facts.append(("oauth", _grant(grant, style)))
    facts += [("secret", _secret(secret, style)) for secret in secrets]
    width = max(len(name) for name, _ in facts) + 2
    lines = [f"{style.bold('sysmail')}  {paint(state)}"]
    shown = ""
    for name, fact in facts:
        lines.append(f"  {style.dim((name if name != shown else '').ljust(width))}{fact}")
        shown = name
    return "\n".join(lines)


def _sender(account: SystemMail, sending: Sending) -> Iterator[Fact]:
    yield "from", f"{account.sender_name} <{account.address}>" if account.sender_name else account.address
    if account.reply_to:
        yield "reply to", account.reply_to
    yield "envelope from", sending.envelope_from
    if account.local_recipient:
        yield "local recipient", f"{account.local_recipient} gets mail for names without a domain"
    yield "utf-8 headers", "where the server offers them" if account.smtputf8 else "no"


def _server(account: SystemMail, sending: Sending, style: Style) -> Iterator[Fact]:
    if sending.smtp is None:
        yield "server", "Microsoft Graph, no SMTP server"
        if sending.tls.ca_file:
            yield "tls", f"trusts only {sending.tls.ca_file}"
        return
    where = f"smtp {address(sending.endpoint)}"
    if account.server:
        yield "server", f"'{account.server}' of the catalogue: {where}"
    else:
        detached = style.yellow(f", a copy of '{account.detached_from}'") if account.detached_from else ""
        yield "server", f"dedicated: {where}{detached}"
    yield "server", f"time-out {sending.endpoint.timeout} s"
    if not account.server and sending.endpoint.security is not Security.NONE:
        yield from (("tls", fact) for fact in tls_facts(sending.tls, style))


def _logins(sending: Sending) -> Iterator[Fact]:
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


def _grant(grant: GrantLine, style: Style) -> str:
    if grant.why is None:
        return style.green(grant.condition)
    return f"{style.yellow(grant.condition)}: {grant.why}; `{grant.command}`"


def _secret(secret: SecretLine, style: Style) -> str:
    return f"{secret.name} at {secret.reference}: {render_presence(secret.present, secret.problem, style)}"
