"""No token, code, verifier, key or secret in what is raised, logged or shown, whatever a provider answers."""

from __future__ import annotations

import io
import json
import logging
import traceback

import msgspec
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from tests.hostile.secrecy import find_secret
from tests.oauth.provider import Reply, ScriptedProvider

from mailctl.errors import InvalidValueError, MailError
from mailctl.model.secret import Secret
from mailctl.oauth.app_only import request_app_token, request_delegated_token
from mailctl.oauth.authorisation import begin_authorisation, find_callback, parse_redirect, redeem_code
from mailctl.oauth.device import authorise_by_device
from mailctl.oauth.refresh import refresh_grant
from mailctl.oauth.revoke import revoke_token

CANARIES = {
    name: f"{name}-canary-7f3a91c2d4"
    for name in ("code", "verifier", "refresh", "access", "new-refresh", "client-secret", "device-code")
}
SCOPES = ("https://mail.example.test/", "offline_access")
KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048).private_bytes(
    serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
)
KEY_LINE = KEY.decode().splitlines()[5]

TOKENS = {
    "access_token": CANARIES["access"],
    "refresh_token": CANARIES["new-refresh"],
    "token_type": "Bearer",
    "expires_in": 3600,
}
ECHO = f"{CANARIES['access']} {CANARIES['new-refresh']}"


def refusing(error):
    """Return a refusal whose every word is what was sent."""

    def build(asked):
        said = asked.everything
        return {"error": error or said, "error_description": said, "suberror": said, "correlation_id": said}

    return build


REPLIES = {
    "tokens": Reply(body=TOKENS),
    "other scopes": Reply(body={**TOKENS, "scope": "something else"}),
    "refusal that repeats": Reply(400, refusing(None)),
    "known refusal that repeats": Reply(400, refusing("invalid_grant")),
    "trouble that repeats": Reply(503, refusing("server_error")),
    "tokens beside an error": Reply(200, {**TOKENS, "error": "invalid_request"}),
    "tokens of another kind": Reply(body={**TOKENS, "token_type": ECHO}),
    "tokens with a strange expiry": Reply(body={**TOKENS, "expires_in": ECHO}),
    "tokens with strange scopes": Reply(body={**TOKENS, "scope": {"a": ECHO}}),
    "tokens without an access token": Reply(body={**TOKENS, "access_token": None}),
    "no JSON": Reply(body=ECHO.encode()),
    "form": Reply(body=f"access_token={CANARIES['access']}&error={ECHO}".encode()),
    "redirect": Reply(302, headers={"Location": f"https://elsewhere.example.test/?{CANARIES['access']}"}),
    "too long": Reply(body=json.dumps(TOKENS).encode() + b" " * 1_000_000),
    "unauthorised": Reply(401, refusing("invalid_client")),
    "dripping": Reply(drips=True),
}


def redeem(registration, seconds):
    pending = begin_authorisation(registration.client, SCOPES, "http://127.0.0.1:49152")
    pending = msgspec.structs.replace(pending, verifier=Secret(CANARIES["verifier"]))
    return redeem_code(registration, pending, Secret(CANARIES["code"]), timeout_seconds=seconds)


def poll(registration, seconds):
    return authorise_by_device(registration, SCOPES, tell=lambda _: None, wait=lambda _: None, timeout_seconds=seconds)


def delegate(registration, seconds):
    account = Secret(json.dumps({"client_email": "robot@example.test", "private_key": KEY.decode()}))
    registration = msgspec.structs.replace(registration, service_account=account)
    return request_delegated_token(registration, "ann@example.test", SCOPES, timeout_seconds=seconds)


CALLS = {
    "redeem": redeem,
    "device": poll,
    "delegate": delegate,
    "refresh": lambda registration, seconds: refresh_grant(
        registration, Secret(CANARIES["refresh"]), SCOPES, timeout_seconds=seconds
    ),
    "app": lambda registration, seconds: request_app_token(registration, SCOPES, timeout_seconds=seconds),
    "revoke": lambda registration, seconds: revoke_token(
        registration, Secret(CANARIES["refresh"]), timeout_seconds=seconds
    ),
}
DECLINED = Reply(400, {"error": "access_denied"})
DEVICE = Reply(
    body={
        "device_code": CANARIES["device-code"],
        "user_code": "ABCD",
        "verification_uri": "https://id.example.test/device",
        "expires_in": 900,
    }
)


@pytest.fixture
def log():
    """Everything that anything logs."""
    written = io.StringIO()
    handler = logging.StreamHandler(written)
    loggers = [
        logging.getLogger(name)
        for name in (None, "oauthlib", "requests_oauthlib", "requests_oauthlib.oauth2_session", "urllib3", "requests")
    ]
    levels = [logger.level for logger in loggers]
    loggers[0].addHandler(handler)
    for logger in loggers:
        logger.setLevel(logging.DEBUG)
    yield written
    loggers[0].removeHandler(handler)
    for logger, level in zip(loggers, levels, strict=True):
        logger.setLevel(level)


def everything_said_by(error):
    """Return all that an error carries, and all that it was made of, with the variables of the frames that it left."""
    seen, waiting, said = set(), [error], []
    while waiting:
        current = waiting.pop()
        if current is None or id(current) in seen:
            continue
        seen.add(id(current))
        waiting += [current.__cause__, current.__context__]
        said += [str(current), repr(current), repr(current.args), repr(vars(current))]
        # The test's own frame knows every canary.
        theirs = current.__traceback__.tb_next if current.__traceback__ else None
        shown = traceback.StackSummary.extract(traceback.walk_tb(theirs), capture_locals=True)
        said += [f"{frame.name} {frame.locals}" for frame in shown if "/tests/" not in frame.filename]
    return "\n".join(said)


@pytest.mark.parametrize("answer", REPLIES)
@pytest.mark.parametrize("call", CALLS)
def test_nothing_shows_a_secret(call, answer, log, capfd):
    replies = [DEVICE, REPLIES[answer], DECLINED] if call == "device" else [REPLIES[answer]]
    with ScriptedProvider(*replies) as double:
        registration = double.registration(secret=Secret(CANARIES["client-secret"]))
        chained = None
        try:
            said = repr(CALLS[call](registration, 0.3 if answer == "dripping" else 30))
        except MailError as error:
            said, chained = everything_said_by(error), error.__cause__ or error.__context__
        assert chained is None
        sent = " ".join(asked.everything for asked in double.asked)
        assert any(word in sent for word in ("canary", "Basic ", "eyJ"))
    out, err = capfd.readouterr()
    written = "\n".join([said, log.getvalue(), out, err]).encode()
    assert {name: find_secret(secret, written) for name, secret in CANARIES.items()} == dict.fromkeys(CANARIES)
    assert KEY_LINE.encode() not in written
    assert b"eyJ" not in written  # how each signed statement begins


def test_search_finds_what_a_library_would_log(log):
    """Without our care the library writes the whole exchange: the check above looks in the right place."""
    logging.getLogger("requests_oauthlib.oauth2_session.child").debug("Request body was %s", CANARIES["code"])
    assert find_secret(CANARIES["code"], log.getvalue().encode())


@pytest.mark.parametrize(
    "query",
    [
        f"code={CANARIES['code']}&state={{state}}&iss=https://evil.example.test",
        f"code={CANARIES['code']}&state=other",
        f"code={CANARIES['code']}",
        f"https://evil.example.test/?code={CANARIES['code']}&state={{state}}",
    ],
)
def test_code_in_a_refused_address_is_not_shown(query):
    with ScriptedProvider(Reply()) as double:
        client = double.registration().client
    pending = begin_authorisation(client, SCOPES, "http://127.0.0.1:49152")
    query = query.format(state=pending.state)
    with pytest.raises((MailError, InvalidValueError)) as caught:
        parse_redirect(query, pending, client)
    assert CANARIES["code"] not in f"{caught.value} {caught.value.args} {vars(caught.value)} {find_callback(query)}"
