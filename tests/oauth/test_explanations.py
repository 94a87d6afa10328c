"""What the administrator is told, from providers' own replies."""

from __future__ import annotations

import json

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from tests.oauth.provider import Reply, ScriptedProvider
from tests.oauth.recorded import CORRELATION, ENTRA, GOOGLE

from mailctl.errors import AuthenticationError, MailError, TemporaryError
from mailctl.model.oauth import Provider
from mailctl.model.secret import Secret
from mailctl.oauth.app_only import request_app_token, request_delegated_token
from mailctl.oauth.authorisation import begin_authorisation, redeem_code
from mailctl.oauth.reasons import GRANT_ENDING
from mailctl.oauth.refresh import refresh_grant

SCOPES = ("https://outlook.office.com/SMTP.Send", "offline_access")


def refusal(call, provider, body, *, status=400, **secrets):
    """Return the error that a call ends with when the provider refuses so."""
    with ScriptedProvider(Reply(status, body)) as double, pytest.raises(MailError) as caught:
        call(double.registration(provider, **secrets))
    return caught.value


def refresh(registration):
    refresh_grant(registration, Secret("refresh-1"), SCOPES)


def redeem(registration):
    pending = begin_authorisation(registration.client, SCOPES, "http://localhost:49152")
    redeem_code(registration, pending, Secret("code-1"))


def ask_as_app(registration):
    request_app_token(registration, SCOPES)


def ask_as_service_account(registration):
    request_delegated_token(registration, "ann@example.test", ("https://mail.google.com/",))


@pytest.fixture(scope="module")
def service_account():
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    members = {
        "client_email": "robot@project.iam.gserviceaccount.com",
        "client_id": "1029384756",
        "private_key": key.decode(),
        "token_uri": "https://elsewhere.example.test/token",
    }
    return Secret(json.dumps(members))


@pytest.mark.parametrize(
    ("code", "call", "reason", "cause", "remedy"),
    [
        ("700082", refresh, "grant-dead", "not used for too long", "authorise again"),
        ("70008", refresh, "grant-dead", "not used for too long", "authorise again"),
        ("70008", redeem, "code-refused", "code has expired", "authorise again"),
        ("50173", refresh, "grant-dead", "revoked", "authorise again"),
        ("70043", refresh, "grant-dead", "sign-in frequency", "authorise again"),
        ("54005", redeem, "code-refused", "used already", "authorise again"),
        ("501481", redeem, "code-refused", "PKCE", "authorise again"),
        ("50076", refresh, "sign-in-needed", "second factor", "person takes part"),
        ("50079", refresh, "sign-in-needed", "second factor", "person takes part"),
        ("53003", refresh, "policy", "Conditional Access", "--flow browser"),
        ("530032", refresh, "policy", "security policy", "sign-in log"),
        ("530035", refresh, "policy", "security defaults", "--flow browser"),
        ("53000", refresh, "policy", "compliant devices", "managed device"),
        ("65001", refresh, "consent-missing", "SMTP.Send", "administrator grants consent"),
        ("90094", redeem, "consent-missing", "only an administrator", "Enterprise applications"),
        ("65004", redeem, "declined", "declined", "accept"),
        ("700016", redeem, "client-refused", "client-id-1", "directory id"),
        ("90002", redeem, "client-refused", "no such directory", "directory id"),
        ("50020", redeem, "client-refused", "another kind", "consumers"),
        ("50194", redeem, "client-refused", "one directory alone", "multi-tenant"),
        ("9001023", ask_as_app, "client-refused", "common", "directory id"),
        ("7000215", ask_as_app, "client-refused", "secret is wrong", "its *id* was pasted"),
        ("7000222", ask_as_app, "client-refused", "secret has expired", "client edit test --client-secret-stdin"),
        ("7000218", redeem, "client-refused", "not a public client", "Allow public client flows"),
        ("700025", redeem, "client-refused", "must send no secret", "take the client secret"),
        ("700027", ask_as_app, "client-refused", "certificate", "upload the certificate"),
        ("50011", redeem, "redirect-uri-refused", "not registered", "register this redirect URI: http://localhost"),
        ("70011", redeem, "scope-refused", "SMTP.Send", "API permissions"),
        ("500011", redeem, "scope-refused", "resource", "API permissions"),
        ("650057", redeem, "scope-refused", "resource", "API permissions"),
    ],
)
def test_entra_refusal_is_explained(code, call, reason, cause, remedy):
    secrets = {"secret": Secret("client-secret-1")} if call is ask_as_app else {}
    error = refusal(call, Provider.MICROSOFT, ENTRA[code], **secrets)
    assert isinstance(error, AuthenticationError)
    assert error.reason == reason
    assert cause in error.message
    assert f"AADSTS{code}" in error.message
    assert remedy in error.hint
    assert error.details["codes"] == [int(code)]
    assert error.details["error"] == ENTRA[code]["error"]
    assert error.details["correlation_id"] == CORRELATION
    assert error.reply.decode() == f"{ENTRA[code]['error']}: {ENTRA[code]['error_description']}"


@pytest.mark.parametrize(
    ("name", "call", "reason", "cause", "remedy"),
    [
        ("revoked", refresh, "grant-dead", "7 days", "clock"),
        ("code", redeem, "code-refused", "code has expired", "authorise again"),
        ("clock", ask_as_service_account, "assertion-refused", "clock is wrong", "set the clock"),
        ("rapt", refresh, "sign-in-needed", "reauthentication", "marks the app as trusted"),
        ("delegation", ask_as_service_account, "client-refused", "https://mail.google.com/", "up to 24 hours"),
        ("policy", redeem, "policy", "administrator has not allowed", "trusts the client id client-id-1"),
        ("redirect", redeem, "redirect-uri-refused", "not registered", "http://localhost:49152"),
        ("scope", redeem, "scope-refused", "SMTP.Send", "correct --scope"),
        ("client", redeem, "client-refused", "client-id-1", "copy both"),
    ],
)
def test_google_refusal_is_explained(name, call, reason, cause, remedy, service_account):
    error = refusal(call, Provider.GOOGLE, GOOGLE[name], service_account=service_account)
    assert isinstance(error, AuthenticationError)
    assert error.reason == reason
    assert cause in error.message
    assert GOOGLE[name]["error_description"] in error.message
    assert remedy in error.hint


def test_delegation_is_to_be_granted_to_the_number_of_the_service_account(service_account):
    error = refusal(ask_as_service_account, Provider.GOOGLE, GOOGLE["delegation"], service_account=service_account)
    assert "1029384756" in error.hint


@pytest.mark.parametrize(
    ("call", "error_code", "reason"),
    [
        (refresh, "invalid_grant", "grant-dead"),
        (redeem, "invalid_grant", "code-refused"),
        (refresh, "invalid_client", "client-refused"),
        (refresh, "unauthorized_client", "client-refused"),
        (redeem, "redirect_uri_mismatch", "redirect-uri-refused"),
        (refresh, "invalid_scope", "scope-refused"),
        (refresh, "login_required", "sign-in-needed"),
        (refresh, "consent_required", "consent-missing"),
    ],
)
def test_standard_error_codes_are_explained_for_any_provider(call, error_code, reason):
    error = refusal(call, Provider.CUSTOM, {"error": error_code})
    assert (error.reason, error.details["error"]) == (reason, error_code)
    assert error_code in error.message


def test_only_reasons_that_end_a_grant_say_so():
    dead = refusal(refresh, Provider.MICROSOFT, ENTRA["50173"])
    secret_expired = refusal(refresh, Provider.MICROSOFT, ENTRA["7000222"], secret=Secret("s3cret-1"))
    assert dead.reason in GRANT_ENDING
    assert secret_expired.reason not in GRANT_ENDING


def test_unknown_refusal_quotes_the_provider():
    error = refusal(refresh, Provider.MICROSOFT, {"error": "odd_error", "error_description": "the moon is full"})
    assert error.reason == "oauth-refused"
    assert "odd_error: the moon is full" in error.message


@pytest.mark.parametrize("word", ["\x1b[2J", "\x9b1m", "\u202e", "\ud800"])
def test_control_characters_of_the_provider_are_escaped(word):
    error = refusal(refresh, Provider.CUSTOM, {"error": "odd", "error_description": f"a{word}b"})
    assert word not in error.message
    assert word.encode("utf-8", "surrogatepass") not in error.reply
    assert "a\\" in error.message


@pytest.mark.parametrize("key", ["refresh-1", "client-secret-1"])
def test_secrets_that_the_provider_repeats_are_taken_out(key):
    body = {"error": f"odd {key}", "error_description": f"no such token: {key}", "correlation_id": key}
    error = refusal(refresh, Provider.GOOGLE, body, secret=Secret("client-secret-1"))
    assert "no such token" in error.message
    assert key not in f"{error.message} {error.reply!r} {error.hint} {error.details}"


@pytest.mark.parametrize(
    ("status", "body", "reason"),
    [
        (429, {"error": "too_many_requests"}, "rate-limited"),
        (429, b"slow down", "rate-limited"),
        (503, b"<html>maintenance</html>", "temporary"),
        (500, {"error": "server_error"}, "temporary"),
        (400, ENTRA["90033"], "temporary"),
        (400, {"error": "temporarily_unavailable"}, "temporary"),
    ],
)
def test_temporary_trouble_leaves_the_grant_alone(status, body, reason):
    error = refusal(refresh, Provider.MICROSOFT, body, status=status)
    assert isinstance(error, TemporaryError)
    assert error.reason == reason
