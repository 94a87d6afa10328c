"""How the device flow waits. RFC 8628, 3.5."""

from __future__ import annotations

import pytest
from tests.oauth.provider import TOKENS, Reply, ScriptedProvider

from mailctl.errors import AuthenticationError, ProtocolError
from mailctl.model.oauth import Provider
from mailctl.model.secret import Secret
from mailctl.oauth.device import authorise_by_device

SCOPES = ("https://outlook.office.com/SMTP.Send", "offline_access")
PENDING = Reply(400, {"error": "authorization_pending", "error_description": "AADSTS70016: pending."})
SLOW_DOWN = Reply(400, {"error": "slow_down"})


def device(**others):
    return Reply(
        body={
            "device_code": "device-code-1",
            "user_code": "ABCD-EFGH",
            "verification_uri": "https://microsoft.com/devicelogin",
            "expires_in": 900,
            **others,
        }
    )


def authorise(*replies, timeout_seconds=None, wait=None):
    """Return the tokens, what the person was told, how long was waited before each poll, and what was asked."""
    waited, told = [], []
    with ScriptedProvider(*replies) as double:
        tokens = authorise_by_device(
            double.registration(Provider.MICROSOFT),
            SCOPES,
            tell=told.append,
            wait=wait or waited.append,
            timeout_seconds=timeout_seconds,
        )
    return tokens, told, waited, double.asked


def test_polls_every_five_seconds_unless_told_otherwise():
    tokens, told, waited, asked = authorise(device(), PENDING, PENDING, TOKENS)
    assert tokens.access_token == Secret("at-1")
    assert waited == [5, 5, 5]
    assert (told[0].user_code, told[0].verification_url) == ("ABCD-EFGH", "https://microsoft.com/devicelogin")
    assert told[0].complete_url is None
    assert (asked[0].path, asked[0].form["client_id"]) == ("/device", "client-id-1")
    assert asked[0].form["scope"] == " ".join(SCOPES)
    assert asked[1].form == {
        "grant_type": "urn:ietf:params:oauth:grant-type:device_code",
        "device_code": "device-code-1",
        "client_id": "client-id-1",
    }


def test_interval_of_the_provider_is_kept():
    assert authorise(device(interval=2), PENDING, TOKENS)[2] == [2, 2]


def test_slow_down_adds_five_seconds_for_good():
    assert authorise(device(), SLOW_DOWN, PENDING, SLOW_DOWN, TOKENS)[2] == [5, 10, 10, 15]


def test_trouble_of_the_provider_makes_polls_rarer():
    assert authorise(device(), Reply(503, b"later"), PENDING, TOKENS)[2] == [5, 10, 10]


@pytest.mark.parametrize("answer", ["expired_token", "code_expired"])
def test_code_that_has_expired_ends_the_flow(answer):
    with pytest.raises(AuthenticationError) as caught:
        authorise(device(), Reply(400, {"error": answer}))
    assert caught.value.reason == "authorisation-expired"


@pytest.mark.parametrize(("lifetime", "timeout_seconds"), [(0.05, None), (900, 0.05)])
def test_nobody_comes(lifetime, timeout_seconds):
    with pytest.raises(AuthenticationError) as caught:
        authorise(device(expires_in=lifetime), PENDING, timeout_seconds=timeout_seconds)
    assert caught.value.reason == "authorisation-expired"


def test_interruption_passes():
    def interrupt(_):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        authorise(device(), PENDING, wait=interrupt)


@pytest.mark.parametrize(
    "others",
    [
        {"verification_uri": "http://microsoft.com/devicelogin"},
        {"verification_uri": "javascript:alert(1)"},
        {"verification_uri": None},
        {"user_code": "AB\x1b[2J"},
        {"user_code": 7},
        {"device_code": ""},
    ],
)
def test_what_nobody_should_open_or_read_is_refused(others):
    with pytest.raises(ProtocolError):
        authorise(device(**others), TOKENS)


def test_complete_address_is_left_out_where_it_is_not_safe():
    _, told, _, _ = authorise(device(verification_uri_complete="http://evil.example.test/?c=1"), TOKENS)
    assert told[0].complete_url is None


@pytest.mark.parametrize("interval", [0, -1, "soon", None, True, 10**9, "9" * 5000])
def test_strange_interval_is_not_followed(interval):
    _, _, waited, _ = authorise(device(interval=interval), TOKENS)
    assert 1 <= waited[0] <= 60
