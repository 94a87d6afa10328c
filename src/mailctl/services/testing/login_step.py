"""The step of a test that reads what it logs in with, and tells where that is, and until when it holds."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from mailctl.errors import MailctlError, NetworkError, SecretError, SecretMissingError
from mailctl.model.report import Stage
from mailctl.model.secret import SecretKind, parse_secret_ref
from mailctl.model.server import IncomingEndpoint, Protocol
from mailctl.protocol.reasons import Reason
from mailctl.protocol.sasl import Login
from mailctl.services.accounts.mailbox import incoming_login
from mailctl.services.sending.delivery import (
    OpenTokens,
    ReadSecret,
    TokenLogin,
    as_password,
    login_of,
    pop_login_of,
    token_login,
)
from mailctl.services.sending.outgoing import GraphEndpoint
from mailctl.services.testing.check import Check, GrantSource
from mailctl.services.testing.steps import StepRecorder
from mailctl.transport.network.limits import Deadline

if TYPE_CHECKING:
    from mailctl.services.oauth.grant_state import GrantState
    from mailctl.services.oauth.tokens import Tokens


SHOW_SECRETS = "mailctl secret status"
"""Tells where the settings' secrets are, and which are missing."""


class SecretUnavailableError(Exception):
    """The secret step has failed, and told why."""


class _StoredLogin(NamedTuple):
    """A login to be read: for which protocol, what may be said of it, and how it is had."""

    protocol: str
    source: str | None
    username: str | None
    read: Callable[[], Login | None]


def read_login(check: Check, read_secret: ReadSecret, recorder: StepRecorder, deadline: Deadline) -> Login | None:
    """Read what the test logs in with (stage secret); return the login of its own side, None where it needs none."""
    wanted = _find_login(check, read_secret, lambda: _open_tokens(check, deadline))
    if wanted is None:
        return None
    evidence: dict[str, Any] = {"source": wanted.source, "username": wanted.username}
    began = time.monotonic()
    try:
        login = wanted.read()
    except MailctlError as error:
        seconds = time.monotonic() - began
        stored = SHOW_SECRETS if check.options.login is None and isinstance(error, SecretError) else None
        next_command = error.details.get("authorise", stored)
        recorder.fail(
            Stage.SECRET,
            wanted.protocol,
            error,
            evidence={**evidence, "present": False},
            duration_seconds=seconds,
            next_command=str(next_command) if next_command else None,
        )
        raise SecretUnavailableError from error
    evidence |= {"present": True, **_token_evidence(login)}
    warnings: tuple[str, ...] = ()
    if isinstance(login, TokenLogin) and (state := _find_grant_state(check, login)):
        warnings = state.warnings
        if state.ends_at is not None:
            evidence |= {"grant_ends_at": _iso(state.ends_at), "grant_ends_because": state.ends_because}
    seconds = time.monotonic() - began
    recorder.add(Stage.SECRET, wanted.protocol, evidence=evidence, warnings=warnings, duration_seconds=seconds)
    return None if check.opens_gate else login


def _open_tokens(check: Check, deadline: Deadline) -> Tokens:
    try:
        return check.options.open_tokens().within(deadline.left_seconds())
    except TimeoutError:
        raise NetworkError("the time for the whole test is up", reason=Reason.TIMED_OUT) from None


def _token_evidence(login: Login | None) -> dict[str, Any]:
    """Return what may be said of the token that logs in."""
    if not isinstance(login, TokenLogin):
        return {}
    token = login.token
    return {
        "token_expires_at": None if token.expires_at is None else _iso(token.expires_at),
        "token_renewed": token.renewed,
        "scopes": list(token.scopes),
    }


def _find_grant_state(check: Check, login: TokenLogin) -> GrantState | None:
    """Return what is known of the grant that the token is from: when it ends is to be seen long before it does."""
    from mailctl.services.oauth.grant_state import describe_grant

    tokens = check.options.open_tokens()
    try:
        return describe_grant(tokens.file.load(), tokens.secrets, login.token.grant)
    except MailctlError:
        return None


def _iso(at: float) -> str:
    return dt.datetime.fromtimestamp(at, dt.UTC).isoformat(timespec="seconds")


def _find_login(check: Check, read_secret: ReadSecret, open_tokens: OpenTokens) -> _StoredLogin | None:
    """Return the login that a test reads first: that of POP before SMTP, a given one, or the stored one."""
    sending, receiving, given = check.target.sending, check.target.receiving, check.options.login
    pop = sending.pop_before_smtp
    if check.opens_gate and pop is not None:
        source = described(pop.password)
        return _StoredLogin(Protocol.POP3, source, pop.username, lambda: pop_login_of(sending, read_secret))
    if not check.logs_in:
        return None
    if isinstance(given, GrantSource):
        source = _grant_of(given.grant)
        username, grant = given.username, given.grant
        graph = isinstance(check.endpoint, GraphEndpoint)
        return _StoredLogin(
            check.protocol, source, username, lambda: token_login(open_tokens(), grant, username, graph=graph)
        )
    if given is not None:
        return _StoredLogin(
            check.protocol, given.source, given.username, lambda: Login(given.username, as_password(given.read()))
        )
    if not isinstance(check.endpoint, IncomingEndpoint):
        source = _grant_of(sending.owner) if sending.oauth_client else described(sending.password)
        return _StoredLogin(
            check.protocol, source, sending.username, lambda: login_of(sending, read_secret, open_tokens)
        )
    if receiving is None:
        return None
    source = _grant_of(sending.owner) if receiving.oauth_client else described(receiving.password)
    return _StoredLogin(
        check.protocol, source, receiving.username, lambda: _incoming_login(check, read_secret, open_tokens)
    )


def _incoming_login(check: Check, read_secret: ReadSecret, open_tokens: OpenTokens) -> Login:
    """Return the stored login of the incoming side; raises SecretMissingError where the settings have none."""
    receiving = check.target.receiving
    if receiving is None or receiving.username is None:
        raise SecretMissingError(
            f"{check.target.name} has no login to receive with",
            hint="give one by --username and --password-stdin, or stop at --depth tls",
        )
    return incoming_login(check.target.sending.owner, receiving, read_secret, open_tokens)


def _grant_of(name: str) -> str:
    return f"the grant of {name}"


def described(reference: str | None) -> str | None:
    """Return where a secret lives; a command's words may say more than a report should."""
    if reference is None:
        return None
    return "command" if parse_secret_ref(reference).kind is SecretKind.COMMAND else reference
