"""Signed statements (JWT) by which a client or a service account says who it is. RFC 7515, 7519, 7523.

Microsoft: learn.microsoft.com/entra/identity-platform/certificate-credentials. Google:
developers.google.com/identity/protocols/oauth2/service-account.
"""

from __future__ import annotations

import json
import secrets
import time
from base64 import urlsafe_b64encode
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from mailctl.errors import AuthenticationError
from mailctl.model.oauth import OAuthClient, Provider
from mailctl.model.secret import Secret
from mailctl.oauth.reasons import OAuthReason

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

CLIENT_ASSERTION_SECONDS = 300
"""Microsoft asks for 5 to 10 minutes."""

DELEGATION_SECONDS = 3600
"""Google takes an hour at most."""


class ServiceAccount(Struct, frozen=True, kw_only=True):
    """What a service account's JSON holds. `client_id`: the number by which domain-wide delegation names it.

    Its `token_uri` is not read: a signed statement goes to the OAuth client's token endpoint and nowhere else.
    """

    email: str
    key: Secret
    key_id: str | None
    client_id: str


def parse_service_account(text: Secret) -> ServiceAccount:
    """Parse Google's JSON of a service account. Raises AuthenticationError of reason `key`."""
    try:
        members = json.loads(text.reveal())
    except (ValueError, RecursionError):
        members = None
    email = members.get("client_email") if isinstance(members, dict) else None
    key = members.get("private_key") if isinstance(members, dict) else None
    if not (isinstance(members, dict) and isinstance(email, str) and isinstance(key, str)):
        raise _key_error(
            "the service account's JSON lacks `client_email` and `private_key`",
            "take the file that Google Cloud offers when a key is created (IAM, Service accounts, Keys, JSON)",
        )
    key_id, client_id = members.get("private_key_id"), members.get("client_id")
    return ServiceAccount(
        email=email,
        key=Secret(key),
        key_id=key_id if isinstance(key_id, str) else None,
        client_id=client_id if isinstance(client_id, str) else email,
    )


def client_assertion(client: OAuthClient, certificate: bytes, key: Secret) -> Secret:
    """Return the statement by which a client with a certificate says who it is (RFC 7523, 2.2).

    Microsoft documents PS256; elsewhere RS256 is what every server takes. Raises AuthenticationError of reason `key`.
    """
    from cryptography import x509
    from cryptography.hazmat.primitives.hashes import SHA256

    signer = _read_key(key, "the OAuth client's key")
    try:
        read = x509.load_pem_x509_certificate(certificate)
    except ValueError:
        read = None
    if read is None or read.public_key() != signer.public_key():
        raise _key_error(
            "the OAuth client's certificate cannot be read, or is not that of its key",
            "certificate and key are PEM files that belong together",
        )
    header = {"x5t#S256": _base64(read.fingerprint(SHA256()))}
    now = int(time.time())
    claims = {
        "aud": client.endpoints.token,
        "iss": client.client_id,
        "sub": client.client_id,
        "jti": secrets.token_urlsafe(16),
        "iat": now,
        "nbf": now,
        "exp": now + CLIENT_ASSERTION_SECONDS,
    }
    return _signed(header, claims, signer, "PS256" if client.provider is Provider.MICROSOFT else "RS256")


def delegation_assertion(account: ServiceAccount, mailbox: str, scopes: Sequence[str], token_url: str) -> Secret:
    """Return the statement by which a service account asks for a mailbox (RFC 7523, 2.1).

    Raises AuthenticationError of reason `key`.
    """
    header = {"kid": account.key_id} if account.key_id else {}
    now = int(time.time())
    claims = {
        "iss": account.email,
        "sub": mailbox,
        "scope": " ".join(scopes),
        "aud": token_url,
        "iat": now,
        "exp": now + DELEGATION_SECONDS,
    }
    return _signed(header, claims, _read_key(account.key, "the service account's key"), "RS256")


def _signed(header: dict[str, str], claims: dict[str, Any], key: RSAPrivateKey, algorithm: str) -> Secret:
    from cryptography.hazmat.primitives.asymmetric import padding
    from cryptography.hazmat.primitives.hashes import SHA256

    scheme: padding.AsymmetricPadding = padding.PKCS1v15()
    if algorithm == "PS256":
        scheme = padding.PSS(padding.MGF1(SHA256()), padding.PSS.DIGEST_LENGTH)
    parts = [{"alg": algorithm, "typ": "JWT", **header}, claims]
    statement = ".".join(_base64(json.dumps(part).encode()) for part in parts)
    return Secret(f"{statement}.{_base64(key.sign(statement.encode(), scheme, SHA256()))}")


def _read_key(pem: Secret, what: str) -> RSAPrivateKey:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        key = load_pem_private_key(pem.reveal().encode(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, RSAPrivateKey):
        raise _key_error(f"{what} cannot be used", "it is an RSA key in PEM, without a passphrase")
    return key


def _key_error(message: str, hint: str) -> AuthenticationError:
    return AuthenticationError(message, reason=OAuthReason.KEY, hint=hint)


def _base64(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()
