"""Every case that is to be refused: with its own class of error, at its step, and with nothing secret sent."""

from __future__ import annotations

import pytest
from tests.doubles.scripted import ScriptedServer
from tests.hostile import broken_cases, input_cases, login_cases, starttls_cases, tls_cases
from tests.hostile.client import PASSWORD, attempt
from tests.hostile.memory import begin_growth
from tests.hostile.secrecy import count_logins, find_secret

from mailctl.errors import FateUnknownError
from mailctl.exits import Exit, exit_for
from mailctl.model.report import Stage

CASES = (*starttls_cases.CASES, *broken_cases.CASES, *login_cases.CASES, *tls_cases.CASES, *input_cases.CASES)

MOST_SENT_BYTES = 24 * 1024 * 1024
"""What an endless server gets rid of: the client's limits and the kernel's buffers together, generously."""

MOST_GROWTH_BYTES = 48 * 1024 * 1024


@pytest.mark.parametrize("case", [pytest.param(case, id=case.id) for case in CASES])
def test_refuses(case, context_for, ca):
    with ScriptedServer(case.server.script, tls=context_for(case.certificate)) as server:
        growth_bytes = begin_growth()
        error = attempt(case, server, ca)
        assert growth_bytes() < MOST_GROWTH_BYTES + 8 * case.message_bytes
    assert isinstance(error, case.error)
    assert error.stage in case.stages
    assert error.protocol == case.protocol
    assert case.said in (error.reply or b"")
    assert exit_for(error) in range(Exit.NETWORK, Exit.PROTOCOL + 1)
    assert_nothing_secret_was_sent(case, server)
    shown = f"{error.message} {error.hint} {error.details} {error.reply!r}"
    assert not find_secret(PASSWORD, shown.encode())
    assert len(server.messages) <= (case.error is FateUnknownError)
    # A certificate that does not hold is fetched once more, to be shown.
    assert len(server.connections) <= (2 if Stage.CERTIFICATE in case.stages else 1)
    assert all(conversation.sent_count < MOST_SENT_BYTES for conversation in server.connections)


def assert_nothing_secret_was_sent(case, server):
    """No login before TLS, and none after it but the one that the case allows."""
    if case.server.security != "none":
        assert count_logins(case.protocol, server.before_tls) == 0
        assert not find_secret(PASSWORD, server.before_tls)
    assert count_logins(case.protocol, server.received) <= case.login_sent
    if not case.login_sent:
        assert not find_secret(PASSWORD, server.received)
        assert b"MAIL FROM" not in server.received
