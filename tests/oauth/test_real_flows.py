"""Each flow against a real authorisation server."""

from __future__ import annotations

import json
import threading

import pytest
import requests
from tests.servers.authorisation_server import MAIL_SCOPES, AuthorisationServer

from mailctl.errors import AuthenticationError, TLSError
from mailctl.model.secret import Secret
from mailctl.oauth.app_only import request_app_token, request_delegated_token
from mailctl.oauth.authorisation import (
    PendingAuthorisation,
    begin_authorisation,
    parse_redirect,
    paste_redirect_uri,
    redeem_code,
)
from mailctl.oauth.browser import authorise_in_browser
from mailctl.oauth.device import authorise_by_device
from mailctl.oauth.refresh import refresh_grant
from mailctl.oauth.revoke import revoke_token

USER = "alice@example.test"
MAIL = MAIL_SCOPES[0]
SCOPES = (MAIL, "offline_access")


@pytest.fixture(params=["native", "desktop"])
def registration(request, authorisation_server, registration_of):
    """A public client, and one with a secret."""
    return registration_of(getattr(authorisation_server.clients, request.param))


def paste(server, registration, *, user=USER):
    pending = begin_authorisation(registration.client, SCOPES, paste_redirect_uri(registration.client), username=user)
    code = parse_redirect(server.sign_in(pending.url, user=user), pending, registration.client)
    return redeem_code(registration, pending, code)


def mailbox_of(server, tokens):
    """Return whose mailbox an access token opens, as the mail server is told."""
    answer = requests.post(server.introspection_url, data={"token": tokens.access_token.reveal()}, timeout=10)
    return answer.json().get("email") if answer.json()["active"] else None


class Person:
    """Somebody with a browser, in which they sign in and end at the listener."""

    def __init__(self, server, decide):
        self._server = server
        self._decide = decide
        self.page = ""
        self.status = 0

    def open(self, url):
        self._thread = threading.Thread(target=self._sign_in, args=(url,))
        self._thread.start()

    def _sign_in(self, url):
        with requests.get(self._decide(url, user=USER), timeout=10) as answer:
            self.status, self.page = answer.status_code, answer.text

    def finish(self):
        self._thread.join()


def test_browser_brings_tokens(authorisation_server, registration):
    person = Person(authorisation_server, authorisation_server.sign_in)
    shown = []
    tokens = authorise_in_browser(registration, SCOPES, username=USER, show_url=shown.append, open_browser=person.open)
    person.finish()
    assert mailbox_of(authorisation_server, tokens) == USER
    assert tokens.refresh_token
    assert tokens.expires_at
    assert tokens.missing(SCOPES) == ()
    assert person.status == 200
    assert "close this window" in person.page
    assert shown[0].startswith(authorisation_server.authorise_url)


def test_declining_in_the_browser_is_said(authorisation_server, registration):
    person = Person(authorisation_server, authorisation_server.decline)
    with pytest.raises(AuthenticationError) as caught:
        authorise_in_browser(registration, SCOPES, open_browser=person.open)
    person.finish()
    assert caught.value.reason == "declined"
    assert "not authorised" in person.page
    assert "the user has declined" in person.page


def test_pasted_address_brings_tokens_in_another_run(authorisation_server, registration):
    pending = begin_authorisation(registration.client, SCOPES, paste_redirect_uri(registration.client))
    kept = pending.to_secret()
    address = authorisation_server.sign_in(pending.url, user=USER)
    resumed = PendingAuthorisation.from_secret(kept)
    resumed.require_current()
    tokens = redeem_code(registration, resumed, parse_redirect(address, resumed, registration.client))
    assert mailbox_of(authorisation_server, tokens) == USER


def test_code_is_good_once(authorisation_server, registration):
    pending = begin_authorisation(registration.client, SCOPES, paste_redirect_uri(registration.client))
    code = parse_redirect(authorisation_server.sign_in(pending.url, user=USER), pending, registration.client)
    redeem_code(registration, pending, code)
    with pytest.raises(AuthenticationError) as caught:
        redeem_code(registration, pending, code)
    assert caught.value.reason == "code-refused"


def test_code_of_another_attempt_is_refused(authorisation_server, registration):
    uri = paste_redirect_uri(registration.client)
    first, second = (begin_authorisation(registration.client, SCOPES, uri) for _ in range(2))
    code = parse_redirect(authorisation_server.sign_in(first.url, user=USER), first, registration.client)
    with pytest.raises(AuthenticationError) as caught:
        redeem_code(registration, second, code)
    assert caught.value.reason == "code-refused"


def test_device_brings_tokens(authorisation_server, registration):
    waited = []

    def wait(seconds):
        waited.append(seconds)
        if len(waited) == 2:
            authorisation_server.approve_device(prompts[0].user_code, user=USER)

    prompts = []
    tokens = authorise_by_device(registration, SCOPES, tell=prompts.append, wait=wait)
    assert mailbox_of(authorisation_server, tokens) == USER
    assert prompts[0].verification_url == authorisation_server.verification_url
    assert prompts[0].user_code in prompts[0].complete_url
    assert waited == [1.0, 1.0]


def test_declining_on_the_device_page_is_said(authorisation_server, registration):
    with pytest.raises(AuthenticationError) as caught:
        authorise_by_device(
            registration,
            SCOPES,
            tell=lambda prompt: authorisation_server.decline_device(prompt.user_code, user=USER),
            wait=lambda _: None,
        )
    assert caught.value.reason == "declined"


def test_refresh_replaces_the_token_of_a_public_client_once(authorisation_server, registration_of):
    registration = registration_of(authorisation_server.clients.native)
    tokens = paste(authorisation_server, registration)
    renewed = refresh_grant(registration, tokens.refresh_token, tokens.scopes)
    assert mailbox_of(authorisation_server, renewed) == USER
    assert renewed.refresh_token not in (None, tokens.refresh_token)
    with pytest.raises(AuthenticationError) as caught:
        refresh_grant(registration, tokens.refresh_token, tokens.scopes)
    assert caught.value.reason == "grant-dead"


def test_refresh_without_a_new_token_says_so(authorisation_server, registration_of):
    registration = registration_of(authorisation_server.clients.desktop)
    tokens = paste(authorisation_server, registration)
    assert refresh_grant(registration, tokens.refresh_token, tokens.scopes).refresh_token is None


def test_revoked_grant_is_dead(authorisation_server, registration):
    tokens = paste(authorisation_server, registration)
    assert revoke_token(registration, tokens.refresh_token)
    assert revoke_token(registration, tokens.refresh_token)
    with pytest.raises(AuthenticationError) as caught:
        refresh_grant(registration, tokens.refresh_token, tokens.scopes)
    assert caught.value.reason == "grant-dead"


def test_application_gets_a_token_by_its_secret(authorisation_server, registration_of):
    tokens = request_app_token(registration_of(authorisation_server.clients.service), (MAIL,))
    assert mailbox_of(authorisation_server, tokens) == authorisation_server.service_mailbox
    assert tokens.refresh_token is None


def test_wrong_secret_is_said(authorisation_server, registration_of):
    registration = registration_of(authorisation_server.clients.service, secret=Secret("not-the-secret"))
    with pytest.raises(AuthenticationError) as caught:
        request_app_token(registration, (MAIL,))
    assert caught.value.reason == "client-refused"


def test_application_gets_a_token_by_its_certificate(authorisation_server, registration_of):
    client = authorisation_server.clients.certified_service
    registration = registration_of(
        client, certificate=client.pair.certificate.read_bytes(), key=Secret(client.pair.key.read_text())
    )
    assert mailbox_of(authorisation_server, request_app_token(registration, (MAIL,)))


def test_service_account_gets_a_token_for_a_mailbox(authorisation_server, registration_of):
    client = authorisation_server.clients.service_account
    account = {
        "client_email": client.id,
        "private_key": client.pair.key.read_text(),
        "token_uri": "https://elsewhere.example.test/token",
    }
    registration = registration_of(client, service_account=Secret(json.dumps(account)))
    tokens = request_delegated_token(registration, "bob@example.test", (MAIL,))
    assert mailbox_of(authorisation_server, tokens) == "bob@example.test"


@pytest.mark.real("oidc-provider")
def test_server_with_a_certificate_of_its_own_needs_its_authority(ca):
    with AuthorisationServer(ca=ca) as server:
        from mailctl.model.oauth import OAuthClient, Provider
        from mailctl.oauth.registration import Registration

        client = OAuthClient(name="test", provider=Provider.CUSTOM, client_id="service", token_url=server.token_url)
        secret = Secret(server.clients.service.secret)
        trusting = Registration(client=client, secret=secret, ca_file=str(ca.ca_file))
        assert request_app_token(trusting, (MAIL,)).access_token
        with pytest.raises(TLSError) as caught:
            request_app_token(Registration(client=client, secret=secret), (MAIL,))
        assert caught.value.reason.startswith("certificate-")
