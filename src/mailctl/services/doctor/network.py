"""What `doctor` looks at outside of this machine: the name servers, and the ports of the servers in the settings."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from mailctl.errors import InvalidValueError, MailError, NetworkError
from mailctl.model.finding import Finding, note, ok, problem, warning
from mailctl.model.settings import Settings
from mailctl.model.values import ascii_host
from mailctl.protocol.reasons import Reason
from mailctl.services.testing.targets import list_targets
from mailctl.services.together import run_together
from mailctl.transport import dial
from mailctl.transport.limits import Deadline
from mailctl.transport.resolver import NameServers

_PLACES_MAX = 30
_ROOT_NAME = "."
Place = tuple[str, int]


def check_resolver(deadline: Deadline) -> Iterator[Finding]:
    """Ask the name servers for the root of the DNS, which every resolver knows."""
    try:
        servers = NameServers()
    except (InvalidValueError, NetworkError) as error:
        yield problem(
            "resolver", error.message, error.hint or "correct the variable, or take it out of the environment"
        )
        return
    asked = ", ".join(servers.shown)
    try:
        records = servers.ask(_ROOT_NAME, "NS", deadline)
    except NetworkError as error:
        if error.reason == Reason.NXDOMAIN:
            said = f"{asked} answers, and does not know the root of the DNS: only names of this network are known"
            yield warning("resolver", said, "none, where that is meant")
        else:
            said = {Reason.TIMED_OUT: "does not answer", Reason.SERVFAIL: "answers that it fails"}.get(
                Reason(error.reason), "cannot be asked"
            )
            remedy = "look at /etc/resolv.conf and the network; MAILCTL_NAMESERVER names another for mailctl"
            yield problem("resolver", f"{asked} {said}", remedy)
    except TimeoutError:
        yield problem("resolver", f"{asked} was not asked in time", "give --timeout more seconds")
    else:
        yield ok("resolver", f"{records.name_server} answers")


def check_ports(settings: Settings, deadline: Deadline) -> Iterator[Finding]:
    """Connect to each endpoint that the settings name, all at once; nothing is said there."""
    places = _places(settings)
    if not places:
        yield note("ports", "no server in the settings to connect to", next="mailctl server add")
        return
    jobs = {place: partial(_connect, place, deadline) for place in places[:_PLACES_MAX]}
    ends = dict(run_together(jobs, deadline.left_seconds()))
    reached = [place for place in jobs if place in ends and ends[place] is None]
    if reached:
        numbers = sorted({port for _, port in reached})
        yield ok("ports", f"{len(reached)} of {len(jobs)} endpoints take connections (ports {_joined(numbers)})")
    for host, port in jobs:
        if (host, port) not in reached:
            yield _unreached(host, port, ends.get((host, port)), reached)
    if len(places) > _PLACES_MAX:
        yield note("ports", f"{len(places) - _PLACES_MAX} more endpoints were not tried")


def _unreached(host: str, port: int, error: MailError | None, reached: list[Place]) -> Finding:
    said = error.message if error else "no connection came about in time"
    blocked = error is None or error.reason in (Reason.TIMED_OUT, Reason.UNREACHABLE, Reason.FORBIDDEN)
    if port == 25 and blocked and any(other != 25 for _, other in reached):
        return problem(
            "ports", f"{host}:25: {said}, while other ports answer: this network blocks outbound port 25",
            "send through port 587 or 465", "mailctl server list",
        )  # fmt: skip
    remedy = "look at the host's name, and at what the firewall lets out" if blocked else "look at host and port"
    return problem("ports", f"{host}:{port}: {said}", remedy, "mailctl server list")


def _connect(place: Place, deadline: Deadline) -> MailError | None:
    host, port = place
    try:
        addresses = dial.resolve(host, port, deadline).addresses
        dial.Dialler(addresses).connect(deadline).close()
    except NetworkError as error:
        return error
    return None


def _places(settings: Settings) -> list[Place]:
    """Return host and port of every endpoint of every target, the catalogue's first, each once."""
    places: dict[Place, None] = {}
    for target in list_targets(settings, Path()):
        pop = target.sending.pop_before_smtp
        sides = [target.sending.smtp, pop.endpoint if pop else None, target.receiving and target.receiving.endpoint]
        places |= dict.fromkeys((ascii_host(side.host), side.port) for side in sides if side)
    return list(places)


def _joined(numbers: list[int]) -> str:
    return ", ".join(map(str, numbers))
