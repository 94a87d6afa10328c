"""What the DNS says of a server's name, for people to see.

What is dialled is what the system's own resolver answers (`dial.resolve`), with its hosts file and its cache. Here the
name servers are asked beside it (`resolver`), all questions at once: they tell why a name has no address, which
aliases lead to it, and what the domain says of its mail servers (MX: RFC 5321, 5; SRV: RFC 6186 and 8314).
"""

from __future__ import annotations

import ipaddress
import os
import threading
from collections.abc import Iterable, Mapping
from pathlib import Path

from msgspec import Struct

from mailctl.errors import MailctlError, NetworkError
from mailctl.model.server import Protocol
from mailctl.model.values import is_ip_address
from mailctl.protocol.reasons import Reason
from mailctl.transport.network.limits import Deadline
from mailctl.transport.network.resolver import NameServers, Records

LOOKUP_SECONDS = 3.0
"""How long the name servers may take over a question."""
_MARGIN_SECONDS = 0.5

_SRV_SERVICES: Mapping[str, tuple[str, ...]] = {
    Protocol.SMTP: ("_submissions", "_submission"),
    Protocol.IMAP: ("_imaps", "_imap"),
    Protocol.POP3: ("_pop3s", "_pop3"),
}
_WORST_FIRST = (
    Reason.NXDOMAIN,
    Reason.SERVFAIL,
    Reason.TIMED_OUT,
    Reason.UNREACHABLE,
    Reason.DNS,
    Reason.NO_ADDRESS,
)
_SAID = {
    Reason.NXDOMAIN: "does not exist",
    Reason.NO_ADDRESS: "exists, but has no address",
    Reason.SERVFAIL: "cannot be resolved: the name servers fail",
    Reason.TIMED_OUT: "was not resolved in time",
    Reason.UNREACHABLE: "cannot be resolved: no name server can be reached",
    Reason.DNS: "cannot be resolved",
}


class Answer(Struct, frozen=True):
    """What came of one question: `records`, or the `problem` for which there are none; `aliases` lead to either."""

    records: Records | None = None
    problem: Reason | None = None
    aliases: tuple[str, ...] = ()

    @property
    def values(self) -> tuple[str, ...]:
        return self.records.values if self.records else ()


class NameLookup:
    """Questions about one name that are under way, each in a thread that may be left behind.

    `domain`: whose MX and SRV records for `protocol` are asked for; None for none. Making one loads dnspython and asks,
    neither in the caller's time.
    """

    def __init__(self, host: str, *, protocol: str = "", domain: str | None = None) -> None:
        self.host = host
        self.name_servers: tuple[str, ...] = ()
        self._questions = [(host, "A"), (host, "AAAA")]
        if domain:
            services = _SRV_SERVICES.get(protocol, ())
            self._questions += [(domain, "MX"), *((f"{service}._tcp.{domain}", "SRV") for service in services)]
        self._answers: dict[tuple[str, str], Answer] = {}
        self._news = threading.Condition()
        self._asking = threading.Thread(target=self._ask_all, daemon=True, name=f"DNS of {host}")
        self._asking.start()

    def wait(self, seconds: float) -> None:
        """Wait until all answers are here, or so long."""
        with self._news:
            self._news.wait_for(lambda: len(self._answers) == len(self._questions), max(seconds, 0.0))

    def explain(self, error: NetworkError, deadline: Deadline) -> None:
        """Complete the error of a name that the system could not resolve: which kind of failure it is."""
        try:
            self.wait(min(LOOKUP_SECONDS + _MARGIN_SECONDS, deadline.left_seconds()))
        except TimeoutError:
            self.wait(0)
        if self.addresses:
            error.reason = Reason.DNS
            error.message = f"this machine cannot resolve the name {self.host}, though the DNS has addresses for it"
        elif self.problem is not None:
            error.reason = self.problem
            error.message = f"the name {self.host} {self._said(self.problem)}"
            error.hint = self._said_instead() if self.problem in (Reason.NXDOMAIN, Reason.NO_ADDRESS) else None
        error.details["resolvers"] = list(self.name_servers)

    def _said(self, problem: Reason) -> str:
        aliases = self.aliases if problem in (Reason.NXDOMAIN, Reason.NO_ADDRESS) else ()
        alias = f"is an alias of {aliases[-1]}, which " if aliases else ""
        asked = f" (asked: {', '.join(self.name_servers)})" if self.name_servers else ""
        return f"{alias}{_SAID[problem]}{asked}"

    def _said_instead(self) -> str | None:
        """Return the servers that the domain names by MX and SRV records, for who looks for the right one."""
        found = [
            f"{kind.upper()} {', '.join(record.removesuffix('.') for record in records)}"
            for kind, records in self._related().items()
        ]
        return f"the DNS names these servers of the domain: {'; '.join(found)}" if found else None

    def _related(self) -> dict[str, list[str]]:
        with self._news:
            return {
                ("mx" if kind == "MX" else name.partition(".")[0].lstrip("_")): list(answer.values)
                for (name, kind), answer in self._answers.items()
                if kind in ("MX", "SRV") and answer.values
            }

    @property
    def problem(self) -> Reason | None:
        """Why the name has no address, by the name servers; None if it has one, or none could be asked."""
        found = [answer for kind in ("A", "AAAA") if (answer := self._answer(self.host, kind))]
        if not found or self.addresses:
            return None
        return min((answer.problem for answer in found if answer.problem), key=_WORST_FIRST.index, default=None)

    @property
    def addresses(self) -> tuple[str, ...]:
        """The addresses of both families that the name servers have answered."""
        found = (self._answer(self.host, kind) for kind in ("A", "AAAA"))
        return tuple(value for answer in found if answer for value in answer.values)

    @property
    def aliases(self) -> tuple[str, ...]:
        """The names that CNAMEs lead through from the host, the last one being the canonical name."""
        found = (self._answer(self.host, kind) for kind in ("A", "AAAA"))
        return next((answer.aliases for answer in found if answer and answer.aliases), ())

    def evidence(self) -> dict[str, object]:
        """Return what has been answered so far, as plain JSON values."""
        with self._news:
            answers = dict(self._answers)
        has_answered = self.problem in (Reason.NXDOMAIN, Reason.NO_ADDRESS, Reason.SERVFAIL)
        only = self.name_servers[0] if has_answered and len(self.name_servers) == 1 else None
        return {
            "resolvers": list(self.name_servers),
            "resolver": next((answer.records.name_server for answer in answers.values() if answer.records), only),
            "aliases": list(self.aliases),
            "dns_addresses": list(self.addresses),
            "dns_problem": self.problem,
            "related": self._related(),
        }

    def warnings(self, dialled: Iterable[str]) -> list[str]:
        """Say where the name servers disagree with the addresses that this machine dials, and where they fail."""
        ours, theirs = set(dialled), set(self.addresses)
        if theirs and not ours & theirs:
            said = f"this machine dials {', '.join(sorted(ours))}, and the DNS says {', '.join(sorted(theirs))}"
            if ours & set(_hosts_file_addresses(self.host)):
                return [f"{said}: the hosts file of this machine overrides the DNS"]
            if _scopes(ours) != _scopes(theirs):
                return [f"{said}: this machine's resolver answers otherwise than the name servers"]
        failing = {
            kind: answer.problem
            for kind in ("A", "AAAA")
            if (answer := self._answer(self.host, kind)) and answer.problem in (Reason.SERVFAIL, Reason.TIMED_OUT)
        }
        if theirs and failing:
            said = ", ".join(f"{kind}: {problem}" for kind, problem in failing.items())
            return [f"the name servers fail for one kind of address ({said}), which slows every connection"]
        return []

    def _answer(self, name: str, kind: str) -> Answer | None:
        with self._news:
            return self._answers.get((name, kind))

    # In threads of their own

    def _ask_all(self) -> None:
        try:
            servers = NameServers()
        except MailctlError as error:
            problem = Reason(error.reason) if isinstance(error, NetworkError) else Reason.DNS
            for question in self._questions:
                self._keep(question, Answer(problem=problem))
            return
        self.name_servers = tuple(servers.shown)
        for question in self._questions:
            name = f"DNS {question[1]} of {question[0]}"
            threading.Thread(target=self._ask, args=(servers, question), daemon=True, name=name).start()

    def _ask(self, servers: NameServers, question: tuple[str, str]) -> None:
        try:
            records = servers.ask(*question, Deadline(LOOKUP_SECONDS))
        except NetworkError as error:
            aliases = error.details.get("aliases")
            self._keep(
                question,
                Answer(problem=Reason(error.reason), aliases=tuple(aliases) if isinstance(aliases, list) else ()),
            )
        else:
            self._keep(question, Answer(records, None if records.values else Reason.NO_ADDRESS, records.aliases))

    def _keep(self, question: tuple[str, str], answer: Answer) -> None:
        with self._news:
            self._answers[question] = answer
            self._news.notify_all()


def find_mail_domain(host: str, username: str | None) -> str | None:
    """Return the domain whose MX and SRV records speak of a server: that of the login's address, else the host's own.

    None for what is no name of the public DNS.
    """
    domain = (username or "").rpartition("@")[2] if "@" in (username or "") else ""
    if domain.isascii() and "." in domain:
        return domain
    if not is_in_dns(host):
        return None
    labels = host.split(".")
    return host if len(labels) == 2 else host.partition(".")[2]


def is_in_dns(host: str) -> bool:
    """Tell whether the DNS may know a host: no address, no local name of RFC 6761 or 6762, none for the search list."""
    return not is_ip_address(host) and "." in host and not host.endswith((".localhost", ".local"))


def _hosts_file_addresses(host: str) -> list[str]:
    """Return what the system's hosts file says of a name (hosts(5)), which comes before the DNS."""
    root = os.environ.get("SYSTEMROOT")
    path = Path(root, "System32", "drivers", "etc", "hosts") if root else Path("/etc/hosts")
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []
    entries = (line.partition("#")[0].lower().split() for line in lines)
    return [entry[0] for entry in entries if host in entry[1:]]


def _scopes(addresses: Iterable[str]) -> set[bool]:
    """Return whether addresses are reachable from everywhere: rotating answers differ, but not in that."""
    return {ipaddress.ip_address(address).is_global for address in addresses}
