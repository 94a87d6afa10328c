"""Messages that were sent, or would be: for people and as JSON."""

from __future__ import annotations

import re
from collections.abc import Iterator
from shlex import quote
from typing import Any

from msgspec.structs import asdict

from mailctl.errors import FateUnknownError, MailctlError, MailError
from mailctl.model.report import Stage
from mailctl.model.resolve import Sending
from mailctl.model.server import SmtpAuth
from mailctl.model.target_name import edit_command
from mailctl.protocol.reasons import Reason
from mailctl.protocol.remedies import Remedy, find_remedy
from mailctl.protocol.replies import printable
from mailctl.render.errors import describe_error
from mailctl.render.style import Style
from mailctl.services.sending.batch import BatchResult
from mailctl.services.sending.compose import Message, Roles
from mailctl.services.sending.outbox import Sent
from mailctl.services.sending.outgoing import GraphEndpoint, outgoing_of

_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def render_sent(sent: Sent, style: Style) -> Iterator[str]:
    """Yield what became of a message, a line each."""
    if sent.accepted:
        yield f"{style.green('sent')}      {sent.message_id}"
        yield f"{style.dim('accepted')}  {', '.join(sent.accepted)}"
    for address, refusal in sent.refused.items():
        yield f"{style.red('refused')}   {address}: {printable(refusal.reply.encode())}"
    if sent.reply:
        yield f"{style.dim('reply')}     {printable(sent.reply.encode())}"


def describe_message(sending: Sending, roles: Roles, message: Message) -> dict[str, Any]:
    """Return a message that would be sent, with its route, as JSON."""
    return {
        "route": _describe_route(sending, roles),
        "recipients": list(message.recipients),
        "message_id": message.message_id,
        "size": len(message.content),
        "message": message.content.decode("utf-8", "replace"),
    }


def _describe_route(sending: Sending, roles: Roles) -> dict[str, Any]:
    endpoint, pop = outgoing_of(sending), sending.pop_before_smtp
    return {
        "origin": sending.origin,
        "lent_by": sending.lent_by,
        "server": sending.server,
        "protocol": str(endpoint.protocol),
        "oauth_client": sending.oauth_client.name if sending.oauth_client else None,
        "host": endpoint.host,
        "port": endpoint.port,
        "security": str(endpoint.security),
        "auth": str(endpoint.auth),
        "username": sending.username if endpoint.auth is not SmtpAuth.NONE else None,
        "pop_before_smtp": {"host": pop.host, "port": pop.port, "security": str(pop.security)} if pop else None,
        "smtputf8": sending.smtputf8,
        "from": str(roles.sender),
        "envelope_from": str(roles.envelope_sender),
        "reply_to": [str(mailbox) for mailbox in roles.reply_to],
    }


def render_route(sending: Sending, roles: Roles, message: Message, style: Style) -> Iterator[str]:
    """Yield who sends, by which way and to whom, a line each."""
    endpoint, pop = outgoing_of(sending), sending.pop_before_smtp
    server = f"server '{sending.server}'" if sending.server else "a dedicated server"
    if isinstance(endpoint, GraphEndpoint) and sending.oauth_client:
        server = f"Microsoft Graph (graph), with the OAuth client '{sending.oauth_client.name}'"
    login = "nobody" if endpoint.auth is SmtpAuth.NONE else f"{sending.username or 'nobody yet'} ({endpoint.auth})"
    facts = {
        "from": str(roles.sender),
        "bounces to": str(roles.envelope_sender),
        "answers to": ", ".join(map(str, roles.reply_to)),
        "as": f"{sending.origin}, through {server}{f' of {sending.lent_by}' if sending.lent_by else ''}",
        "through": f"{endpoint.host}:{endpoint.port}, security {endpoint.security}",
        "login": login,
        "after": f"a POP3 login at {pop.host}:{pop.port}, security {pop.security}" if pop else "",
        "to": ", ".join(message.recipients),
        "size": f"{len(message.content)} bytes",
    }
    for name, fact in facts.items():
        if fact:
            yield f"{style.dim(name.ljust(10))}  {fact}"


def render_content(message: Message) -> str:
    """Return a message as it would go over the wire; control characters, which an attached one may hold, escaped."""
    text = message.content.decode("utf-8", "replace").replace("\r\n", "\n")
    return _CONTROLS.sub(lambda found: f"\\x{ord(found[0]):02x}", text)


def complete_error(
    error: MailctlError, sending: Sending, *, recipient: str | None = None, reply_is_shown: bool = False
) -> None:
    """Complete an error of sending for who reads it, see `complete_mail_error`.

    `recipient`: one of the message's, where the command to run next is to be named, which may need one.
    """
    complete_mail_error(error, host=outgoing_of(sending).host, stage=Stage.MESSAGE, reply_is_shown=reply_is_shown)
    if recipient and isinstance(error, MailError) and not isinstance(error, FateUnknownError):
        error.details["next"] = _next_command(error, sending, recipient)


def _next_command(error: MailError, sending: Sending, recipient: str) -> str | None:
    # What tests are made of is not to be loaded for messages that are sent.
    from mailctl.services.oauth.grants import oauth_command
    from mailctl.services.testing.check import Depth
    from mailctl.services.testing.next_command import TestCommand

    if sending.oauth_client and error.reason == Reason.LOGIN_REFUSED:
        return oauth_command("refresh", sending.owner)
    remedy = remedy_of(error, outgoing_of(sending).host, Stage.MESSAGE)
    test = TestCommand(
        line=f"mailctl test send {quote(sending.origin)}",
        depth=Depth.MESSAGE,
        default_depth=Depth.MESSAGE,
        envelope={"--to": recipient},
    )
    side = {"pop3": "pop", GraphEndpoint.protocol: None}.get(error.protocol or "", "smtp")
    edit = edit_command(sending.server or sending.owner)
    command = remedy.command(test=test.line, edit=edit, side=side)
    return test.complete(command) if command else None


def complete_mail_error(error: MailctlError, *, host: str, stage: Stage, reply_is_shown: bool = False) -> None:
    """Complete an error of a mail server: the server's words, what to do, and the facts for JSON.

    `stage`: that of an error which does not say where it came up. `reply_is_shown`: who reads it has the server's
    words before them, and the message does not repeat them.
    """
    if not isinstance(error, MailError) or "stage" in error.details:  # one error may be that of several messages
        return
    reply = printable(error.reply) if error.reply else None
    if reply and not reply_is_shown:
        error.message = f"{error.message}: {' '.join(reply.split())}"
    error.hint = error.hint or remedy_of(error, host, stage).remedy
    error.details |= {"stage": error.stage, "protocol": error.protocol, "reason": error.reason, "reply": reply}


def remedy_of(error: MailError, host: str, stage: Stage) -> Remedy:
    """Return what an error means; `stage`: that of one which does not say where it came up."""
    return find_remedy(
        host=host,
        protocol=error.protocol,
        stage=error.stage or stage,
        reason=error.reason,
        mechanism=str(error.details.get("mechanism", "")),
        reply=printable(error.reply or b""),
    )


def describe_result(result: BatchResult) -> dict[str, Any]:
    """Return what became of a message of a batch as JSON."""
    sent = asdict(result.sent) if result.sent else {}
    return {"line": result.number, **sent, "error": describe_error(result.error) if result.error else None}
