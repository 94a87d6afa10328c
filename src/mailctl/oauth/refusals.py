"""Providers' refusals, from a token endpoint or a redirect, made into errors. RFC 6749, 4.1.2.1 and 5.2."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Self

from msgspec import Struct
from msgspec.structs import replace

from mailctl.errors import AuthenticationError, MailError, TemporaryError
from mailctl.model.oauth import OAuthClient
from mailctl.model.secret import Secret
from mailctl.oauth.explanations import Act, get_explanation
from mailctl.protocol.reasons import Reason
from mailctl.protocol.redact import Redactor
from mailctl.protocol.replies import printable

_WORDS_CHARACTERS_MAX = 2000
_CODE = re.compile(r"\bAADSTS(\d{4,8})\b")
_FOR_SUPPORT = re.compile(r"\s*\b(?:Trace ID|Correlation ID|Timestamp): .*", re.DOTALL)
"""What stands at the end of Microsoft's descriptions; `reply` and `details` keep it."""

_TEMPORARY_ERRORS = frozenset({"temporarily_unavailable", "server_error", "internal_failure"})
_TEMPORARY_CODES = frozenset({50196, 90006, 90033, 90055})
_DETAILS = {
    "subtype": ("error_subtype", "suberror", "error_subcode"),
    "correlation_id": ("correlation_id",),
}
"""Our names for what providers add, and theirs."""


class Occasion(Struct, frozen=True, kw_only=True):
    """In the course of what a provider answered.

    `client_id`: what the provider knows the asker by. `secrets`: what was sent, and is taken out of its answer.
    """

    act: Act
    client: OAuthClient
    client_id: str
    scopes: tuple[str, ...] = ()
    redirect_uri: str | None = None
    secrets: tuple[Secret, ...] = ()

    @classmethod
    def of(
        cls,
        act: Act,
        client: OAuthClient,
        scopes: Iterable[str] = (),
        *,
        client_id: str | None = None,
        redirect_uri: str | None = None,
    ) -> Self:
        return cls(
            act=act,
            client=client,
            client_id=client_id or client.client_id,
            scopes=tuple(scopes),
            redirect_uri=redirect_uri,
        )

    def guarding(self, secrets: Iterable[Secret]) -> Self:
        """Return the occasion with what is sent on it."""
        return replace(self, secrets=tuple(secrets))

    def cleaned(self, text: str) -> str:
        """Return what a provider said as it may be shown: no secret, no control characters, not endless."""
        # A lone surrogate can be written in JSON, and nowhere else.
        redacted = Redactor(self.secrets).redact(text.encode("utf-8", "backslashreplace"))
        return printable(redacted)[:_WORDS_CHARACTERS_MAX]


def refusal_error(reply: Mapping[str, object], occasion: Occasion, *, status: int = 400) -> MailError:
    """Return the error for a refusal: TemporaryError if trying later may help, else AuthenticationError.

    `reply`: the members of the JSON, or the parameters. `status`: HTTP's. The provider's words are in the message and
    in `reply`; `details` holds `error`, `codes`, `subtype`, `correlation_id`, `document` as far as they are known.
    """
    error = _text(reply, "error")
    said = occasion.cleaned(": ".join(filter(None, (error, _text(reply, "error_description")))))
    codes = _codes(reply, said)
    details: dict[str, object] = {"error": occasion.cleaned(error), "codes": codes}
    for name, theirs in _DETAILS.items():
        if found := next(filter(None, (_text(reply, key) for key in theirs)), ""):
            details[name] = occasion.cleaned(found)
    if status == 429 or status >= 500 or error in _TEMPORARY_ERRORS or not _TEMPORARY_CODES.isdisjoint(codes):
        return TemporaryError(
            f"the provider cannot answer now; it says: {_short(said)}",
            reason=Reason.RATE_LIMITED if status == 429 else Reason.TEMPORARY,
            reply=said.encode(),
            hint="wait some minutes and try again; the grant stays as it is",
            details=details,
        )
    return _explained(occasion, error, codes, said, details)


def _explained(
    occasion: Occasion, error: str, codes: list[int], said: str, details: dict[str, object]
) -> AuthenticationError:
    words = " ".join(filter(None, (said, str(details.get("subtype", "")))))
    explanation = get_explanation(occasion.client.provider, occasion.act, error, codes, words)
    facts = {
        "redirect_uri": occasion.redirect_uri or "http://localhost",
        "scopes": " ".join(occasion.scopes) or "no scope",
        "client_id": occasion.client_id,
        "client": occasion.client.name,
    }
    if explanation.document:
        details["document"] = explanation.document
    return AuthenticationError(
        f"{explanation.cause.format_map(facts)}; the provider says: {_short(said)}",
        reason=explanation.reason,
        reply=said.encode(),
        hint=explanation.remedy.format_map(facts),
        details=details,
    )


def _text(reply: Mapping[str, object], key: str) -> str:
    value = reply.get(key)
    return value if isinstance(value, str) else ""


def _codes(reply: Mapping[str, object], said: str) -> list[int]:
    """Return Microsoft's numbers; a redirect has them in the description alone."""
    listed = reply.get("error_codes")
    numbers = [code for code in listed if isinstance(code, int)] if isinstance(listed, list) else []
    return list(dict.fromkeys([*numbers, *map(int, _CODE.findall(said))]))


def _short(said: str) -> str:
    return " ".join(_FOR_SUPPORT.sub("", said).split()) or "nothing"
