"""The address that a person opens, and what comes back."""

from __future__ import annotations

import base64
import hashlib
import json
from urllib.parse import parse_qs, quote, urlsplit

import msgspec
import pytest

from mailctl.errors import AuthenticationError, InvalidValueError, ProtocolError
from mailctl.model.oauth import Flow, OAuthClient, Provider, scopes_for
from mailctl.model.secret import Secret
from mailctl.oauth.authorisation import (
    PENDING_SECONDS,
    PendingAuthorisation,
    begin_authorisation,
    parse_redirect,
    paste_redirect_uri,
)

GOOGLE = OAuthClient(name="g", provider=Provider.GOOGLE, client_id="g-1")
MICROSOFT = OAuthClient(name="m", provider=Provider.MICROSOFT, client_id="m-1", directory_id="example.test")
CUSTOM = OAuthClient(
    name="c",
    provider=Provider.CUSTOM,
    client_id="c-1",
    authorize_url="https://id.example.test/realms/mail/authorize?realm=mail",
    token_url="https://id.example.test/token",
)
URI = "http://127.0.0.1:49152"


def begin(client=GOOGLE, **options):
    return begin_authorisation(client, scopes_for(client, Flow.BROWSER), URI, **options)


def parameters(pending):
    return {name: values[0] for name, values in parse_qs(urlsplit(pending.url).query).items()}


@pytest.mark.parametrize("client", [GOOGLE, MICROSOFT, CUSTOM])
def test_address_carries_the_challenge_and_never_the_verifier(client):
    pending = begin(client, username="ann@example.test")
    asked = parameters(pending)
    verifier = pending.verifier.reveal()
    digest = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    assert (asked["code_challenge"], asked["code_challenge_method"]) == (digest, "S256")
    assert 43 <= len(verifier) <= 128
    assert verifier not in pending.url
    assert asked["response_type"] == "code"
    assert asked["state"] == pending.state
    assert asked["redirect_uri"] == URI
    assert asked["login_hint"] == "ann@example.test"
    assert asked["client_id"] == client.client_id
    assert asked["scope"].split() == list(scopes_for(client, Flow.BROWSER))


def test_every_attempt_has_its_own_verifier_and_state():
    attempts = [begin() for _ in range(3)]
    assert len({attempt.verifier for attempt in attempts}) == 3
    assert len({attempt.state for attempt in attempts}) == 3


def test_google_is_asked_for_lasting_access():
    asked = parameters(begin(GOOGLE))
    assert (asked["access_type"], asked["prompt"]) == ("offline", "consent")


@pytest.mark.parametrize(
    ("client", "scopes", "prompt"),
    [
        (CUSTOM, ("mail", "offline_access"), "consent"),
        (CUSTOM, ("mail",), None),
        (MICROSOFT, ("mail", "offline_access"), None),
    ],
)
def test_consent_is_asked_for_anew_where_openid_connect_wants_it_for_lasting_access(client, scopes, prompt):
    asked = parameters(begin_authorisation(client, scopes, URI))
    assert (asked.get("prompt"), asked.get("access_type")) == (prompt, None)


def test_query_of_the_endpoint_is_kept():
    assert parameters(begin(CUSTOM))["realm"] == "mail"


def test_endpoint_without_https_is_refused():
    client = msgspec.structs.replace(CUSTOM, authorize_url="http://id.example.test/authorize")
    with pytest.raises(ProtocolError):
        begin(client)


@pytest.mark.parametrize(("client", "host"), [(GOOGLE, "127.0.0.1"), (CUSTOM, "127.0.0.1"), (MICROSOFT, "localhost")])
def test_redirect_uri_is_the_one_that_the_provider_registers(client, host):
    parts = urlsplit(paste_redirect_uri(client))
    assert (parts.scheme, parts.hostname, parts.path) == ("http", host, "")
    assert parts.port


CODE = "4/0AX-code_1-that-nobody-guesses"


@pytest.mark.parametrize(
    "form",
    [
        f"{URI}/?state={{state}}&code={{code}}&scope=x",
        f"  {URI}?code={{code}}&state={{state}}\n",
        "?code={code}&state={state}",
        "code={code}&state={state}",
        "127.0.0.1:49152/?code={code}&state={state}",
        "?state={state}&code={code}&scope=https://mail.google.com/",
        "state={state}&code={code}&scope=https://mail.google.com/#",
        "{code}",
    ],
)
def test_code_is_read_from_whatever_was_pasted(form):
    pending = begin()
    text = form.format(code=quote(CODE, safe=""), state=pending.state)
    assert parse_redirect(text, pending, GOOGLE) == Secret(CODE)


def test_line_breaks_of_a_terminal_are_no_part_of_the_address():
    pending = begin()
    address = f"{URI}/?code=code-1&state={pending.state}"
    assert parse_redirect(address[:30] + "\r\n" + address[30:], pending, GOOGLE) == Secret("code-1")


def test_address_of_another_attempt_is_refused():
    with pytest.raises(AuthenticationError) as caught:
        parse_redirect(f"{URI}/?code=code-1&state=other", begin(), GOOGLE)
    assert caught.value.reason == "state-mismatch"


@pytest.mark.parametrize("text", ["", "  \n", f"{URI}/", f"{URI}/?state=x", f"{URI}/?code=", "http://[::1", "a\x00b"])
def test_what_holds_no_code_is_refused_without_quoting_it(text):
    with pytest.raises(InvalidValueError) as caught:
        parse_redirect(text, begin(), GOOGLE)
    assert not text.strip() or text.strip() not in caught.value.message


@pytest.mark.parametrize(
    ("form", "said"),
    [
        (f"{URI}/?code={CODE}", "lacks the parameter state"),
        (f"code={CODE}", "lacks the parameter state"),
        (f"https://evil.example.test/?code={CODE}&state={{state}}", "of another host"),
        (f"evil.example.test/?code={CODE}&state={{state}}", "of another host"),
        (f"http://127.0.0.1@evil.example.test:49152/?code={CODE}&state={{state}}", "of another host"),
        (f"http://[::1?code={CODE}&state={{state}}", "of another host"),
        ("https://accounts.google.com/o/oauth2/v2/auth?response_type=code&state={state}", "of another host"),
        ("garbage", "neither an address nor a code"),
        ("this is what I saw in the browser", "neither an address nor a code"),
        ("コードコードコードコードコードコード", "neither an address nor a code"),
    ],
)
def test_what_cannot_be_of_this_attempt_is_refused_and_told_what_is_expected(form, said):
    pending = begin()
    with pytest.raises(InvalidValueError, match=said) as caught:
        parse_redirect(form.format(state=pending.state), pending, GOOGLE)
    assert caught.value.hint.endswith(f"it begins with {URI}, and holds code= and state=")
    assert CODE not in f"{caught.value.message}{caught.value.hint}"


def test_parameter_given_twice_is_refused():
    with pytest.raises(InvalidValueError):
        parse_redirect(f"{URI}/?code=one-1&code=two-2", begin(), GOOGLE)


def test_refusal_in_the_address_is_explained():
    pending = begin(MICROSOFT)
    words = quote("AADSTS65004: User declined to consent to access the app.")
    text = f"{URI}/?error=access_denied&error_description={words}&error_subcode=cancel&state={pending.state}"
    with pytest.raises(AuthenticationError) as caught:
        parse_redirect(text, pending, MICROSOFT)
    assert caught.value.reason == "declined"
    assert caught.value.details["codes"] == [65004]
    assert caught.value.details["subtype"] == "cancel"


@pytest.mark.parametrize("issuer", ["https://evil.example.test", "http://id.example.test", "https://id.example.test:1"])
def test_answer_of_another_issuer_is_refused(issuer):
    pending = begin(CUSTOM)
    text = f"{URI}/?code=code-1&state={pending.state}&iss={quote(issuer, safe='')}"
    with pytest.raises(AuthenticationError) as caught:
        parse_redirect(text, pending, CUSTOM)
    assert caught.value.reason == "issuer-mismatch"


def test_answer_of_the_right_issuer_is_taken():
    pending = begin(CUSTOM)
    issuer = quote("https://id.example.test/realms/mail", safe="")
    text = f"{URI}/?code=code-1&state={pending.state}&iss={issuer}"
    assert parse_redirect(text, pending, CUSTOM) == Secret("code-1")


ISSUED = msgspec.structs.replace(CUSTOM, issuer="https://id.example.test/realms/mail")


def test_a_known_issuer_is_compared_letter_by_letter():
    pending = begin(ISSUED)

    def answer(issuer):
        return parse_redirect(f"?code=code-1&state={pending.state}&iss={quote(issuer, safe='')}", pending, ISSUED)

    assert answer(ISSUED.issuer) == Secret("code-1")
    for other in (ISSUED.issuer + "/", "https://id.example.test/realms/other", "https://id.example.test", ""):
        with pytest.raises(AuthenticationError, match="another authorisation server") as caught:
            answer(other)
        assert caught.value.reason == "issuer-mismatch"


def test_a_server_that_always_names_itself_may_not_be_silent():
    pending = begin(ISSUED)
    for query in (f"?code=code-1&state={pending.state}", f"?error=access_denied&state={pending.state}"):
        with pytest.raises(AuthenticationError, match="does not say that it comes from") as caught:
            parse_redirect(query, pending, ISSUED)
        assert caught.value.reason == "issuer-mismatch"
    assert parse_redirect(CODE, pending, ISSUED) == Secret(CODE), "a bare code names nothing"


@pytest.mark.parametrize(
    ("issuer", "is_taken"),
    [("https://accounts.google.com", True), ("accounts.google.com", False), ("https://accounts.google.com/", False)],
)
def test_google_is_known_by_its_name_and_may_leave_it_out(issuer, is_taken):
    pending = begin(GOOGLE)
    assert parse_redirect(f"?code=code-1&state={pending.state}", pending, GOOGLE) == Secret("code-1")
    text = f"?code=code-1&state={pending.state}&iss={quote(issuer, safe='')}"
    if is_taken:
        assert parse_redirect(text, pending, GOOGLE) == Secret("code-1")
    else:
        with pytest.raises(AuthenticationError):
            parse_redirect(text, pending, GOOGLE)


def test_microsofts_name_holds_the_directory_of_who_signed_in():
    pending = begin(MICROSOFT)
    issuer = quote("https://login.microsoftonline.com/9188040d-6c67-4c5b-b112-36a304b66dad/v2.0", safe="")
    text = f"?code=code-1&state={pending.state}&iss={issuer}"
    assert parse_redirect(text, pending, MICROSOFT) == Secret("code-1")


def test_attempt_is_kept_and_read_again():
    pending = begin()
    assert PendingAuthorisation.from_secret(pending.to_secret()) == pending


@pytest.mark.parametrize("text", ["", "{}", "[1]", '{"client_name": 1}'])
def test_attempt_that_cannot_be_read_has_expired(text):
    with pytest.raises(AuthenticationError) as caught:
        PendingAuthorisation.from_secret(Secret(text))
    assert caught.value.reason == "authorisation-expired"


@pytest.mark.parametrize("age", [PENDING_SECONDS + 1, -60])
def test_attempt_expires(age):
    pending = begin()
    old = msgspec.structs.replace(pending, created_at=pending.created_at - age)
    with pytest.raises(AuthenticationError) as caught:
        old.require_current()
    assert caught.value.reason == "authorisation-expired"
    pending.require_current()


def test_kept_attempt_names_its_verifier_only_inside_the_secret():
    pending = begin()
    assert pending.verifier.reveal() not in repr(pending)
    assert json.loads(pending.to_secret().reveal())["verifier"] == pending.verifier.reveal()
