"""Sending messages through an organisation's account: one, or many over one connection.

What a server refuses is reported, per recipient; a message whose fate is unknown is never sent again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Self

from msgspec import Struct, convert

from mailctl.errors import (
    FateUnknownError,
    MailctlError,
    MailError,
    RefusedError,
    TemporaryError,
)
from mailctl.model.report import Stage
from mailctl.model.resolve import Sending
from mailctl.protocol.reasons import Reason
from mailctl.protocol.sasl import Login
from mailctl.services.sending.compose import Draft, Message, Roles, compose, find_international, roles_of
from mailctl.services.sending.delivery import (
    OpenTokens,
    ReadSecret,
    TokenLogin,
    check_international,
    login_of,
    open_delivery,
)
from mailctl.services.sending.outgoing import outgoing_of
from mailctl.transport.outcome import Refusal
from mailctl.transport.trace import Trace
from mailctl.transport.watch import Watch

if TYPE_CHECKING:
    from mailctl.services.accounts.sent_folder import SentFolder
    from mailctl.services.accounts.signatures import Filled
    from mailctl.services.sending.delivery import Session

_LOST_IN_A_ROW_MAX = 3
"""So many connections in a row that are lost with a message end a batch."""

_NAMED_MAX, _NAMED_FIRST = 5, 3
"""So many refused recipients are named in an error, and so many of more; the result names them all."""


class Sent(Struct, frozen=True, kw_only=True):
    """What became of a message.

    `accepted`: recipients; none if all were refused, and nothing was sent then. `reply`: the server's words on taking
    the message, None if it was not asked to. `queue_id`: the server's name for the message, if it tells.
    """

    message_id: str
    accepted: tuple[str, ...]
    refused: dict[str, Refusal] = {}
    reply: str | None = None
    queue_id: str | None = None

    def find_failure(self) -> MailError | None:
        """Return what refused recipients amount to: RefusedError if one was refused for good, else TemporaryError."""
        if not self.refused:
            return None
        for_good = next((refusal for refusal in self.refused.values() if not refusal.is_temporary), None)
        decisive = for_good or next(iter(self.refused.values()))
        kind = RefusedError if for_good else TemporaryError
        count = len(self.accepted) + len(self.refused)
        which = "all recipients" if not self.accepted else f"{len(self.refused)} of {count} recipients"
        until_when = "" if for_good else " for now"
        named = list(self.refused)
        if len(named) > _NAMED_MAX:
            named = [f"{', '.join(named[:_NAMED_FIRST])} and {len(named) - _NAMED_FIRST} others"]
        error = kind(
            f"the server refused {which}{until_when}: {', '.join(named)}",
            reason=Reason.RECIPIENT_REFUSED,
            reply=decisive.reply.encode(),
        )
        error.stage, error.protocol = Stage.MESSAGE, "smtp"
        return error


@dataclass(frozen=True, kw_only=True)
class Outbox:
    """Everything that it takes to send in somebody's name.

    `folder`: that of the settings file. `require_on`: called before each message of many, raises SendingDisabledError
    once sending has been switched off. `signature`: put below every message. `sent_folder`: where a copy of every
    message goes that somebody gets.
    """

    sending: Sending
    read_secret: ReadSecret
    open_tokens: OpenTokens
    folder: Path
    require_on: Callable[[], None] = lambda: None
    trace: Trace | None = None
    signature: Filled | None = None
    sent_folder: SentFolder | None = None

    @cached_property
    def roles(self) -> Roles:
        return roles_of(self.sending)

    @property
    def warnings(self) -> list[str]:
        """What is to be said at every run."""
        host = outgoing_of(self.sending).host
        return [] if self.sending.tls.verify else [f"certificate verification is off for {host}"]

    def check(self, draft: Draft) -> None:
        """Raise CapabilityError for an address that needs SMTPUTF8 where the settings say nothing of the server's."""
        international = find_international(draft, self.roles)
        check_international(self.sending, [international] if international else [])

    def prepare(self, draft: Draft) -> Message:
        """Return the message of a draft; raises what `check` raises, and InvalidValueError for an unreadable file."""
        self.check(draft)
        if self.signature:
            from mailctl.services.accounts.signatures import sign  # few who send have one

            draft = sign(draft, self.signature)
        return compose(draft, self.roles)

    def send(self, draft: Draft) -> Sent:
        """Send one message.

        Raises SecretError before anything is contacted, MailError of the stage that fails; FateUnknownError if the
        server may have taken the message. Refused recipients are in the result.
        """
        message = self.prepare(draft)
        with self._open(self._login(), Watch()) as session:
            sent = submit(session, message)
        self._file(message, sent)
        return sent

    def open_sessions(self) -> Sessions:
        """Return where messages go; nothing is contacted before the first. Raises SecretError."""
        login = self._login()

        def open_session(watch: Watch) -> AbstractContextManager[Session]:
            # A batch may outlast the token that it began with.
            return self._open(login.renewed() if isinstance(login, TokenLogin) else login, watch)

        return Sessions(open_session)

    def _file(self, message: Message, sent: Sent) -> bool:
        """File a copy of a message that somebody gets; tell whether Ctrl-C came meanwhile: it is sent all the same."""
        try:
            if self.sent_folder and sent.accepted:
                self.sent_folder.keep(message.content)
        except KeyboardInterrupt:
            return True
        return False

    def send_all(self, drafts: Iterable[Draft]) -> Iterator[Sent | MailctlError]:
        """Send messages one after the other over as few connections as the server allows; yield what became of each.

        A message is sent again, once and over a new connection, if one that served others before was closed before
        the server had taken it. Where no connection can be had, nothing more is tried: every message that is left
        gets that error. Ctrl-C when a message may have been taken is what became of that one; KeyboardInterrupt is
        raised in the place of the next. Raises SecretError before anything is contacted.
        """
        with self.open_sessions() as sessions:
            for draft in drafts:
                result: Sent | MailctlError
                interrupted = False
                if sessions.unavailable:
                    result = sessions.unavailable
                else:
                    try:
                        self.require_on()
                        message = self.prepare(draft)
                        result = sessions.submit(message)
                        interrupted = self._file(message, result)
                    except MailctlError as error:
                        result = error
                yield result
                if interrupted or (isinstance(result, MailError) and result.reason == Reason.INTERRUPTED):
                    raise KeyboardInterrupt

    def _login(self) -> Login | None:
        return login_of(self.sending, self.read_secret, self.open_tokens)

    def _open(self, login: Login | None, watch: Watch) -> AbstractContextManager[Session]:
        return open_delivery(
            self.sending, login, read_secret=self.read_secret, folder=self.folder, watch=watch, trace=self.trace
        )


class Sessions:
    """One session at a time, opened anew after the server has closed the last one.

    `unavailable`: why no further session is to be tried, None while there is hope.
    """

    def __init__(self, open_session: Callable[[Watch], AbstractContextManager[Session]]) -> None:
        self.unavailable: MailctlError | None = None
        self._open_session = open_session
        self._open = ExitStack()
        self._watch = Watch()
        self._session: Session | None = None
        self._lost_in_a_row = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def submit(self, message: Message) -> Sent:
        """Send a message; raises what `submit` raises, and MailError of the stage that fails to open a session."""
        served_before = self._session is not None and self._session.is_usable
        session = self._session if self._session and served_before else self._connect()
        try:
            sent = submit(session, message)
        except MailError as error:
            if session.is_usable:
                raise
            if served_before and not isinstance(error, FateUnknownError):
                return self.submit(message)
            self._count_lost(error)
            raise
        self._lost_in_a_row = 0
        self._watch.records.clear()
        return sent

    def _connect(self) -> Session:
        self._open.close()
        try:
            self._session = self._open.enter_context(self._open_session(self._watch))
        except MailctlError as error:
            self.unavailable = error
            raise
        return self._session

    def _count_lost(self, error: MailError) -> None:
        self._lost_in_a_row += 1
        if self._lost_in_a_row == _LOST_IN_A_ROW_MAX:
            self.unavailable = error


def submit(session: Session, message: Message) -> Sent:
    """Send a message in an open session; refused recipients are in the result, even if they are all.

    Errors name the message in `details`: one whose fate is unknown is to be looked for.
    """
    try:
        outcome = session.send(message.sender, message.recipients, message.content)
    except MailError as error:
        if error.reason == Reason.RECIPIENT_REFUSED and "refused" in error.details:
            refused = convert(error.details["refused"], dict[str, Refusal])
            return Sent(message_id=message.message_id, accepted=(), refused=refused)
        error.details["message_id"] = message.message_id
        raise
    return Sent(
        message_id=message.message_id,
        accepted=outcome.accepted,
        refused=outcome.refused,
        reply=outcome.reply.decode("utf-8", "replace"),
        queue_id=outcome.queue_id,
    )
