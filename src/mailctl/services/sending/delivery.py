"""The production path of sending for an organisation: an SMTP session, after POP before SMTP if set, or one of Graph.

`send`, the sendmail front end and the tests take this way, each with a watch of its own.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from mailctl.errors import (
    AuthenticationError,
    BugError,
    CapabilityError,
    InvalidValueError,
    SecretMissingError,
    SecretStoreError,
)
from mailctl.model.address import Address
from mailctl.model.report import Stage
from mailctl.model.resolve import Sending
from mailctl.model.secret import Secret
from mailctl.model.sending import PopBeforeSmtp
from mailctl.model.server import SmtpAuth
from mailctl.model.target_name import edit_command
from mailctl.protocol.envelope import check_command_text
from mailctl.protocol.reasons import Reason
from mailctl.protocol.sasl import Login
from mailctl.services.sending.outgoing import GraphEndpoint, outgoing_of
from mailctl.transport.network.limits import Deadline
from mailctl.transport.route import Route
from mailctl.transport.smtp.session import open_smtp
from mailctl.transport.trace import Trace
from mailctl.transport.watch import Watch

if TYPE_CHECKING:
    from mailctl.services.oauth.tokens import AccessToken, Tokens
    from mailctl.transport.graph.sending import GraphRoute, GraphSession
    from mailctl.transport.smtp.submission import SmtpSession

    Session = SmtpSession | GraphSession

ReadSecret = Callable[[str], Secret]
"""Returns the secret that a reference in the settings points at."""

OpenTokens = Callable[[], "Tokens"]
"""Returns what access tokens come from; most who send need none, and what makes them is not loaded for them."""


class TokenLogin(Login, frozen=True, kw_only=True):
    """A login by the access token of a grant."""

    token: AccessToken
    tokens: Tokens
    graph: bool

    def renewed(self) -> TokenLogin:
        """Return the login for another session, some time later."""
        return token_login(self.tokens, self.token.grant, self.username, graph=self.graph)

    def forget(self) -> None:
        """Let the token not be used again, which the server refused."""
        self.tokens.forget(self.token)


def token_login(tokens: Tokens, grant: str, username: str, *, graph: bool = False) -> TokenLogin:
    """Return the login of a user by the token of a grant, for mail or for Microsoft Graph; raises as `Tokens.get`."""
    token = tokens.get(grant, graph=graph)
    return TokenLogin(username=username, secret=token.secret, token=token, tokens=tokens, graph=graph)


def no_tokens() -> Tokens:
    """Stand in for OpenTokens where no login is by token."""
    raise BugError("a login by token where none was to be expected")


def as_password(secret: Secret) -> Secret:
    """Return a secret that logs in; raises SecretStoreError if it is no line of text, as no command can hold it."""
    try:
        check_command_text("password", secret.reveal())
    except InvalidValueError as error:
        raise SecretStoreError(
            f"the password {error.problems[0].message}", hint="see whether there are more lines where it is kept"
        ) from None
    return secret


def login_of(sending: Sending, read_secret: ReadSecret, open_tokens: OpenTokens) -> Login | None:
    """Return the login for sending, its secret read; None where the server wants none, or POP before SMTP.

    Raises SecretMissingError where the server wants one and the settings have none, and what `Tokens.get` raises where
    an OAuth client's token logs in.
    """
    if sending.oauth_client is not None and sending.username is not None:
        return token_login(open_tokens(), sending.owner, sending.username, graph=sending.graph)
    auth = sending.endpoint.auth
    if auth is SmtpAuth.NONE:
        return None
    if sending.username is None:
        raise SecretMissingError(
            f"{sending.owner} has no login, and its server wants one ({auth})",
            hint=f"`{edit_command(sending.owner)} --username USER --password-stdin` gives it one",
        )
    if sending.password is None and auth is not SmtpAuth.EXTERNAL:
        raise SecretMissingError(
            f"{sending.owner} has the user name {sending.username}, but no password",
            hint=f"`{edit_command(sending.owner)} {sending.given_by}` gives it one",
        )
    return Login(sending.username, as_password(read_secret(sending.password)) if sending.password else None)


def pop_login_of(sending: Sending, read_secret: ReadSecret) -> Login | None:
    """Return the login of POP before SMTP, its secret read; None where that is off.

    Raises SecretMissingError where the settings have none: without it, the gate would stay closed.
    """
    pop = sending.pop_before_smtp
    if pop is None:
        return None
    if pop.username is None or pop.password is None:
        raise SecretMissingError(
            f"{sending.owner} has no {'user name' if pop.username is None else 'password'} for POP before SMTP",
            hint=f"`{edit_command(sending.owner)} --pop-username USER --pop-password-stdin` gives it one",
        )
    return Login(pop.username, as_password(read_secret(pop.password)))


def check_international(sending: Sending, addresses: Iterable[Address]) -> None:
    """Raise CapabilityError for an address that needs SMTPUTF8 where the settings say nothing of the server's.

    Graph does without it.
    """
    if sending.graph:
        return
    international = next((address for address in addresses if address.needs_smtputf8), None)
    if international and not sending.smtputf8:
        raise CapabilityError(
            f"the address {international} has characters beyond ASCII before the @, "
            "and the settings do not say that the server takes such addresses (SMTPUTF8, RFC 6531)",
            reason=Reason.SMTPUTF8_NOT_SET,
            hint=_smtputf8_hint(sending),
        )


def _smtputf8_hint(sending: Sending) -> str:
    return f"if the server takes them: `{edit_command(sending.owner)} --smtputf8`"


@contextmanager
def open_delivery(
    sending: Sending,
    login: Login | None,
    *,
    read_secret: ReadSecret,
    folder: Path,
    watch: Watch,
    until: Stage = Stage.AUTH,
    trace: Trace | None = None,
    deadline: Deadline | None = None,
) -> Iterator[Session]:
    """Open the session that messages go through; `until` as for `open_smtp`: short of auth, nobody logs in.

    `folder`: that of the settings file. Raises SecretError before anything is contacted, MailError of the stage that
    fails.
    """
    deadline = deadline or Deadline.never()
    outgoing = outgoing_of(sending)
    if isinstance(outgoing, GraphEndpoint):
        from mailctl.transport.graph.sending import open_graph

        graph_route = _graph_route(sending, outgoing, login, folder, deadline)
        with forgetting_refused(login), open_graph(graph_route, watch, until=until, trace=trace) as graph:
            yield graph
        return
    passphrase = sending.tls.client_key_passphrase
    route = Route(
        endpoint=outgoing,
        tls=sending.tls.located(folder),
        login=login,
        client_key_passphrase=read_secret(passphrase) if passphrase else None,
        deadline=deadline,
        smtputf8=sending.smtputf8,
    )
    if sending.pop_before_smtp is not None and until is Stage.AUTH:
        pop_login = pop_login_of(sending, read_secret)
        _open_gate(sending.pop_before_smtp, pop_login, folder, watch, trace, deadline)
    with (
        _naming_the_setting(sending),
        forgetting_refused(login),
        open_smtp(route, watch, until=until, trace=trace) as session,
    ):
        yield session


@contextmanager
def _naming_the_setting(sending: Sending) -> Iterator[None]:
    """Let an error for what the settings do not say of the server name the command that says it."""
    try:
        yield
    except CapabilityError as error:
        if error.reason == Reason.SMTPUTF8_NOT_SET:
            error.hint = error.hint or _smtputf8_hint(sending)
        raise


@contextmanager
def forgetting_refused(login: Login | None) -> Iterator[None]:
    """Let a token that the server refuses in the body not be used again: why, the provider tells with the next one."""
    try:
        yield
    except AuthenticationError as error:
        # Graph has no login: a token may be refused with a message, too.
        if isinstance(login, TokenLogin) and (login.graph or error.stage is Stage.AUTH):
            login.forget()
        raise


def _graph_route(
    sending: Sending, outgoing: GraphEndpoint, login: Login | None, folder: Path, deadline: Deadline
) -> GraphRoute:
    """Return the way to Graph: an application names the mailbox, a user's token is for the user's own."""
    from mailctl.protocol.graph import read_claims
    from mailctl.transport.graph.sending import GraphRoute

    token = (login and login.secret) or Secret("")
    app_only = login.token.app_only if isinstance(login, TokenLogin) else read_claims(token.reveal()).is_application
    return GraphRoute(
        address=login.username if login and login.username and app_only else sending.address,
        token=token,
        app_only=app_only,
        renew=_renewal_of(login) if isinstance(login, TokenLogin) else None,
        url=outgoing.url,
        ca_file=sending.tls.located(folder).ca_file,
        deadline=deadline,
    )


def _renewal_of(login: TokenLogin) -> Callable[[], Secret]:
    """Return what gets another token each time that the server refuses the last one."""

    def renew() -> Secret:
        nonlocal login
        login.forget()
        login = login.renewed()
        return login.token.secret

    return renew


def _open_gate(
    pop: PopBeforeSmtp,
    login: Login | None,
    folder: Path,
    watch: Watch,
    trace: Trace | None,
    deadline: Deadline,
) -> None:
    """Log in by POP3, which lets this machine's address send for a while (stage pop-before-smtp)."""
    from mailctl.transport.pop3.session import open_pop3

    route = Route(
        endpoint=pop.endpoint,
        tls=pop.tls.located(folder),
        login=login,
        deadline=deadline,
    )
    with watch.stage(Stage.POP_BEFORE_SMTP, protocol="pop3") as record:
        record.evidence |= {"host": pop.host, "port": pop.port, "security": str(pop.security), "wait": pop.wait}
        inner = Watch()
        with open_pop3(route, inner, trace=trace):
            logged_in = inner.find(Stage.AUTH)
            if logged_in:
                record.evidence["mechanism"] = logged_in.evidence.get("mechanism")
                record.reply = logged_in.reply
        with suppress(TimeoutError):  # what comes next finds out by itself that the time is up
            time.sleep(min(pop.wait, deadline.left_seconds()))
