"""The form of an explanation, and of a row of the table."""

from __future__ import annotations

import re
from collections.abc import Collection
from enum import StrEnum

from msgspec import Struct

from mailctl.model.oauth import Provider
from mailctl.oauth.reasons import OAuthReason


class Act(StrEnum):
    """What was asked for when the provider refused."""

    AUTHORISE = "authorise"
    REDEEM = "redeem"
    DEVICE = "device"
    APP = "app"
    DELEGATE = "delegate"
    REFRESH = "refresh"
    REVOKE = "revoke"


class Explanation(Struct, frozen=True):
    """What a refusal means and what to do about it.

    `cause`, `remedy`: sentences without a final full stop, in which `{redirect_uri}`, `{scopes}`, `{client_id}` and
    `{client}`, its name here, are filled in. `document`: a page that says more.
    """

    reason: OAuthReason
    cause: str
    remedy: str
    document: str | None = None


class Row(Struct, frozen=True, kw_only=True):
    """An explanation, and what it is for: every condition that is given has to hold. `words`: a regular expression."""

    explanation: Explanation
    provider: Provider | None = None
    errors: Collection[str] = ()
    codes: Collection[int] = ()
    words: str | None = None
    acts: Collection[Act] = ()

    def fits(self, provider: Provider, act: Act, error: str, codes: Collection[int], words: str) -> bool:
        return (
            (self.provider is None or self.provider is provider)
            and (not self.acts or act in self.acts)
            and (not self.errors or error in self.errors)
            and (not self.codes or not set(self.codes).isdisjoint(codes))
            and (self.words is None or re.search(self.words, words, re.IGNORECASE) is not None)
        )


AUTHORISE_AGAIN = "authorise again with `mailctl oauth authorize`; nothing else has to be changed"
