"""What `doctor` looks at outside of this machine: the name servers, and the ports of the servers in the settings."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

from mailctl.errors import InvalidValueError, NetworkError
from mailctl.model.finding import Finding, Verdict, note, ok, problem, warning
from mailctl.model.report import Stage
from mailctl.model.server import Protocol
from mailctl.model.settings import Settings
from mailctl.model.values import ascii_host
from mailctl.protocol.reasons import Reason
from mailctl.protocol.remedies import find_remedy
from mailctl.services.testing.targets import Target, list_targets
from mailctl.services.together import run_together
from mailctl.transport.network import dial
from mailctl.transport.network.connection import Destination, open_connection
from mailctl.transport.network.limits import Deadline
from mailctl.transport.network.resolver import NameServers
from mailctl.transport.watch import Watch

_PLACES_MAX = 30
_NAMED_MAX = 3
_ROOT_NAME = "."
_RELAY_PORT = 25


class _Place(NamedTuple):
    """What is dialled."""

    host: str
    port: int


class _Use(NamedTuple):
    """By whom, and for what."""

    target: Target
    protocol: Protocol


_End = Finding | NetworkError | None


def check_network(settings: Settings, seconds: float) -> Iterator[Finding]:
    """Look at the name servers and at the ports, at once; where the former fail, that is said once for all names."""
    places = _places(settings)
    tried = list(places)[:_PLACES_MAX]
    deadline = Deadline(seconds)
    jobs: dict[_Place | None, Callable[[], _End]] = {None: partial(_ask_root, deadline)}
    jobs |= {place: partial(_connect, place, deadline) for place in tried}
    late = NetworkError("no connection came about in time", reason=Reason.TIMED_OUT)
    ends: dict[_Place | None, _End] = dict.fromkeys(tried, late)
    ends.update(run_together(jobs, seconds))
    resolver = ends.pop(None, None)
    if not isinstance(resolver, Finding):
        resolver = problem("resolver", "the name servers did not answer in time", "give --timeout more seconds")
    yield resolver
    errors = {place: end for place, end in ends.items() if place and not isinstance(end, Finding)}
    yield from _judge_ports(places, errors, resolver.verdict)


def _ask_root(deadline: Deadline) -> Finding:
    """Look at the name servers: ask for the root of the DNS, which every resolver knows."""
    try:
        servers = NameServers()
    except (InvalidValueError, NetworkError) as error:
        return problem(
            "resolver", error.message, error.hint or "correct the variable, or take it out of the environment"
        )
    asked = ", ".join(servers.shown)
    try:
        records = servers.ask(_ROOT_NAME, "NS", deadline)
    except NetworkError as error:
        if error.reason == Reason.NXDOMAIN:
            said = f"{asked} answers, and does not know the root of the DNS: only names of this network are known"
            return warning("resolver", said, "none, where that is meant")
        said = {Reason.TIMED_OUT: "does not answer", Reason.SERVFAIL: "answers that it fails"}.get(
            Reason(error.reason), "cannot be asked"
        )
        remedy = "look at /etc/resolv.conf and the network; MAILCTL_NAMESERVER names another for mailctl"
        return problem("resolver", f"{asked} {said}", remedy)
    return ok("resolver", f"{records.name_server} answers")


def _judge_ports(
    places: Mapping[_Place, Sequence[_Use]], ends: Mapping[_Place, NetworkError | None], resolver: Verdict
) -> Iterator[Finding]:
    """Tell which endpoints take connections. `ends`: what became of those that were tried, None where one stood."""
    if not places:
        yield note("ports", "no server in the settings to connect to", next="mailctl server add")
        return
    reached = [place for place, error in ends.items() if error is None]
    if reached:
        numbers = ", ".join(map(str, sorted({place.port for place in reached})))
        yield ok("ports", f"{len(reached)} of {len(ends)} endpoints take connections (ports {numbers})")
    unresolved = [place.host for place, error in ends.items() if error and error.stage is Stage.DNS]
    if unresolved and resolver is not Verdict.OK:
        yield _unresolved(list(dict.fromkeys(unresolved)), resolver)
    for place, error in ends.items():
        if error and not (error.stage is Stage.DNS and resolver is not Verdict.OK):
            yield _unreached(place, places[place], error, reached)
    if len(places) > len(ends):
        yield note("ports", f"{len(places) - len(ends)} more endpoints were not tried")


def _unresolved(hosts: Sequence[str], resolver: Verdict) -> Finding:
    """Return what is said of all names together that fail because the name servers do."""
    names = _listed(hosts)
    if resolver is Verdict.PROBLEM:
        return note("ports", f"not tried, for their names could not be resolved: {names}", "mend the resolver first")
    return problem(
        "ports",
        f"names that are not known here: {names}",
        "these name servers know no names of the internet: ask others, or check the spelling of names of this network",
        "mailctl server list",
    )


def _unreached(place: _Place, uses: Sequence[_Use], error: NetworkError, reached: Sequence[_Place]) -> Finding:
    """Return what is wrong with an endpoint, whose it is, and how it is mended: as a test of it would say."""
    (target, protocol), stage = uses[0], error.stage or Stage.TCP
    is_blocked = error.reason in (Reason.TIMED_OUT, Reason.UNREACHABLE, Reason.FORBIDDEN)
    reason, said = error.reason, error.message
    if place.port == _RELAY_PORT and is_blocked and any(other.port != _RELAY_PORT for other in reached):
        reason, said = Reason.PORT_BLOCKED, f"{said}, while other ports answer: this network blocks outbound port 25"
    remedy = find_remedy(host=place.host, protocol=protocol, stage=stage, reason=reason, reply="")
    edit, side = target.edit_command or "", target.sides[protocol]
    command = remedy.command(test="", edit=edit, side=side) or ""
    where = "" if stage is Stage.DNS else f"port {place.port} of {place.host}: "
    return problem(
        "ports",
        f"{_listed([use.target.name for use in uses])}: {where}{said}",
        remedy.remedy,
        command if command.startswith(edit) else f"{edit} --{side}-host HOST",
    )


def _connect(place: _Place, deadline: Deadline) -> NetworkError | None:
    destination = Destination(host=place.host, port=place.port, protocol="")
    try:
        open_connection(destination, Watch(), deadline, resolve=dial.resolve)[0].close()
    except NetworkError as error:
        return error
    return None


def _places(settings: Settings) -> dict[_Place, list[_Use]]:
    """Return every endpoint, the catalogue's first, each once, with those whose it is: one for each that is edited."""
    places: dict[_Place, dict[str | None, _Use]] = {}
    for target in list_targets(settings, Path()):
        pop = target.sending.pop_before_smtp
        sides = [target.sending.smtp, pop.endpoint if pop else None, target.receiving and target.receiving.endpoint]
        for side in [side for side in sides if side]:
            place, use = _Place(ascii_host(side.host), side.port), _Use(target, Protocol(side.protocol))
            places.setdefault(place, {}).setdefault(target.edit_command, use)
    return {place: list(uses.values()) for place, uses in places.items()}


def _listed(names: Sequence[str]) -> str:
    more = len(names) - _NAMED_MAX
    return ", ".join(names[:_NAMED_MAX]) + (f" and {more} more" if more > 0 else "")
