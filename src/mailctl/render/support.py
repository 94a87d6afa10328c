"""Requests for support, for people: the options, and a request before it is sent."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from mailctl.model.support import SupportOptions
from mailctl.protocol.replies import printable
from mailctl.render.facts import InFull
from mailctl.render.style import Style
from mailctl.services.senders.support import FACTS_FILENAME
from mailctl.services.sending.compose import Attachment, Draft, Roles

_MOST_LINES = 8
_MOST_NAMED = 5


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
    yield from _render_head(draft, roles, style)
    for text in (draft.text, draft.html):
        if text:
            yield f"\n{_visible(text)}"
    if facts:
        yield f"\n{style.bold(facts.filename)}\n{_visible(facts.read().decode())}"


def summarise_request(draft: Draft, roles: Roles, style: Style) -> Iterator[str]:
    """Yield who asks whom, and the beginning of the text; what is attached only by name."""
    yield from _render_head(draft, roles, style)
    first, rest = (draft.text or "").splitlines()[:_MOST_LINES], (draft.text or "").splitlines()[_MOST_LINES:]
    if first:
        yield "\n" + _visible("\n".join(first))
    if rest:
        yield style.dim(f"… and {len(rest)} more line{'s' * bool(rest[1:])}")


def facts_in_short(facts: Mapping[str, Any], style: Style) -> InFull:
    """Return what is known of this installation in a few lines; `facts`: as they are gathered for an attachment."""
    settings = facts["settings"]
    if "tenant" in settings:
        of = "the tenant's own"
    else:
        counts = [("server", len(settings["servers"])), ("OAuth client", len(settings["oauth_clients"]))]
        kinds = ", ".join(f"{count} {kind}{'s' * (count != 1)}" for kind, count in counts)
        of = f"{kinds}, the system mail account; of tenants and people their number"
    failed = _named([result for result in facts["last_tests"] if not result["ok"]])
    passed = len(facts["last_tests"]) - len(failed)
    named = ", ".join([*failed[:_MOST_NAMED], *["…"] * (len(failed) > _MOST_NAMED)])
    found = [f"{passed} passed"] * bool(passed) + [f"{len(failed)} failed: {named}"] * bool(failed)
    return InFull(
        style.bold(FACTS_FILENAME),
        [
            ("versions", f"mailctl {facts['mailctl']}, {facts['python']}, {facts['tls_library']}"),
            ("platform", facts["platform"]),
            ("settings", f"without any secret: {of}"),
            ("last tests", ", ".join(found) or "none"),
        ],
    )


def _named(results: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the target of each result, with the test where a target stands there by several."""
    targets = [result["target"] for result in results]
    return [
        result["target"] if targets.count(result["target"]) == 1 else f"{result['target']} ({result['test']})"
        for result in results
    ]


def _render_head(draft: Draft, roles: Roles, style: Style) -> Iterator[str]:
    for name, value in {
        "from": str(roles.sender),
        "to": ", ".join(map(str, draft.to)),
        "subject": draft.subject or "",
    }.items():
        yield f"{style.dim(name.ljust(8))}  {value}"
    if draft.html is not None:
        yield f"{style.dim('html'.ljust(8))}  {len(draft.html.encode())} bytes"
    for attachment in draft.attachments:
        yield f"{style.dim('attached')}  {attachment.filename}, {len(attachment.read())} bytes"


def _visible(text: str) -> str:
    return "\n".join(printable(line.encode()) for line in text.splitlines())
