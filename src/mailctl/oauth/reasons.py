"""The reasons for which authorising fails: what `MailError.reason` may be, beside those of network and TLS."""

from __future__ import annotations

from enum import StrEnum


class OAuthReason(StrEnum):
    GRANT_DEAD = "grant-dead"
    """The refresh token is not accepted, and never will be."""
    SIGN_IN_NEEDED = "sign-in-needed"
    """The provider wants the person again: a second factor, or a sign-in that is fresh."""
    POLICY = "policy"
    """The organisation's rules forbid it."""
    CONSENT_MISSING = "consent-missing"
    DECLINED = "declined"
    """The person said no."""
    CLIENT_REFUSED = "client-refused"
    """The OAuth client: unknown, wrong secret or certificate, wrong kind."""
    REDIRECT_URI_REFUSED = "redirect-uri-refused"
    SCOPE_REFUSED = "scope-refused"
    CODE_REFUSED = "code-refused"
    """The authorisation code: used, expired, or of another attempt."""
    ASSERTION_REFUSED = "assertion-refused"
    """What a service account signed."""
    AUTHORISATION_EXPIRED = "authorisation-expired"
    """Nobody signed in in time."""
    STATE_MISMATCH = "state-mismatch"
    """The answer belongs to another attempt."""
    ISSUER_MISMATCH = "issuer-mismatch"
    """The answer comes from another authorisation server (RFC 9207)."""
    KEY = "key"
    """A certificate, its key, or a service account's key cannot be used."""
    OAUTH_REFUSED = "oauth-refused"
    """A refusal that is not known."""


GRANT_ENDING = frozenset({OAuthReason.GRANT_DEAD, OAuthReason.SIGN_IN_NEEDED})
"""Reasons after which a grant is of no use until a person has authorised again."""
