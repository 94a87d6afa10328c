"""When a grant comes to an end, and what its OAuth client proves itself with."""

from __future__ import annotations

import datetime as dt
import math
import time
from collections.abc import Iterator
from typing import NamedTuple

from mailctl.credentials import Secrets
from mailctl.model.oauth import Flow, OAuthClient, Provider
from mailctl.services.oauth.grants import WITHOUT_PERSON, Grant

GOOGLE_TESTING_DAYS = 7
NO_REFRESH_TOKEN = "the provider gave no refresh token"  # noqa: S105 - what is said of it
WARNING_DAYS = 30
"""So long before its end is it said that an OAuth client needs another secret or certificate."""

_DAY_SECONDS = 86_400.0
_MICROSOFT_UNUSED_DAYS = 90
_GOOGLE_UNUSED_DAYS = 180
_NOBODY_KNOWS = math.inf


class End(NamedTuple):
    """An end, at a Unix time; `because`: what ends, or what it depends on.

    `certain`: it has ended from then on; otherwise it may have. `mended_by`: the command that puts off what no use of
    the grant does.
    """

    at: float
    because: str
    certain: bool = True
    mended_by: str | None = None

    @property
    def known_at(self) -> float | None:
        """When, or None where nobody here knows."""
        return None if self.at == _NOBODY_KNOWS else self.at

    @property
    def day(self) -> str:
        return f"{dt.datetime.fromtimestamp(self.at, dt.UTC):%Y-%m-%d}"

    @property
    def has_come(self) -> bool:
        return self.certain and self.at <= time.time()


def find_end(grant: Grant, client: OAuthClient, secrets: Secrets) -> End | None:
    """Return the next end that matters: the grant's, or that of its OAuth client's secret or certificate."""
    proof = None if grant.flow is Flow.SERVICE_ACCOUNT else find_proof_end(client, secrets)
    ends = [end for end in (_grant_end(grant, client), proof) if end]
    return min(ends, key=lambda end: end.at, default=None)


def _grant_end(grant: Grant, client: OAuthClient) -> End | None:
    if grant.flow in WITHOUT_PERSON:
        return None
    if grant.refresh_token is None:
        return End(grant.expires_at, NO_REFRESH_TOKEN) if grant.expires_at else None
    if client.provider is Provider.MICROSOFT:
        ends = grant.used_at + _MICROSOFT_UNUSED_DAYS * _DAY_SECONDS
        return End(ends, f"{_MICROSOFT_UNUSED_DAYS} days unused")
    if client.provider is Provider.GOOGLE:
        testing = grant.granted_at + GOOGLE_TESTING_DAYS * _DAY_SECONDS
        if time.time() < testing:
            return End(testing, 'only if the app is External and in "Testing"', certain=False)
        return End(grant.used_at + _GOOGLE_UNUSED_DAYS * _DAY_SECONDS, "6 months unused")
    return None


def find_proof_end(client: OAuthClient, secrets: Secrets) -> End | None:
    """Return when a client's secret or certificate ends; None where none does, or the certificate cannot be read.

    Entra's secrets do, on a day that only the administrator can tell; other providers' do where it is told.
    """
    if client.certificate is not None:
        return _certificate_end(client, client.certificate, secrets)
    mended_by = f"mailctl oauth client edit {client.name} --client-secret-stdin --client-secret-expires YYYY-MM-DD"
    if client.client_secret_expires is not None:
        last = dt.datetime.combine(client.client_secret_expires, dt.time.max, dt.UTC)
        return End(last.timestamp(), f"the secret of '{client.name}' ends", mended_by=mended_by)
    if client.client_secret is not None and client.provider is Provider.MICROSOFT:
        return End(_NOBODY_KNOWS, f"the secret of '{client.name}' ends on a day that is not known here")
    return None


def _certificate_end(client: OAuthClient, path: str, secrets: Secrets) -> End | None:
    from cryptography import x509

    try:
        certificate = x509.load_pem_x509_certificate(secrets.path(path).read_bytes())
    except (OSError, ValueError):
        return None
    mended_by = f"mailctl oauth client edit {client.name} --certificate FILE --key-from REF"
    at = certificate.not_valid_after_utc.timestamp()
    return End(at, f"the certificate of '{client.name}' ends", mended_by=mended_by)


def warn_of_end(end: End | None) -> Iterator[str]:
    """Yield a warning of a secret or certificate that has ended, or will in some weeks."""
    if end is None or end.mended_by is None:
        return
    days = (end.at - time.time()) / _DAY_SECONDS
    if days < WARNING_DAYS:
        what = end.because.removesuffix(" ends")
        when = f"ends on {end.day}" if days >= 0 else f"ended on {end.day}"
        yield f"{what} {when}: make another one at the provider, then `{end.mended_by}`"
