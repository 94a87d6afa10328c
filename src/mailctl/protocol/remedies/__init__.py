"""What failures mean and what to do about them, as data, always shown beside the server's own words.

The first row that fits wins: providers' own words, then words that many servers share, then reasons, then where to
look when all that is known is the stage. So nothing fails without a remedy.
"""

from __future__ import annotations

import re

from mailctl.model.report import Stage
from mailctl.protocol.remedies.by_provider import PROVIDER_ROWS
from mailctl.protocol.remedies.by_reason import REASON_ROWS
from mailctl.protocol.remedies.by_reply import REPLY_ROWS
from mailctl.protocol.remedies.by_stage import STAGE_REMEDIES
from mailctl.protocol.remedies.remedy import Remedy

__all__ = ["STAGE_REMEDIES", "Remedy", "find_remedy"]

_REPLY_CHARACTERS_READ = 4096  # what a refusal is about stands at its beginning; the rest could only cost time
_NEXT_SMTP_LINE = r"\s*\n\d{3}[ -]\s*(?:\d\.\d{1,3}\.\d{1,3}\b\s*)?"


def find_remedy(
    *,
    host: str,
    protocol: str | None,
    stage: Stage,
    reason: str | None,
    mechanism: str = "",
    reply: str = "",
) -> Remedy:
    """Return the remedy that fits best.

    `host`: the server's name as it was configured. `protocol`: "smtp", "pop3", "imap", or None.
    `reason`: `MailError.reason`. `mechanism`: by which was logged in, as "PLAIN"; empty where nobody did.
    `reply`: what the server said, possibly in several lines; empty if nothing.
    """
    beginning = reply[:_REPLY_CHARACTERS_READ]
    # Servers break their sentences where they like, so that what is searched for may stand on two lines.
    joined = re.sub(_NEXT_SMTP_LINE, " ", beginning)
    said = beginning if joined == beginning else f"{beginning}\n{joined}"
    for rows in (PROVIDER_ROWS, REPLY_ROWS, REASON_ROWS):
        for row in rows:
            if row.fits(host=host, protocol=protocol, stage=stage, reason=reason, mechanism=mechanism, reply=said):
                return row.remedy
    return STAGE_REMEDIES[stage]
