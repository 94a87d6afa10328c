"""The provider presets: for people and as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from mailctl.model.preset import CUSTOM, PRESETS, Preset

PRESET_HEADERS = ("PRESET", "SMTP", "IMAP", "POP3", "LOGIN")

_CUSTOM_NOTE = "everything is given by hand"


def preset_rows() -> Iterator[Sequence[str]]:
    """Yield the cells of each preset, in the order of PRESET_HEADERS."""
    for preset in PRESETS:
        yield preset.name, *(_endpoint(preset, side) for side in ("smtp", "imap", "pop3")), preset.login
    yield CUSTOM, "-", "-", "-", _CUSTOM_NOTE


def presets_as_json() -> list[dict[str, Any]]:
    """Return the presets as plain values, their endpoints as objects; `custom` has none."""
    custom = dict.fromkeys(Preset._fields) | {"name": CUSTOM, "title": "Any other provider", "note": _CUSTOM_NOTE}
    return [*map(_as_json, PRESETS), custom]


def _as_json(preset: Preset) -> dict[str, Any]:
    return {name: value._asdict() if hasattr(value, "_asdict") else value for name, value in preset._asdict().items()}


def _endpoint(preset: Preset, side: str) -> str:
    endpoint = getattr(preset, side)
    if endpoint is None:
        return "none"
    said = f"{endpoint.host}:{endpoint.port} {endpoint.security}"
    if side == "smtp" and (other := preset.smtp_alternative):
        said += f" / {other.port} {other.security}"
    return said + " (unconfirmed)" * (side in preset.unconfirmed)
