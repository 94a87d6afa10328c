"""The token endpoint: what is sent, what is taken for an answer, and how long it may take."""

from __future__ import annotations

import base64
import datetime as dt
import json
import ssl
import time
from urllib.parse import unquote_plus

import msgspec
import pytest
from tests.oauth.provider import TOKENS, Reply, ScriptedProvider

from mailctl.errors import AuthenticationError, MailError, NetworkError, ProtocolError, TLSError
from mailctl.model.oauth import Provider
from mailctl.model.secret import Secret
from mailctl.oauth.app_only import request_app_token
from mailctl.oauth.http import REPLY_BYTES_MAX
from mailctl.oauth.refresh import refresh_grant
from mailctl.oauth.revoke import revoke_token
from mailctl.oauth.tokens import TokenReply

SCOPES = ("https://outlook.office.com/SMTP.Send", "offline_access")
INVALID_CLIENT = Reply(401, {"error": "invalid_client"})


def refresh(*replies, provider=Provider.CUSTOM, timeout_seconds=30, scopes=SCOPES, **secrets):
    with ScriptedProvider(*replies) as double:
        tokens = refresh_grant(
            double.registration(provider, **secrets), Secret("refresh-1"), scopes, timeout_seconds=timeout_seconds
        )
    return tokens, double.asked


def failure(*replies, **options):
    with pytest.raises(MailError) as caught:
        refresh(*replies, **options)
    return caught.value


def test_public_client_names_itself_in_the_form_and_sends_no_header():
    _, asked = refresh(TOKENS)
    assert asked[0].form == {"grant_type": "refresh_token", "refresh_token": "refresh-1", "client_id": "client-id-1"}
    assert "Authorization" not in asked[0].headers


@pytest.mark.parametrize("provider", [Provider.GOOGLE, Provider.MICROSOFT])
def test_secret_is_in_the_form_where_the_provider_documents_that(provider):
    _, asked = refresh(TOKENS, provider=provider, secret=Secret("s3cret &=+1"))
    assert asked[0].form["client_secret"] == "s3cret &=+1"
    assert "Authorization" not in asked[0].headers


def test_elsewhere_the_secret_is_sent_as_http_basic():
    _, asked = refresh(TOKENS, secret=Secret("s3cret :%+1é"))
    kind, _, encoded = asked[0].headers["Authorization"].partition(" ")
    assert kind == "Basic"
    assert [unquote_plus(part) for part in base64.b64decode(encoded).decode().split(":")] == [
        "client-id-1",
        "s3cret :%+1é",
    ]
    assert "client_secret" not in asked[0].form


def test_form_is_tried_where_http_basic_is_not_the_registered_way():
    tokens, asked = refresh(INVALID_CLIENT, TOKENS, secret=Secret("s3cret-1"))
    assert tokens.access_token == Secret("at-1")
    assert [request.form.get("client_secret") for request in asked] == [None, "s3cret-1"]


def test_other_refusals_are_not_tried_again():
    with ScriptedProvider(Reply(400, {"error": "invalid_grant"})) as double, pytest.raises(AuthenticationError):
        refresh_grant(double.registration(secret=Secret("s3cret-1")), Secret("refresh-1"), SCOPES)
    assert len(double.asked) == 1


def test_only_microsoft_is_told_the_scopes_again():
    assert refresh(TOKENS, provider=Provider.MICROSOFT)[1][0].form["scope"] == " ".join(SCOPES)
    assert "scope" not in refresh(TOKENS, provider=Provider.GOOGLE)[1][0].form


def test_scopes_of_the_reply_are_kept_and_missing_ones_told():
    granted = Reply(body={**TOKENS.body, "scope": "https://outlook.office.com/IMAP.AccessAsUser.All"})
    tokens, _ = refresh(granted, provider=Provider.MICROSOFT)
    assert tokens.scopes == ("https://outlook.office.com/IMAP.AccessAsUser.All",)
    assert tokens.missing(SCOPES) == ("https://outlook.office.com/SMTP.Send",)


@pytest.mark.parametrize("named", [{}, {"scope": ""}, {"scope": " "}, {"scope": None}])
def test_reply_without_scopes_grants_those_that_were_asked_for(named):
    assert refresh(Reply(body=TOKENS.body | named))[0].scopes == SCOPES


def test_offline_access_and_default_scopes_are_never_missing():
    reply = TokenReply(access_token=Secret("a"), expires_at=None, refresh_token=None, scopes=("HTTPS://X/Mail",))
    assert reply.missing(["https://x/mail", "offline_access", "https://outlook.office365.com/.default"]) == ()


def test_same_refresh_token_counts_as_none():
    assert refresh(Reply(body={**TOKENS.body, "refresh_token": "refresh-1"}))[0].refresh_token is None
    assert refresh(Reply(body={**TOKENS.body, "refresh_token": "refresh-2"}))[0].refresh_token == Secret("refresh-2")


@pytest.mark.parametrize("expires_in", [3600, "3600", 3600.5])
def test_expiry_is_a_moment(expires_in):
    before = time.time()
    tokens, _ = refresh(Reply(body={**TOKENS.body, "expires_in": expires_in}))
    assert before + 3600 <= tokens.expires_at <= time.time() + 3601


@pytest.mark.parametrize("expires_in", [10**14, -(10**14), -1e300, 1e300])
def test_expiry_is_a_day_that_a_calendar_has(expires_in):
    tokens, _ = refresh(Reply(body={**TOKENS.body, "expires_in": expires_in}))
    assert 2026 <= dt.datetime.fromtimestamp(tokens.expires_at, dt.UTC).year < dt.MAXYEAR


def test_unknown_expiry_is_none():
    assert refresh(Reply(body={"access_token": "at-1"}))[0].expires_at is None


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"not json",
        b"\xff\xfe",
        b"[]",
        b"null",
        b'"at-1"',
        b"access_token=at-1&token_type=bearer",
        b"<html>sign in to the hotel's network</html>",
        b"{" * 100_000,
        b"[" * 100_000,
        {},
        {"access_token": 7},
        {"access_token": ""},
        {"access_token": None},
        {"access_token": "at-1", "expires_in": "soon"},
        b'{"access_token": "at-1", "expires_in": NaN}',
        b'{"access_token": "at-1", "expires_in": Infinity}',
        {"access_token": "at-1", "token_type": "mac"},
        {"access_token": "at-1", "scope": 7},
        {"access_token": "at-1\r\nX-Header: 1"},
        {"access_token": "at-1\x01auth=Bearer at-2"},
        {"access_token": "トークン"},
        {"access_token": "at-1", "refresh_token": "rt-\x001"},
        {"access_token": "at-1", "refresh_token": 7},
    ],
)
def test_what_is_no_token_reply_is_a_clean_error(body):
    error = failure(Reply(body=body))
    assert isinstance(error, ProtocolError)
    assert error.reason == "malformed-reply"
    assert "at-1" not in str(error)


@pytest.mark.parametrize(
    ("members", "said"),
    [
        ({"access_token": "トークン"}, "the reply has no bearer token"),
        ({"token_type": "mac"}, "the reply has no bearer token"),
        ({"refresh_token": "rt-\x001"}, "the reply's refresh token is none"),
    ],
)
def test_what_a_token_reply_lacks_is_said(members, said):
    assert said in failure(Reply(body={"access_token": "at-1"} | members)).message


def test_error_with_status_200_is_a_refusal():
    assert failure(Reply(200, {"error": "invalid_grant"})).reason == "grant-dead"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_are_not_followed(status):
    with ScriptedProvider(TOKENS) as elsewhere:
        error = failure(Reply(status, headers={"Location": f"{elsewhere.url}/token"}))
    assert isinstance(error, ProtocolError)
    assert str(status) in error.message
    assert elsewhere.asked == []


@pytest.mark.parametrize("spaces", [REPLY_BYTES_MAX, 20 * REPLY_BYTES_MAX])
def test_endless_reply_is_cut(spaces):
    error = failure(Reply(body=json.dumps(TOKENS.body).encode() + b" " * spaces))
    assert (type(error), error.reason) == (ProtocolError, "reply-too-long")


def test_dripping_reply_ends_with_the_deadline():
    error = failure(Reply(drips=True), timeout_seconds=0.3)
    assert (type(error), error.reason) == (NetworkError, "timed-out")


def test_nobody_listens():
    with ScriptedProvider(TOKENS) as double:
        registration = double.registration()
    with pytest.raises(NetworkError) as caught:
        refresh_grant(registration, Secret("refresh-1"), SCOPES)
    assert caught.value.reason == "refused"
    assert registration.client.endpoints.token.split("/")[2] in caught.value.message


def test_other_hosts_are_spoken_to_over_https_alone():
    with ScriptedProvider(TOKENS) as double:
        registration = double.registration()
    client = msgspec.structs.replace(registration.client, token_url="http://id.example.test/token")
    registration = msgspec.structs.replace(registration, client=client)
    with pytest.raises(ProtocolError) as caught:
        refresh_grant(registration, Secret("refresh-1"), SCOPES)
    assert "https" in caught.value.message


def test_certificate_is_checked(ca):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(ca.good.certificate, ca.good.key)
    with ScriptedProvider(TOKENS, context=context) as double:
        trusting = double.registration(ca_file=str(ca.ca_file))
        assert refresh_grant(trusting, Secret("refresh-1"), SCOPES).access_token
        with pytest.raises(TLSError) as caught:
            refresh_grant(double.registration(), Secret("refresh-1"), SCOPES)
    assert caught.value.reason.startswith("certificate-")
    assert len(double.asked) == 1


def test_proxy_and_authorities_of_the_environment_do_not_touch_loopback(monkeypatch):
    for name in ("HTTPS_PROXY", "HTTP_PROXY", "https_proxy", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/nonexistent")
    assert refresh(TOKENS)[0].access_token


def test_netrc_is_not_read(monkeypatch, tmp_path):
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login somebody password else\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    assert "Authorization" not in refresh(TOKENS)[1][0].headers


def test_client_credentials_are_asked_for_with_the_scopes():
    with ScriptedProvider(TOKENS) as double:
        request_app_token(double.registration(Provider.MICROSOFT, secret=Secret("s3cret-1")), SCOPES[:1])
    assert double.asked[0].form == {
        "grant_type": "client_credentials",
        "scope": SCOPES[0],
        "client_id": "client-id-1",
        "client_secret": "s3cret-1",
    }


def test_revocation_is_asked_for_where_there_is_an_endpoint():
    with ScriptedProvider(Reply(200)) as double:
        registration = double.registration()
        assert revoke_token(registration, Secret("refresh-1"))
        client = msgspec.structs.replace(registration.client, revoke_url=None)
        assert not revoke_token(msgspec.structs.replace(registration, client=client), Secret("refresh-1"))
    assert [(request.path, request.form["token"]) for request in double.asked] == [("/revoke", "refresh-1")]


def test_token_that_google_does_not_know_counts_as_revoked():
    with ScriptedProvider(Reply(400, {"error": "invalid_token"})) as double:
        assert revoke_token(double.registration(Provider.GOOGLE), Secret("refresh-1"))


def test_refused_revocation_is_said():
    with ScriptedProvider(INVALID_CLIENT) as double, pytest.raises(AuthenticationError):
        revoke_token(double.registration(), Secret("refresh-1"))
