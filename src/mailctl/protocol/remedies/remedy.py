"""The form of a remedy, and of a row of the table."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass

from mailctl.model.report import Stage
from mailctl.protocol.reasons import Reason

_BY_TOKEN = ("XOAUTH2", "OAUTHBEARER")


@dataclass(frozen=True, slots=True, kw_only=True)
class Remedy:
    """What a failure means and what to do about it.

    `cause`, `remedy`: sentences without a final full stop; `cause` is None where the error's own message says it all,
    and else stands after it. `document`: a page that says more.
    `next`: the next command, in which `{test}` stands for the test's command line with its target (`mailctl test send
    office`), `{edit}` for the one that edits what was tested (`mailctl server edit office`), `{side}` for the
    prefix of the options that concern the side (`smtp`, `incoming`, `pop`), `{tls}` for that of the side's options
    for TLS (`pop-`, else none), `{domain}` for the mail domain that the server belongs to; see `command`.
    """

    remedy: str
    cause: str | None = None
    document: str | None = None
    next: str | None = None

    def command(self, *, test: str, edit: str, side: str | None, domain: str | None = None) -> str | None:
        """Return the next command with its placeholders filled in; None where the side has no such option.

        `side`: None for one without any, as Graph. `domain`: None where none is known.
        """
        if self.next is None or (side == "pop" and "{side}-auth" in self.next):
            return None
        if (side is None and "{side}" in self.next) or (domain is None and "{domain}" in self.next):
            return None
        return self.next.format(test=test, edit=edit, side=side, tls="pop-" if side == "pop" else "", domain=domain)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A remedy, and what it is for: every condition that is given has to hold.

    `hosts`, `signature`, `reply`: regular expressions, searched for in any case. `signature`: by what a provider's
    reply is known behind any name of a host. `by_token`: whether the login was by an access token, None for either.
    `reasons` alone is for what no reply tells.
    """

    remedy: Remedy
    hosts: str | None = None
    signature: str | None = None
    by_token: bool | None = None
    protocols: Collection[str] = ()
    stages: Collection[Stage] = ()
    reasons: Collection[Reason] = ()
    reply: str | None = None

    def fits(
        self, *, host: str, protocol: str | None, stage: Stage, reason: str | None, mechanism: str, reply: str
    ) -> bool:
        return (
            (not self.protocols or protocol in self.protocols)
            and (not self.stages or stage in self.stages)
            and (not self.reasons or reason in self.reasons)
            and self.by_token in (None, mechanism in _BY_TOKEN)
            and (self.hosts is None or _is_in(self.hosts, host) or _is_in(self.signature, reply))
            and (self.reply is None or _is_in(self.reply, reply))
        )


def _is_in(pattern: str | None, text: str) -> bool:
    return pattern is not None and re.search(pattern, text, re.IGNORECASE | re.MULTILINE) is not None
