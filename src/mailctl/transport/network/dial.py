"""Names to addresses to a connection, within one deadline: Happy Eyeballs over both families (RFC 8305)."""

from __future__ import annotations

import ipaddress
import queue
import selectors
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack, suppress
from itertools import chain, product, zip_longest
from typing import TypeAlias

from msgspec import Struct, field
from msgspec.structs import replace

from mailctl.errors import NetworkError
from mailctl.protocol.reasons import Reason
from mailctl.transport.faults import find_mail_error
from mailctl.transport.network.limits import Deadline

ATTEMPT_DELAY_SECONDS = 0.25
"""How long an address may take before the next one is tried beside it (RFC 8305, 5)."""

SURVEY_SECONDS = 1.0
"""How long a survey waits for the other addresses once one has answered."""


class Address(Struct, frozen=True):
    """One address of a host: `ip` in text form, with its `port`."""

    ip: str
    port: int
    family: socket.AddressFamily
    scope_id: int = 0

    @property
    def sockaddr(self) -> tuple[str, int] | tuple[str, int, int, int]:
        if self.family is socket.AF_INET6:
            return (self.ip, self.port, 0, self.scope_id)
        return (self.ip, self.port)

    @property
    def family_name(self) -> str:
        return "ipv6" if self.family is socket.AF_INET6 else "ipv4"


class Resolution(Struct, frozen=True):
    addresses: tuple[Address, ...]
    canonical_name: str | None = None


Resolve: TypeAlias = Callable[[str, int, Deadline], Resolution]


def resolve(host: str, port: int, deadline: Deadline) -> Resolution:
    """Return the addresses of a host (A-labels or IP address) in the order in which the system prefers them.

    Raises NetworkError: `nxdomain` (no such name, or none with an address), `timed-out`, or `dns`.
    """
    with suppress(ValueError):
        ip = ipaddress.ip_address(host)
        family = socket.AF_INET6 if ip.version == 6 else socket.AF_INET
        return Resolution((Address(str(ip), port, family),))
    answers: queue.SimpleQueue[Resolution | OSError] = queue.SimpleQueue()
    # getaddrinfo knows no time-out: it is asked in a thread that may be left behind.
    threading.Thread(target=_ask_system, args=(host, port, answers), daemon=True, name="getaddrinfo").start()
    try:
        answer = answers.get(timeout=deadline.left_seconds())
    except (queue.Empty, TimeoutError):
        raise NetworkError(f"the name {host} was not resolved in time", reason=Reason.TIMED_OUT) from None
    if isinstance(answer, OSError):
        raise _resolution_error(host, answer) from answer
    return answer


def _ask_system(host: str, port: int, answers: queue.SimpleQueue[Resolution | OSError]) -> None:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_CANONNAME)
    except OSError as error:
        answers.put(error)
        return
    except UnicodeError:
        answers.put(socket.gaierror(socket.EAI_NONAME, "not a host name"))
        return
    addresses = dict.fromkeys(
        Address(str(sockaddr[0]), port, family, int(sockaddr[3]) if len(sockaddr) == 4 else 0)
        for family, _, _, _, sockaddr in found
        if family in (socket.AF_INET, socket.AF_INET6)
    )
    canonical = next((name for _, _, _, name, _ in found if name and name != host), None)
    answers.put(Resolution(tuple(addresses), canonical))


def _resolution_error(host: str, error: OSError) -> NetworkError:
    """Say what getaddrinfo tells, which lumps together much; `name_lookup` tells it apart."""
    found = find_mail_error(error, host)
    reason = found.reason if found else str(Reason.DNS)
    said = "does not exist" if reason == Reason.NXDOMAIN else "cannot be resolved"
    return NetworkError(f"the name {host} {said}", reason=reason)


class Attempt(Struct):
    """One try to connect.

    `outcome`: connected, refused, timed-out, unreachable, …; None while it is open. `ms`: how long it took; None where
    nobody waited for its end.
    """

    address: Address
    began: float = field(default_factory=time.monotonic)
    outcome: str | None = None
    ms: int | None = None

    def end(self, outcome: str, *, timed: bool = True) -> None:
        self.outcome = outcome
        self.ms = round((time.monotonic() - self.began) * 1000) if timed else None

    @property
    def evidence(self) -> dict[str, object]:
        return {"address": self.address.ip, "outcome": self.outcome, "ms": self.ms}


class Dialler:
    """Connects to the first of several addresses that answers; `attempts` says what became of each that was tried."""

    def __init__(self, addresses: Sequence[Address], *, source_address: str | None = None) -> None:
        self.attempts: list[Attempt] = []
        self._waiting = deque(_interleaved(addresses))
        self._source_address = source_address
        self._open: dict[socket.socket, Attempt] = {}
        self._survey_deadline: Deadline | None = None
        self._winner: socket.socket | None = None
        self.address: Address | None = None

    def connect(self, deadline: Deadline, *, survey: bool = False) -> socket.socket:
        """Return a connected socket. `survey`: the other addresses are tried, too; `end_survey` waits for them.

        Raises NetworkError of the reason that says most: `refused`, `timed-out`, `unreachable`, …
        """
        self._selector = selectors.DefaultSelector()
        try:
            self._run(deadline, lambda: self._winner is None)
            if survey and self._winner is not None:
                self._survey_deadline = Deadline(SURVEY_SECONDS, within=deadline)
                while self._waiting:
                    self._begin()
        finally:
            if not survey or self._winner is None:
                self._give_up(deadline)
        if self._winner is None:
            raise self._failure()
        return self._winner

    def end_survey(self, deadline: Deadline) -> None:
        """Wait for the addresses of a survey, for a second since the connection at most."""
        try:
            if self._survey_deadline:
                self._run(self._survey_deadline, lambda: bool(self._open))
        finally:
            self._give_up(deadline)

    def _give_up(self, deadline: Deadline) -> None:
        for loser, attempt in self._open.items():
            attempt.end(Reason.TIMED_OUT if deadline.has_passed else "no-answer-yet")
            loser.close()
        self._open.clear()
        self._selector.close()

    def warnings(self) -> list[str]:
        """Say which family does not work where the other one does, and which addresses beside one that does."""
        outcomes: dict[str, dict[str, str]] = {}
        for attempt in self.attempts:
            if ipaddress.ip_address(attempt.address.ip.partition("%")[0]).is_loopback:
                continue  # `localhost` has both addresses, and most servers listen on one
            outcomes.setdefault(attempt.address.family_name, {})[attempt.address.ip] = attempt.outcome or ""
        working = [family for family, found in outcomes.items() if "connected" in found.values()]
        said = []
        for family, found in outcomes.items():
            failed = {ip: outcome for ip, outcome in found.items() if outcome != "connected"}
            if family not in working and working:
                kinds = ", ".join(sorted(set(failed.values())))
                said.append(f"{_shown(family)} is broken ({kinds}), {_shown(working[0])} is fine")
            elif failed and working:
                which = ", ".join(f"{ip}: {outcome}" for ip, outcome in failed.items())
                said.append(f"{len(failed)} of {len(found)} {_shown(family)} addresses do not answer ({which})")
        return said

    def _run(self, deadline: Deadline, goes_on: Callable[[], bool]) -> None:
        next_begin = time.monotonic()
        while goes_on() and (self._waiting or self._open):
            if self._waiting and (not self._open or time.monotonic() >= next_begin):
                self._begin()
                next_begin = time.monotonic() + ATTEMPT_DELAY_SECONDS
                continue
            try:
                patience = deadline.left_seconds()
            except TimeoutError:
                return
            if self._waiting:
                patience = min(patience, max(0.0, next_begin - time.monotonic()))
            for key, _ in self._selector.select(patience):
                connecting = key.fileobj
                assert isinstance(connecting, socket.socket)
                self._selector.unregister(connecting)
                if not self._end(connecting):
                    next_begin = time.monotonic()

    def _begin(self) -> None:
        address = self._waiting.popleft()
        attempt = Attempt(address)
        self.attempts.append(attempt)
        connecting: socket.socket | None = None
        try:
            connecting = socket.socket(address.family, socket.SOCK_STREAM)
            connecting.setblocking(False)
            if self._source_address:
                connecting.bind((self._source_address, 0))
            with suppress(BlockingIOError):
                connecting.connect(address.sockaddr)
        except OSError as error:
            if connecting:
                connecting.close()
            attempt.end(_outcome(error))
            return
        self._open[connecting] = attempt
        self._selector.register(connecting, selectors.EVENT_WRITE)

    def _end(self, connecting: socket.socket) -> bool:
        """Take note of how an attempt ended; tell whether it connected."""
        attempt = self._open.pop(connecting)
        timed = self._survey_deadline is None  # a survey's are looked at when there is time
        number = connecting.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if number:
            connecting.close()
            attempt.end(_outcome(OSError(number, "")), timed=timed)
            return False
        attempt.end("connected", timed=timed)
        if self._winner is None:
            self._winner, self.address = connecting, attempt.address
        else:
            connecting.close()
        return True

    def _failure(self) -> NetworkError:
        outcomes = [attempt.outcome or "no-answer-yet" for attempt in self.attempts]
        telling = [kind for kind in (Reason.REFUSED, Reason.TIMED_OUT, Reason.FORBIDDEN) if kind in outcomes]
        reason = (telling or outcomes or [Reason.UNREACHABLE])[0]
        words: dict[str, str] = {
            Reason.REFUSED: "the connection was refused",
            Reason.TIMED_OUT: "no connection came about in time",
            Reason.UNREACHABLE: "the server cannot be reached from here",
            Reason.FORBIDDEN: "this machine forbids the connection",
        }
        said = words.get(reason, "no connection came about")
        tried = ", ".join(
            attempt.address.ip if attempt.outcome == reason else f"{attempt.address.ip}: {attempt.outcome}"
            for attempt in self.attempts
        )
        return NetworkError(
            f"{said} ({tried})", reason=reason, details={"attempts": [attempt.evidence for attempt in self.attempts]}
        )


def find_open_ports(addresses: Sequence[Address], ports: Sequence[int], deadline: Deadline) -> list[int]:
    """Return which other ports of the same addresses answer, all tried at once."""
    found = []
    with suppress(TimeoutError), selectors.DefaultSelector() as selector, ExitStack() as sockets:
        for address, port in product(addresses, ports):
            trying = sockets.enter_context(socket.socket(address.family, socket.SOCK_STREAM))
            trying.setblocking(False)
            trying.connect_ex(replace(address, port=port).sockaddr)
            selector.register(trying, selectors.EVENT_WRITE, port)
        while selector.get_map():
            ready = selector.select(deadline.left_seconds())
            for key, _ in ready:
                selector.unregister(key.fileobj)
                if not key.fileobj.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):  # type: ignore[union-attr]  # a socket
                    found.append(key.data)
    return sorted(set(found))


def _shown(family_name: str) -> str:
    return family_name.replace("ip", "IP")


def _outcome(error: OSError) -> str:
    found = find_mail_error(error, "")
    return found.reason if found else Reason.NETWORK


def _interleaved(addresses: Iterable[Address]) -> list[Address]:
    """Alternate the families, beginning with the one that the system prefers (RFC 8305, 4)."""
    ordered = list(addresses)
    if not ordered:
        return []
    first = [address for address in ordered if address.family is ordered[0].family]
    second = [address for address in ordered if address.family is not ordered[0].family]
    pairs = chain.from_iterable(zip_longest(first, second))
    return [address for address in pairs if address is not None]
