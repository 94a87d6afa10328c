"""Grants for people, one line each or one in full, and as JSON."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from mailctl.render.facts import InFull
from mailctl.render.style import Style
from mailctl.render.wrap import wrap

if TYPE_CHECKING:
    from mailctl.services.oauth.grant_state import GrantState

GRANT_HEADERS = ("TARGET", "STATE", "CLIENT", "FLOW", "ENDS")
_MOMENTS = ("granted_at", "last_refresh", "token_expires_at", "ends_at")


def grant_row(state: GrantState) -> Sequence[str]:
    """Return the cells of a grant in a listing, in the order of GRANT_HEADERS."""
    return state.target, _word(state), state.oauth_client or "", state.flow or "", _day(state)


def render_reason(state: GrantState, width: int | None) -> str:
    """Return why a grant of a listing is not granted; `width`: the columns of the screen, None where there is none."""
    return wrap(f"{state.target}: {state.why}", width)


def grant_in_full(state: GrantState, style: Style) -> InFull:
    """Return a grant in full."""
    paint = style.green if state.ok else style.red
    return InFull(f"{style.bold(state.target)}  {paint(_word(state))}", list(_facts(state)))


def grant_as_json(state: GrantState) -> dict[str, Any]:
    """Return a grant as plain values; moments in ISO 8601, UTC."""
    import msgspec

    fields = msgspec.to_builtins(state)
    for name in _MOMENTS:
        fields[name] = None if fields[name] is None else moment(fields[name]).isoformat(timespec="seconds")
    return {**fields, "ok": state.ok}


def moment(seconds: float) -> dt.datetime:
    """Return Unix time as a moment in UTC."""
    return dt.datetime.fromtimestamp(seconds, dt.UTC)


def _facts(state: GrantState) -> Iterator[tuple[str, str]]:
    client = f"{state.oauth_client} ({state.provider})" if state.oauth_client else None
    facts = {
        "why": state.why,
        "what to do": state.remedy,
        "oauth client": client,
        "by": f"{state.flow}, as {state.username}" if state.flow and state.username else state.flow,
        "granted": _moment(state.granted_at),
        "refreshed": _moment(state.last_refresh),
        "scopes": " ".join(state.scopes),
        "not granted": " ".join(state.missing_scopes),
        "token until": _token_end(state),
        "ends": _end(state),
    }
    return ((name, said) for name, said in facts.items() if said)


def _token_end(state: GrantState) -> str | None:
    from mailctl.services.oauth.expiry import NO_REFRESH_TOKEN

    until = _moment(state.token_expires_at)
    lasts = state.ends_because != NO_REFRESH_TOKEN
    return until and until + lasts * "; the next one is had when it is needed"


def _word(state: GrantState) -> str:
    return state.condition.replace("-", " ").capitalize()


def _day(state: GrantState) -> str:
    """Return when a grant of a listing ends; what that depends on is told of one in full."""
    if state.ends_at is not None:
        return f"{moment(state.ends_at):%Y-%m-%d}"
    return "not known" if state.ends_because else ""


def _end(state: GrantState) -> str | None:
    if state.ends_at is None:
        return state.ends_because
    return f"{moment(state.ends_at):%Y-%m-%d} ({state.ends_because})"


def _moment(seconds: float | None) -> str | None:
    return None if seconds is None else f"{moment(seconds):%Y-%m-%d %H:%M} UTC"
