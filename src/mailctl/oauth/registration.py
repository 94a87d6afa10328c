"""An OAuth client as it presents itself to its provider: the settings, and the secrets that they refer to."""

from __future__ import annotations

from msgspec import Struct

from mailctl.model.oauth import OAuthClient
from mailctl.model.secret import Secret


class Registration(Struct, frozen=True, kw_only=True):
    """An OAuth client with its secrets read.

    `certificate`: PEM. `key`: PEM, without a passphrase. `service_account`: Google's JSON.
    `ca_file`: PEM of the only authorities to trust; None: the system's.
    """

    client: OAuthClient
    secret: Secret | None = None
    certificate: bytes | None = None
    key: Secret | None = None
    service_account: Secret | None = None
    ca_file: str | None = None
