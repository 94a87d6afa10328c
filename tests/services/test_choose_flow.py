"""Which flow is taken where none is named."""

from __future__ import annotations

import re

import pytest

from mailctl.errors import MissingInputError, UsageError
from mailctl.model.oauth import Flow, OAuthClient, Provider
from mailctl.services.oauth.authorise import choose_flow

GOOGLE = OAuthClient(name="g", provider=Provider.GOOGLE, client_id="id")
WORKSPACE = OAuthClient(name="w", provider=Provider.GOOGLE, client_id="id", service_account="env:ACCOUNT")
ENTRA = OAuthClient(name="m", provider=Provider.MICROSOFT, client_id="id")
DAEMON = OAuthClient(
    name="d", provider=Provider.MICROSOFT, client_id="id", directory_id="contoso", client_secret="env:SECRET"
)
PLAIN = OAuthClient(
    name="p",
    provider=Provider.CUSTOM,
    client_id="id",
    token_url="https://x.example/t",
    authorize_url="https://x.example/a",
)
ALONE = OAuthClient(
    name="a", provider=Provider.CUSTOM, client_id="id", token_url="https://x.example/t", client_secret="env:SECRET"
)
NOTHING = OAuthClient(name="n", provider=Provider.CUSTOM, client_id="id", token_url="https://x.example/t")


@pytest.mark.parametrize(
    ("client", "with_browser", "without"),
    [
        (GOOGLE, Flow.BROWSER, Flow.PASTE),
        (WORKSPACE, Flow.BROWSER, Flow.PASTE),
        (ENTRA, Flow.BROWSER, Flow.DEVICE),
        (DAEMON, Flow.BROWSER, Flow.DEVICE),
        (PLAIN, Flow.BROWSER, Flow.PASTE),
        (ALONE, Flow.CLIENT_CREDENTIALS, Flow.CLIENT_CREDENTIALS),
    ],
)
def test_with_a_person(client: OAuthClient, with_browser: Flow, without: Flow) -> None:
    assert choose_flow(client, None, has_person=True, has_browser=True) is with_browser
    assert choose_flow(client, None, has_person=True, has_browser=False) is without


@pytest.mark.parametrize(
    ("client", "hint"),
    [(GOOGLE, "--print-url"), (WORKSPACE, "--flow service-account"), (DAEMON, "--flow client-credentials")],
)
def test_without_a_person_what_needs_none_is_named(client: OAuthClient, hint: str) -> None:
    with pytest.raises(MissingInputError) as caught:
        choose_flow(client, None, has_person=False, has_browser=True)
    assert hint in (caught.value.hint or "")


def test_without_a_person_a_client_that_needs_none_is_taken_at_its_word() -> None:
    assert choose_flow(ALONE, None, has_person=False, has_browser=False) is Flow.CLIENT_CREDENTIALS
    assert choose_flow(DAEMON, Flow.CLIENT_CREDENTIALS, has_person=False, has_browser=False) is Flow.CLIENT_CREDENTIALS


@pytest.mark.parametrize("has_person", [True, False])
def test_a_client_that_can_do_nothing_is_told_why(has_person: bool) -> None:
    with pytest.raises(UsageError, match="no authorisation endpoint"):
        choose_flow(NOTHING, None, has_person=has_person, has_browser=True)


@pytest.mark.parametrize(
    ("client", "flow", "mailbox"),
    [
        (WORKSPACE, Flow.SERVICE_ACCOUNT, "alice@gmail.com"),
        (WORKSPACE, Flow.SERVICE_ACCOUNT, "Alice@GoogleMail.com"),
        (DAEMON, Flow.CLIENT_CREDENTIALS, "alice@outlook.com"),
        (DAEMON, Flow.CLIENT_CREDENTIALS, "alice@hotmail.co.uk"),
    ],
)
def test_a_mailbox_of_a_persons_own_has_no_flow_without_the_person(client, flow, mailbox) -> None:
    with pytest.raises(UsageError, match=re.escape(mailbox)) as caught:
        choose_flow(client, flow, mailbox=mailbox, has_person=True, has_browser=True)
    assert "--flow browser" in (caught.value.hint or "")
    with pytest.raises(MissingInputError) as unattended:
        choose_flow(client, None, mailbox=mailbox, has_person=False, has_browser=False)
    assert flow not in (unattended.value.hint or "")


@pytest.mark.parametrize("mailbox", [None, "alice", "alice@example.org", "alice@contoso.onmicrosoft.com"])
def test_other_mailboxes_may_be_an_organisations(mailbox: str | None) -> None:
    for client, flow in ((WORKSPACE, Flow.SERVICE_ACCOUNT), (DAEMON, Flow.CLIENT_CREDENTIALS)):
        assert choose_flow(client, flow, mailbox=mailbox, has_person=False, has_browser=False) is flow
