"""The way from a connection to a session, in the order of all protocols: greeting, TLS, capabilities, login."""

from __future__ import annotations

from abc import ABC, abstractmethod
from contextlib import AbstractContextManager
from typing import ClassVar

from mailctl.model.report import Stage
from mailctl.model.server import Security
from mailctl.transport.network.wire import Wire
from mailctl.transport.route import Route, reaches, secure
from mailctl.transport.watch import StageRecord, Watch


class Opening(ABC):
    """Leads a connection to a session; a protocol says what is done in each stage."""

    tls_mode: ClassVar[str] = "starttls"

    def __init__(self, route: Route, watch: Watch, wire: Wire) -> None:
        self._route = route
        self._watch = watch
        self._wire = wire

    def run(self, until: Stage) -> None:
        """Go as far as the stage `until`: greeting, tls, capabilities or auth."""
        security = self._route.endpoint.security
        if not reaches(until, Stage.GREETING):
            return
        if security is Security.TLS and not self._wire.is_secured:
            secure(self._wire, self._route, self._watch, mode="implicit", reach=lambda _: None)
        with self._stage(Stage.GREETING) as record:
            self._hear_greeting(record)
        if security is Security.STARTTLS and reaches(until, Stage.TLS):
            secure(self._wire, self._route, self._watch, mode=self.tls_mode, reach=self._reach_tls)
            self._forget()
        if reaches(until, Stage.CAPABILITIES):
            with self._stage(Stage.CAPABILITIES) as record:
                self._ask_capabilities(record)
        if self._logs_in and reaches(until, Stage.AUTH):
            with self._stage(Stage.AUTH) as record:
                self._authenticate(record)

    def _stage(self, stage: Stage) -> AbstractContextManager[StageRecord]:
        return self._watch.stage(stage, protocol=self._route.protocol)

    @property
    def _logs_in(self) -> bool:
        return self._route.login is not None

    def _forget(self) -> None:  # noqa: B027 - not every protocol keeps what was said
        """Forget what was said before TLS: it may be anybody's."""

    @abstractmethod
    def _hear_greeting(self, record: StageRecord) -> None: ...

    @abstractmethod
    def _reach_tls(self, wire: Wire) -> None:
        """Go to where TLS begins: from the greeting on, or from the start on a second connection."""

    @abstractmethod
    def _ask_capabilities(self, record: StageRecord) -> None: ...

    @abstractmethod
    def _authenticate(self, record: StageRecord) -> None: ...
