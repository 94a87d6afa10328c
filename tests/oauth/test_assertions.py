"""Signed statements, read back with the public key. RFC 7515, 7523."""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import json
import time

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.x509.oid import NameOID

from mailctl.errors import AuthenticationError
from mailctl.model.oauth import OAuthClient, Provider
from mailctl.model.secret import Secret
from mailctl.oauth.assertions import client_assertion, delegation_assertion, parse_service_account

TOKEN_URL = "https://id.example.test/token"
KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)


def pem_of(key, passphrase=None):
    how = serialization.BestAvailableEncryption(passphrase) if passphrase else serialization.NoEncryption()
    return Secret(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, how).decode())


def certificate_of(key):
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "mailctl")])
    now = dt.datetime.now(dt.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now)
        .not_valid_after(now + dt.timedelta(days=1))
        .sign(key, hashes.SHA256())
    )


CERTIFICATE = certificate_of(KEY)
PEM = CERTIFICATE.public_bytes(serialization.Encoding.PEM)


def client(provider=Provider.CUSTOM):
    return OAuthClient(name="test", provider=provider, client_id="client-id-1", token_url=TOKEN_URL)


def decoded(part):
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


def read(statement, scheme):
    """Return header and claims; raises InvalidSignature unless KEY signed them."""
    header, claims, signature = statement.reveal().split(".")
    KEY.public_key().verify(decoded(signature), f"{header}.{claims}".encode(), scheme, hashes.SHA256())
    assert "=" not in statement.reveal()
    return json.loads(decoded(header)), json.loads(decoded(claims))


@pytest.mark.parametrize(
    ("provider", "algorithm", "scheme"),
    [
        (Provider.MICROSOFT, "PS256", padding.PSS(padding.MGF1(hashes.SHA256()), padding.PSS.DIGEST_LENGTH)),
        (Provider.CUSTOM, "RS256", padding.PKCS1v15()),
    ],
)
def test_client_vouches_with_its_certificate(provider, algorithm, scheme):
    header, claims = read(client_assertion(client(provider), PEM, pem_of(KEY)), scheme)
    thumbprint = hashlib.sha256(CERTIFICATE.public_bytes(serialization.Encoding.DER)).digest()
    assert header["alg"] == algorithm
    assert decoded(header["x5t#S256"]) == thumbprint
    assert (claims["iss"], claims["sub"], claims["aud"]) == ("client-id-1", "client-id-1", TOKEN_URL)
    assert claims["nbf"] <= time.time() < claims["exp"] <= claims["nbf"] + 600


def test_each_client_assertion_has_its_own_number():
    numbers = {read(client_assertion(client(), PEM, pem_of(KEY)), padding.PKCS1v15())[1]["jti"] for _ in range(3)}
    assert len(numbers) == 3


def test_service_account_asks_for_the_mailbox_at_the_clients_own_endpoint():
    members = {
        "client_email": "robot@project.iam.gserviceaccount.com",
        "private_key": pem_of(KEY).reveal(),
        "private_key_id": "kid-1",
        "token_uri": "https://evil.example.test/token",
    }
    account = parse_service_account(Secret(json.dumps(members)))
    statement = delegation_assertion(account, "ann@example.test", ("https://mail.google.com/",), TOKEN_URL)
    header, claims = read(statement, padding.PKCS1v15())
    assert header == {"alg": "RS256", "typ": "JWT", "kid": "kid-1"}
    assert claims.pop("exp") - claims.pop("iat") <= 3600
    assert claims == {
        "iss": "robot@project.iam.gserviceaccount.com",
        "sub": "ann@example.test",
        "scope": "https://mail.google.com/",
        "aud": TOKEN_URL,
    }


@pytest.mark.parametrize(
    "text",
    ["", "no json", "[]", "{}", '{"client_email": "a@b"}', '{"client_email": 1, "private_key": "x"}', "[" * 100_000],
)
def test_what_is_no_service_account_is_said(text):
    with pytest.raises(AuthenticationError) as caught:
        parse_service_account(Secret(text))
    assert caught.value.reason == "key"


@pytest.mark.parametrize(
    "key",
    [
        Secret("not a key"),
        Secret(""),
        pem_of(KEY, b"passphrase"),
        pem_of(ec.generate_private_key(ec.SECP256R1())),
        pem_of(rsa.generate_private_key(public_exponent=65537, key_size=2048)),
    ],
    ids=["text", "empty", "encrypted", "elliptic", "another"],
)
def test_key_that_does_not_fit_is_said(key):
    with pytest.raises(AuthenticationError) as caught:
        client_assertion(client(), PEM, key)
    assert caught.value.reason == "key"
    assert caught.value.__context__ is None


def test_certificate_that_cannot_be_read_is_said():
    with pytest.raises(AuthenticationError) as caught:
        client_assertion(client(), b"not a certificate", pem_of(KEY))
    assert caught.value.reason == "key"
