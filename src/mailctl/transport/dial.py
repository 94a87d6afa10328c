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
from contextlib import suppress
from itertools import chain, zip_longest
from typing import TypeAlias

from msgspec import Struct, field

from mailctl.errors import NetworkError
from mailctl.protocol.reasons import Reason
from mailctl.transport.faults import find_mail_error
from mailctl.transport.limits import Deadline

ATTEMPT_DELAY_SECONDS = 0.25
"""How long an address may take before the next one is tried beside it (RFC 8305, 5)."""

SURVEY_SECONDS = 1.0
"""How long a survey waits for the other addresses once one has answered."""

_DIAGNOSIS_SECONDS_MAX = 3.0


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

    Raises NetworkError: `nxdomain`, `no-address` (the name exists), `servfail`, `timed-out`, or `dns`.
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
        raise _resolution_error(host, answer, deadline) from answer
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


def _resolution_error(host: str, error: OSError, deadline: Deadline) -> NetworkError:
    """Tell apart what getaddrinfo lumps together, by a query of our own."""
    import dns.exception
    import dns.resolver

    found = find_mail_error(error, host)
    reason, said = found.reason if found else str(Reason.DNS), "cannot be resolved"
    nameservers: list[str] = []
    try:
        resolver = dns.resolver.Resolver()
        nameservers = [str(server) for server in resolver.nameservers]
        lifetime = min(_DIAGNOSIS_SECONDS_MAX, deadline.left_seconds())
        resolver.resolve(host, "A", lifetime=lifetime)
    except dns.resolver.NXDOMAIN:
        reason, said = Reason.NXDOMAIN, "does not exist"
    except dns.resolver.NoAnswer:
        reason, said = Reason.NO_ADDRESS, "exists, but has no address"
    except dns.resolver.NoNameservers:
        reason, said = Reason.SERVFAIL, "cannot be resolved: the name servers fail"
    except (dns.resolver.LifetimeTimeout, TimeoutError):
        reason, said = Reason.TIMED_OUT, "was not resolved in time"
    except (dns.exception.DNSException, OSError, ValueError):
        pass  # no name server can be asked: the system's own answer stands
    return NetworkError(f"the name {host} {said}", reason=reason, details={"resolvers": nameservers})


class Attempt(Struct):
    """One try to connect. `outcome`: connected, refused, timed-out, unreachable, …; None while it is open."""

    address: Address
    began: float = field(default_factory=time.monotonic)
    outcome: str | None = None
    ms: int = 0

    def end(self, outcome: str) -> None:
        self.outcome = outcome
        self.ms = round((time.monotonic() - self.began) * 1000)

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
        self._winner: socket.socket | None = None
        self.address: Address | None = None

    def connect(self, deadline: Deadline, *, survey: bool = False) -> socket.socket:
        """Return a connected socket. `survey`: also find out about the other addresses, for a second at most.

        Raises NetworkError of the reason that says most: `refused`, `timed-out`, `unreachable`, …
        """
        with selectors.DefaultSelector() as selector:
            try:
                self._run(selector, deadline, lambda: self._winner is None)
                if survey and self._winner is not None:
                    self._survey(selector, deadline)
            finally:
                for loser, attempt in self._open.items():
                    attempt.end(Reason.TIMED_OUT if deadline.has_passed else "no-answer-yet")
                    loser.close()
                self._open.clear()
        if self._winner is None:
            raise self._failure()
        return self._winner

    def warnings(self) -> list[str]:
        """Say which family does not work where the other one does."""
        outcomes: dict[str, set[str]] = {}
        for attempt in self.attempts:
            if ipaddress.ip_address(attempt.address.ip.partition("%")[0]).is_loopback:
                continue  # `localhost` has both addresses, and most servers listen on one
            outcomes.setdefault(attempt.address.family_name, set()).add(attempt.outcome or "")
        return [
            f"{broken.replace('ip', 'IP')} is broken ({', '.join(sorted(found))}), {works.replace('ip', 'IP')} is fine"
            for broken, found in outcomes.items()
            for works, others in outcomes.items()
            if "connected" not in found and "connected" in others
        ]

    def _survey(self, selector: selectors.BaseSelector, deadline: Deadline) -> None:
        while self._waiting:
            self._begin(selector)
        self._run(selector, Deadline(SURVEY_SECONDS, within=deadline), lambda: bool(self._open))

    def _run(self, selector: selectors.BaseSelector, deadline: Deadline, goes_on: Callable[[], bool]) -> None:
        next_begin = time.monotonic()
        while goes_on() and (self._waiting or self._open):
            if self._waiting and (not self._open or time.monotonic() >= next_begin):
                self._begin(selector)
                next_begin = time.monotonic() + ATTEMPT_DELAY_SECONDS
                continue
            try:
                patience = deadline.left_seconds()
            except TimeoutError:
                return
            if self._waiting:
                patience = min(patience, max(0.0, next_begin - time.monotonic()))
            for key, _ in selector.select(patience):
                connecting = key.fileobj
                assert isinstance(connecting, socket.socket)
                selector.unregister(connecting)
                if not self._end(connecting):
                    next_begin = time.monotonic()

    def _begin(self, selector: selectors.BaseSelector) -> None:
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
        selector.register(connecting, selectors.EVENT_WRITE)

    def _end(self, connecting: socket.socket) -> bool:
        """Take note of how an attempt ended; tell whether it connected."""
        attempt = self._open.pop(connecting)
        number = connecting.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if number:
            connecting.close()
            attempt.end(_outcome(OSError(number, "")))
            return False
        attempt.end("connected")
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
        tried = ", ".join(f"{attempt.address.ip}: {attempt.outcome}" for attempt in self.attempts)
        return NetworkError(
            f"{said} ({tried})", reason=reason, details={"attempts": [attempt.evidence for attempt in self.attempts]}
        )


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
