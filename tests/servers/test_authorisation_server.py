"""The real authorisation server, seen with plain HTTP and the standard library's mail clients."""

from __future__ import annotations

import base64
import hashlib
import imaplib
import json
import secrets
import ssl
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from tests.servers.authorisation_server import (
    DEVICE_CODE_GRANT,
    JWT_BEARER_GRANT,
    LONG_TOKEN_CHARACTERS,
    MAIL_SCOPES,
    REDIRECT_URI,
    AuthorisationServer,
    Client,
    TokenRequest,
)
from tests.servers.certificates import CertificateAuthority, KeyPair
from tests.servers.dovecot import Dovecot
from tests.servers.people import ALICE, BOB

MAIL = MAIL_SCOPES[0]
ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


def ask(url: str, **form: str) -> tuple[int, dict]:
    answer = requests.post(url, data=form, timeout=10)
    return answer.status_code, answer.json()


def ask_token(server: AuthorisationServer, client: Client | None, grant_type: str, **form: str) -> tuple[int, dict]:
    if client is not None:
        form["client_id"] = client.id
        if client.secret is not None:
            form["client_secret"] = client.secret
    return ask(server.token_url, grant_type=grant_type, **form)


def refresh(server: AuthorisationServer, refresh_token: str, client: Client | None = None) -> tuple[int, dict]:
    return ask_token(server, client or server.clients.native, "refresh_token", refresh_token=refresh_token)


def introspect(server: AuthorisationServer, token: str) -> dict:
    return ask(server.introspection_url, token=token)[1]


def query_of(url: str) -> dict[str, str]:
    return {name: value for name, (value,) in parse_qs(urlsplit(url).query).items()}


def sign(pair: KeyPair, claims: dict, **header: str) -> str:
    """Return a JWT signed by RS256 (RFC 7515, 7519)."""
    key = serialization.load_pem_private_key(pair.key.read_bytes(), password=None)
    assert isinstance(key, rsa.RSAPrivateKey)
    parts = [json.dumps(part).encode() for part in ({"alg": "RS256"} | header, claims)]
    signed = ".".join(encode(part) for part in parts)
    return f"{signed}.{encode(key.sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256()))}"


def encode(octets: bytes) -> str:
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()


def thumbprint(pair: KeyPair) -> str:
    certificate = x509.load_pem_x509_certificate(pair.certificate.read_bytes())
    return encode(hashlib.sha256(certificate.public_bytes(serialization.Encoding.DER)).digest())


# Authorisation code


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]"])
def test_a_code_with_its_verifier_grants_the_mailbox_on_any_loopback_port(
    authorisation_server: AuthorisationServer, host: str
) -> None:
    server, redirect_uri = authorisation_server, f"http://{host}:50123/"
    url, verifier = server.authorisation_request(scope=f"{MAIL} offline_access", redirect_uri=redirect_uri, state="s1")
    redirected = server.sign_in(url, user=ALICE.address)
    assert redirected.startswith(f"{redirect_uri}?")
    assert query_of(redirected)["state"] == "s1"
    status, tokens = ask_token(
        server,
        server.clients.native,
        "authorization_code",
        code=query_of(redirected)["code"],
        redirect_uri=redirect_uri,
        code_verifier=verifier,
    )
    assert status == 200
    assert (tokens["token_type"], tokens["expires_in"], tokens["scope"]) == ("Bearer", 3600, f"{MAIL} offline_access")
    assert len(tokens["access_token"]) == len(tokens["refresh_token"]) == LONG_TOKEN_CHARACTERS
    told = introspect(server, tokens["access_token"])
    assert (told["active"], told["email"], told["client_id"]) == (True, ALICE.address, "native")


def test_a_code_is_worth_nothing_without_its_verifier_or_twice(authorisation_server: AuthorisationServer) -> None:
    server = authorisation_server
    for verifiers, statuses in ((["wrong" * 10], [400]), ([None, None], [200, 400])):
        url, right = server.authorisation_request(scope=MAIL)
        code = query_of(server.sign_in(url, user=ALICE.address))["code"]
        form = {"code": code, "redirect_uri": REDIRECT_URI}
        answers = [
            ask_token(server, server.clients.native, "authorization_code", **form, code_verifier=verifier or right)
            for verifier in verifiers
        ]
        assert [status for status, _ in answers] == statuses
        assert answers[-1][1]["error"] == "invalid_grant"


def test_declining_is_told_to_the_client(authorisation_server: AuthorisationServer) -> None:
    url, _ = authorisation_server.authorisation_request(scope=MAIL, state="s2")
    answer = query_of(authorisation_server.decline(url, user=ALICE.address))
    assert (answer["error"], answer["state"]) == ("access_denied", "s2")


@pytest.mark.parametrize(
    ("parameters", "error"),
    [({"code_challenge": ""}, "invalid_request"), ({"response_type": "x"}, "unsupported_response_type")],
)
def test_a_request_that_is_wrong_is_told_to_the_client(
    authorisation_server: AuthorisationServer, parameters: dict[str, str], error: str
) -> None:
    url, _ = authorisation_server.authorisation_request(scope=MAIL, **parameters)
    assert query_of(authorisation_server.sign_in(url, user=ALICE.address))["error"] == error


@pytest.mark.parametrize("redirect_uri", ["http://127.0.0.1:50123/elsewhere", "http://192.0.2.1/"])
def test_nobody_is_sent_to_a_redirect_uri_that_is_not_registered(
    authorisation_server: AuthorisationServer, redirect_uri: str
) -> None:
    url, _ = authorisation_server.authorisation_request(scope=MAIL, redirect_uri=redirect_uri)
    with pytest.raises(requests.HTTPError, match="400"):
        authorisation_server.sign_in(url, user=ALICE.address)


# Refreshing and ending


def test_each_refresh_replaces_the_refresh_token_of_a_public_client(authorisation_server: AuthorisationServer) -> None:
    first = authorisation_server.get_tokens(ALICE.address)
    status, second = refresh(authorisation_server, first["refresh_token"])
    assert status == 200
    assert second["refresh_token"] != first["refresh_token"]
    assert introspect(authorisation_server, second["access_token"])["active"]
    assert refresh(authorisation_server, second["refresh_token"])[0] == 200


def test_a_refresh_token_that_is_used_twice_ends_the_grant(authorisation_server: AuthorisationServer) -> None:
    first = authorisation_server.get_tokens(ALICE.address)
    _, second = refresh(authorisation_server, first["refresh_token"])
    for token in (first["refresh_token"], second["refresh_token"]):
        status, answer = refresh(authorisation_server, token)
        assert (status, answer["error"]) == (400, "invalid_grant")
    assert introspect(authorisation_server, second["access_token"]) == {"active": False}


def test_of_two_refreshes_at_once_one_is_granted_and_both_are_noted(authorisation_server: AuthorisationServer) -> None:
    server = authorisation_server
    token = server.get_tokens(ALICE.address)["refresh_token"]
    before = len(server.requests)
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda _: refresh(server, token), range(2)))
    noted = server.requests[before:]
    assert {(request.grant_type, request.client_id) for request in noted} == {("refresh_token", "native")}
    assert sorted(request.outcome for request in noted) == ["granted", "invalid_grant"]


def test_a_desktop_client_shows_its_secret_and_keeps_its_refresh_token(
    authorisation_server: AuthorisationServer,
) -> None:
    server, desktop = authorisation_server, authorisation_server.clients.desktop
    tokens = server.get_tokens(ALICE.address, client=desktop)
    assert refresh(server, tokens["refresh_token"], desktop)[1]["refresh_token"] == tokens["refresh_token"]
    for wrong in (None, "wrong"):
        status, answer = refresh(server, tokens["refresh_token"], replace(desktop, secret=wrong))
        assert (status, answer["error"]) == (401, "invalid_client")


@pytest.mark.parametrize(("scope", "prompt"), [(MAIL, "consent"), (f"{MAIL} offline_access", "login")])
def test_no_refresh_token_comes_without_offline_access_and_consent(
    authorisation_server: AuthorisationServer, scope: str, prompt: str
) -> None:
    server = authorisation_server
    url, verifier = server.authorisation_request(scope=scope, prompt=prompt)
    code = query_of(server.sign_in(url, user=ALICE.address))["code"]
    form = {"code": code, "redirect_uri": REDIRECT_URI, "code_verifier": verifier}
    _, tokens = ask_token(server, server.clients.native, "authorization_code", **form)
    assert tokens["scope"] == MAIL
    assert "refresh_token" not in tokens


def test_revoking_a_refresh_token_ends_the_grant(authorisation_server: AuthorisationServer) -> None:
    server = authorisation_server
    tokens = server.get_tokens(ALICE.address)
    form = {"token": tokens["refresh_token"], "client_id": server.clients.native.id}
    assert requests.post(server.revocation_url, data=form, timeout=10).status_code == 200
    assert refresh(server, tokens["refresh_token"])[1]["error"] == "invalid_grant"
    assert not introspect(server, tokens["access_token"])["active"]


def test_everything_of_one_user_can_be_revoked(authorisation_server: AuthorisationServer) -> None:
    server = authorisation_server
    hers, his = server.get_tokens(ALICE.address), server.get_tokens(BOB.address)
    server.revoke_all(BOB.address)
    assert not introspect(server, his["access_token"])["active"]
    assert refresh(server, his["refresh_token"])[1]["error"] == "invalid_grant"
    assert introspect(server, hers["access_token"])["active"]


def test_the_access_tokens_of_one_mailbox_can_expire(authorisation_server: AuthorisationServer) -> None:
    server = authorisation_server
    hers, his = server.get_tokens(ALICE.address), server.get_tokens(BOB.address)
    server.expire_access_tokens(BOB.address)
    assert not introspect(server, his["access_token"])["active"]
    assert introspect(server, hers["access_token"])["active"]
    _, renewed = refresh(server, his["refresh_token"])
    assert introspect(server, renewed["access_token"])["active"]


def test_who_is_not_the_mail_server_is_told_nothing_of_tokens(authorisation_server: AuthorisationServer) -> None:
    server = authorisation_server
    token = server.get_tokens(ALICE.address)["access_token"]
    url = server.introspection_url.replace(server.clients.mail_server.secret or "", "wrong")
    assert ask(url, token=token)[1]["error"] == "invalid_client"
    assert ask(f"{server.issuer}/token/introspection", token=token, client_id="native")[1] == {"active": False}


# Device code


def start_device(server: AuthorisationServer) -> dict:
    status, answer = ask(server.device_url, client_id="native", scope=f"{MAIL} offline_access")
    assert status == 200
    return answer


def poll(server: AuthorisationServer, device_code: str) -> dict:
    return ask_token(server, server.clients.native, DEVICE_CODE_GRANT, device_code=device_code)[1]


def test_a_device_waits_until_it_is_approved(authorisation_server: AuthorisationServer) -> None:
    device = start_device(authorisation_server)
    assert device["interval"] == 1
    assert device["verification_uri"] == authorisation_server.verification_url
    assert poll(authorisation_server, device["device_code"])["error"] == "authorization_pending"
    authorisation_server.approve_device(device["user_code"], user=BOB.address)
    tokens = poll(authorisation_server, device["device_code"])
    assert introspect(authorisation_server, tokens["access_token"])["email"] == BOB.address
    assert refresh(authorisation_server, tokens["refresh_token"])[0] == 200


def test_a_device_can_be_declined(authorisation_server: AuthorisationServer) -> None:
    device = start_device(authorisation_server)
    authorisation_server.decline_device(device["user_code"], user=BOB.address)
    assert poll(authorisation_server, device["device_code"])["error"] == "access_denied"


def test_an_unknown_device_code_is_refused(authorisation_server: AuthorisationServer) -> None:
    with pytest.raises(requests.HTTPError, match="400"):
        authorisation_server.approve_device("AAAA-AAAA", user=BOB.address)


# Without a person


def test_a_service_logs_in_with_its_secret(authorisation_server: AuthorisationServer) -> None:
    server = authorisation_server
    status, tokens = ask_token(server, server.clients.service, "client_credentials", scope=MAIL)
    assert status == 200
    assert "refresh_token" not in tokens
    assert introspect(server, tokens["access_token"])["email"] == server.service_mailbox
    status, answer = ask_token(server, replace(server.clients.service, secret="wrong"), "client_credentials")
    assert (status, answer["error"]) == (401, "invalid_client")


def assertion_claims(server: AuthorisationServer, issuer: str) -> dict:
    now = int(time.time())
    return {"iss": issuer, "sub": issuer, "aud": server.token_url, "iat": now, "exp": now + 300}


def test_a_service_logs_in_with_its_certificate_and_each_assertion_once(
    authorisation_server: AuthorisationServer,
) -> None:
    server, client = authorisation_server, authorisation_server.clients.certified_service
    assert client.pair is not None
    claims = assertion_claims(server, client.id)
    right = sign(client.pair, claims | {"jti": secrets.token_hex()}, **{"x5t#S256": thumbprint(client.pair)})
    unnamed = sign(client.pair, claims | {"jti": secrets.token_hex()})
    answers = [
        ask_token(
            server,
            None,
            "client_credentials",
            scope=MAIL,
            client_assertion_type=ASSERTION_TYPE,
            client_assertion=assertion,
        )
        for assertion in (right, right, unnamed)
    ]
    assert [answer.get("error") for _, answer in answers] == [None, "invalid_client", "invalid_client"]


def test_a_service_account_acts_for_a_mailbox(authorisation_server: AuthorisationServer) -> None:
    server, account = authorisation_server, authorisation_server.clients.service_account
    assert account.pair is not None
    claims = assertion_claims(server, account.id) | {"sub": BOB.address, "scope": MAIL}
    status, tokens = ask_token(server, None, JWT_BEARER_GRANT, assertion=sign(account.pair, claims))
    assert (status, tokens["expires_in"]) == (200, 3600)
    assert introspect(server, tokens["access_token"])["email"] == BOB.address


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        ({"scope": "openid"}, "unauthorized_client"),
        ({"aud": "https://elsewhere.example.test/token"}, "invalid_grant"),
        ({"exp": 1}, "invalid_grant"),
        ({"exp": 2**31}, "invalid_grant"),
        ({"iss": "stranger"}, "invalid_client"),
    ],
)
def test_a_service_accounts_wrong_assertion_is_refused(
    authorisation_server: AuthorisationServer, wrong: dict, error: str
) -> None:
    server, account = authorisation_server, authorisation_server.clients.service_account
    assert account.pair is not None
    claims = assertion_claims(server, account.id) | {"sub": BOB.address, "scope": MAIL} | wrong
    _, answer = ask_token(server, None, JWT_BEARER_GRANT, assertion=sign(account.pair, claims))
    assert answer["error"] == error


# The server itself


def test_token_requests_are_noted_without_secrets(authorisation_server: AuthorisationServer) -> None:
    server = authorisation_server
    before = len(server.requests)
    tokens = server.get_tokens(ALICE.address)
    refresh(server, "nonsense")
    ask_token(server, Client("stranger"), "password")
    assert server.requests[before:] == [
        TokenRequest("authorization_code", "native", "granted"),
        TokenRequest("refresh_token", "native", "invalid_grant"),
        TokenRequest("password", None, "invalid_client"),
    ]
    written = "".join(file.read_text() for file in server.folder.glob("*.log"))
    assert tokens["access_token"] not in written
    assert server.clients.service.secret not in written


@pytest.mark.real("oidc-provider")
def test_it_can_speak_tls_and_say_how_long_a_token_lives(ca: CertificateAuthority) -> None:
    with AuthorisationServer(ca=ca, access_token_seconds=7) as server:
        assert server.issuer.startswith("https://")
        assert server.get_tokens(ALICE.address)["expires_in"] == 7
        with pytest.raises(requests.exceptions.SSLError):
            requests.get(server.issuer, timeout=10)


@pytest.mark.real("oidc-provider")
def test_nothing_is_left_after_its_end() -> None:
    with AuthorisationServer() as server:
        assert server.is_running()
    assert not server.is_running()
    assert not server.folder.exists()


# Dovecot, which asks it


def log_in(dovecot: Dovecot, mechanism: str, user: str, token: str) -> str:
    """Log in to IMAP by a token; return the server's JSON where it refuses the token, else nothing."""
    response = {
        "XOAUTH2": f"user={user}\1auth=Bearer {token}\1\1",
        "OAUTHBEARER": f"n,a={user},\1host=localhost\1port=1\1auth=Bearer {token}\1\1",
    }[mechanism]
    refusals: list[str] = []

    def respond(challenge: bytes) -> bytes:
        if not challenge:
            return response.encode()
        refusals.append(challenge.decode())
        return b"\1"

    context = ssl.create_default_context(cafile=dovecot.ca_file)
    with imaplib.IMAP4_SSL("localhost", dovecot.imaps_port, ssl_context=context) as client:
        try:
            client.authenticate(mechanism, respond)
        except imaplib.IMAP4.error:
            return refusals[0]
    return ""


@pytest.mark.parametrize("mechanism", ["XOAUTH2", "OAUTHBEARER"])
def test_dovecot_takes_a_token_until_it_is_revoked_and_for_its_mailbox_alone(
    oauth_dovecot: Dovecot, authorisation_server: AuthorisationServer, mechanism: str
) -> None:
    server = authorisation_server
    token = server.get_tokens(BOB.address)["access_token"]
    assert log_in(oauth_dovecot, mechanism, BOB.address, token) == ""
    assert "status" in json.loads(log_in(oauth_dovecot, mechanism, ALICE.address, token))
    server.revoke_all(BOB.address)
    assert "status" in json.loads(log_in(oauth_dovecot, mechanism, BOB.address, token))


def test_dovecot_takes_the_token_of_a_service_and_of_a_service_account(
    oauth_dovecot: Dovecot, authorisation_server: AuthorisationServer
) -> None:
    server = authorisation_server
    _, service = ask_token(server, server.clients.service, "client_credentials", scope=MAIL)
    assert log_in(oauth_dovecot, "XOAUTH2", server.service_mailbox, service["access_token"]) == ""
    account = server.clients.service_account
    assert account.pair is not None
    claims = assertion_claims(server, account.id) | {"sub": BOB.address, "scope": MAIL}
    _, delegated = ask_token(server, None, JWT_BEARER_GRANT, assertion=sign(account.pair, claims))
    assert log_in(oauth_dovecot, "XOAUTH2", BOB.address, delegated["access_token"]) == ""
