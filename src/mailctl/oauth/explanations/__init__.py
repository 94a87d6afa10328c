"""What providers' refusals mean and what to do about them, as data; always said beside the provider's own words.

The first row that fits wins: Microsoft's numbers, then Google's words, then the error codes of the standards.
"""

from __future__ import annotations

from collections.abc import Collection

from mailctl.model.oauth import Provider
from mailctl.oauth.explanations.google import GOOGLE_ROWS
from mailctl.oauth.explanations.microsoft import MICROSOFT_ROWS
from mailctl.oauth.explanations.row import Act, Explanation
from mailctl.oauth.explanations.standard import STANDARD_ROWS
from mailctl.oauth.reasons import OAuthReason

__all__ = ["Act", "Explanation", "get_explanation"]

_UNKNOWN = Explanation(
    OAuthReason.OAUTH_REFUSED,
    "the provider refuses",
    "its own words say why; its administrator finds the attempt in the provider's log",
)


def get_explanation(provider: Provider, act: Act, error: str, codes: Collection[int], words: str) -> Explanation:
    """Return what a refusal means. `error`: the standards' code; `codes`: Microsoft's; `words`: all that was said."""
    for rows in (MICROSOFT_ROWS, GOOGLE_ROWS, STANDARD_ROWS):
        for row in rows:
            if row.fits(provider, act, error, codes, words):
                return row.explanation
    return _UNKNOWN
