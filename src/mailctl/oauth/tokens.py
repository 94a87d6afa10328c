"""What a token endpoint grants. RFC 6749, 5.1."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct

from mailctl.model.secret import Secret

_NEVER_NAMED = frozenset({"offline_access", "openid", "profile", "email"})
"""Scopes that Microsoft leaves out of its replies, or that give no access to mail."""


class TokenReply(Struct, frozen=True, kw_only=True):
    """Tokens. `expires_at`: Unix time of the access token's end; None where the provider does not say it.

    `refresh_token`: None where none came; after a refresh the old one is then to be kept. `scopes`: as granted; those
    that were asked for where the provider names none.
    """

    access_token: Secret
    expires_at: float | None
    refresh_token: Secret | None
    scopes: tuple[str, ...]

    def missing(self, asked: Iterable[str]) -> tuple[str, ...]:
        """Return the scopes that were asked for and not granted, in any case of letters, `…/.default` aside."""
        granted = {scope.casefold() for scope in self.scopes}
        return tuple(
            scope
            for scope in asked
            if scope.casefold() not in granted and scope not in _NEVER_NAMED and not scope.endswith("/.default")
        )
