"""How a connection to a server comes about, observed: stages dns and tcp. The mail protocols and HTTP begin so."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from typing import TYPE_CHECKING

from msgspec import Struct

from mailctl.errors import NetworkError
from mailctl.model.report import Stage
from mailctl.protocol.reasons import Reason
from mailctl.transport.network import dial
from mailctl.transport.network.limits import Deadline
from mailctl.transport.watch import StageRecord, Watch

if TYPE_CHECKING:
    from mailctl.transport.network.name_lookup import NameLookup

_RELAY_PORT = 25
_SUBMISSION_PORTS = (465, 587)
_PATIENCE_SECONDS = 0.5
"""How long the name servers' answers are waited for where the connection stands already."""
_OTHER_PORTS_SECONDS = 1.5
"""How long the ports for submission are tried where port 25 does not answer."""


class Destination(Struct, frozen=True, kw_only=True):
    """Where to connect to: `host` in A-labels or an IP address.

    `protocol` names it in stages. `username`: of the login, whose domain may have more to say in the DNS.
    `source_address`: the local IP address to connect from.
    """

    host: str
    port: int
    protocol: str
    username: str | None = None
    source_address: str | None = None


def open_connection(
    destination: Destination, watch: Watch, deadline: Deadline, *, resolve: dial.Resolve, whole: Deadline | None = None
) -> tuple[socket.socket, dial.Address]:
    """Resolve and dial; return the connection and the address that answered. Raises NetworkError.

    `whole`: bounds what is done to explain a failure, beyond `deadline`.
    """
    with watch.stage(Stage.DNS, protocol=destination.protocol) as record:
        resolution = _resolve(destination, watch, deadline, resolve, record)
    with watch.stage(Stage.TCP, protocol=destination.protocol) as record:
        dialler = dial.Dialler(resolution.addresses, source_address=destination.source_address)
        try:
            connected = dialler.connect(deadline, survey=watch.thorough)
        except NetworkError as error:
            if watch.thorough and error.reason == Reason.TIMED_OUT and destination.port == _RELAY_PORT:
                _try_submission_ports(resolution.addresses, error, record, whole or deadline)
            raise
        finally:
            record.evidence["attempts"] = [attempt.evidence for attempt in dialler.attempts]
        assert dialler.address
        record.evidence |= {"address": dialler.address.ip, "family": dialler.address.family_name}
        if watch.thorough:
            record.complete = lambda record: _complete_tcp(record, dialler, deadline)
    return connected, dialler.address


def _resolve(
    destination: Destination, watch: Watch, deadline: Deadline, resolve: dial.Resolve, record: StageRecord
) -> dial.Resolution:
    lookup = _begin_lookup(destination, watch) if watch.thorough else None
    try:
        resolution = resolve(destination.host, destination.port, deadline)
    except NetworkError as error:
        lookup = lookup or _begin_lookup(destination, watch)
        if lookup is not None:
            lookup.explain(error, deadline)
            record.evidence |= lookup.evidence()
        raise
    addresses = [address.ip for address in resolution.addresses]
    record.evidence |= {"addresses": addresses, "canonical_name": resolution.canonical_name}
    if lookup is not None:
        asking = lookup
        record.complete = lambda record: _complete_dns(record, asking, addresses, deadline)
    return resolution


def _begin_lookup(destination: Destination, watch: Watch) -> NameLookup | None:
    from mailctl.transport.network.name_lookup import NameLookup, find_mail_domain, is_in_dns

    if not is_in_dns(destination.host):
        return None
    domain = find_mail_domain(destination.host, destination.username) if watch.thorough else None
    return NameLookup(destination.host, protocol=destination.protocol, domain=domain)


def _complete_dns(record: StageRecord, lookup: NameLookup, addresses: Sequence[str], deadline: Deadline) -> None:
    lookup.wait(0 if deadline.has_passed else _PATIENCE_SECONDS)
    record.evidence |= lookup.evidence()
    record.warnings += lookup.warnings(addresses)


def _complete_tcp(record: StageRecord, dialler: dial.Dialler, deadline: Deadline) -> None:
    dialler.end_survey(deadline)
    record.evidence["attempts"] = [attempt.evidence for attempt in dialler.attempts]
    record.warnings += dialler.warnings()


def _try_submission_ports(
    addresses: Sequence[dial.Address], error: NetworkError, record: StageRecord, deadline: Deadline
) -> None:
    """Tell a server that is off from a network that lets nothing out to port 25, as most providers' do."""
    open_ports = dial.find_open_ports(addresses, _SUBMISSION_PORTS, Deadline(_OTHER_PORTS_SECONDS, within=deadline))
    record.evidence["open_ports"] = open_ports
    if open_ports:
        error.reason = Reason.PORT_BLOCKED
        answering = " and ".join(str(port) for port in open_ports)
        error.message = f"port 25 does not answer, and {answering} of the same server does"
