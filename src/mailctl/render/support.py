"""Requests for support, for people: the options, and a request before it is sent."""

from __future__ import annotations

from collections.abc import Iterator

from mailctl.model.support import SupportOptions
from mailctl.protocol.replies import printable
from mailctl.render.facts import InFull
from mailctl.render.style import Style
from mailctl.services.sending.compose import Attachment, Draft, Roles


def support_in_full(support: SupportOptions, style: Style) -> InFull:
    """Return the options of support."""
    facts = [
        ("address", support.address or style.yellow("none: nobody can be asked")),
        ("tenants", "may have an address of their own" if support.tenant_addresses else "have none of their own"),
        ("attached", "system information" if support.attach_system_info else "nothing by itself"),
    ]
    return InFull(style.bold("support"), facts)


def render_request(draft: Draft, roles: Roles, facts: Attachment | None, style: Style) -> Iterator[str]:
    """Yield a request as it would be sent, what is attached about this installation in full."""
    for name, value in {
        "from": str(roles.sender),
        "to": ", ".join(map(str, draft.to)),
        "subject": draft.subject or "",
    }.items():
        yield f"{style.dim(name.ljust(8))}  {value}"
    for attachment in draft.attachments:
        yield f"{style.dim('attached')}  {attachment.filename}, {len(attachment.read())} bytes"
    if draft.text:
        yield f"\n{_visible(draft.text)}"
    if facts:
        yield f"\n{style.bold(facts.filename)}\n{_visible(facts.read().decode())}"


def _visible(text: str) -> str:
    return "\n".join(printable(line.encode()) for line in text.splitlines())
