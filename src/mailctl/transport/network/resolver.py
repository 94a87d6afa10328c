"""Questions to the name servers: what getaddrinfo does not tell (MX, SRV, aliases, who answered and why not).

Connections are made to the addresses that the system itself finds (`dial.resolve`); this explains, and discovers.
MAILCTL_NAMESERVER names another name server than the system's, `ADDRESS` or `ADDRESS:PORT` (`[::1]:53`): to see what
the world outside of a split DNS sees, or where the system's own does not answer. DNS is not authenticated here: what
it says is a hint, never a proof. dnspython takes long to load, and is loaded by the first question.
"""

from __future__ import annotations

import ipaddress
import os
from typing import TYPE_CHECKING

from msgspec import Struct

from mailctl.errors import InvalidValueError, NetworkError, Problem
from mailctl.model.values import parse_port, shown
from mailctl.protocol.reasons import Reason
from mailctl.transport.network.limits import Deadline

if TYPE_CHECKING:
    import dns.message
    import dns.resolver

NAME_SERVER_VARIABLE = "MAILCTL_NAMESERVER"
_PORT = 53


class Records(Struct, frozen=True):
    """What the name servers said of a name and a type of record.

    `values`: each record in its text form (RFC 1035, 5.1), relative to nothing; empty where the name has none of that
    type. `aliases`: the names that CNAMEs lead through, the last one being the canonical name, without final dots.
    `name_server`: who answered, `ADDRESS:PORT`.
    """

    values: tuple[str, ...]
    aliases: tuple[str, ...]
    name_server: str


class NameServers:
    """The name servers of this machine, or the one that the environment names. Building one asks nothing."""

    def __init__(self) -> None:
        """Raises NetworkError where the system has none, InvalidValueError where the environment's is no address."""
        self._resolver = _build_resolver()

    @property
    def shown(self) -> list[str]:
        """Who is asked, `ADDRESS:PORT` each."""
        return [_shown(str(address), self._resolver.port) for address in self._resolver.nameservers]

    def ask(self, name: str, kind: str, deadline: Deadline) -> Records:
        """Return the records of a name (A-labels) and a type such as `MX`; no search list is applied.

        Raises NetworkError: `nxdomain`, whose details hold the `aliases` that lead there, `servfail`, `timed-out`,
        `unreachable` (no name server is), or `dns`.
        """
        import dns.exception
        import dns.resolver

        try:
            answer = self._resolver.resolve(
                name, kind, lifetime=deadline.left_seconds(), search=False, raise_on_no_answer=False
            )
        except dns.resolver.NXDOMAIN as error:
            unknown = self._error(f"the name {name} does not exist", Reason.NXDOMAIN)
            unknown.details["aliases"] = _aliases_of(*error.kwargs["responses"].values())
            raise unknown from None
        except dns.resolver.NoNameservers as error:
            raise self._failure(name, error) from None
        except (dns.exception.Timeout, TimeoutError):
            raise self._error(f"the name servers did not answer about {name} in time", Reason.TIMED_OUT) from None
        except (dns.exception.DNSException, OSError) as error:
            said = f"the name servers cannot be asked about {name} ({type(error).__name__})"
            raise self._error(said, Reason.DNS) from None
        return Records(
            values=tuple(record.to_text() for record in answer.rrset or ()),
            aliases=tuple(_aliases_of(answer.response)),
            name_server=_shown(str(answer.nameserver), answer.port or _PORT),
        )

    def _failure(self, name: str, error: dns.resolver.NoNameservers) -> NetworkError:
        answered = any(response is not None for *_, response in error.kwargs.get("errors", ()))
        if answered:
            return self._error(f"the name servers fail at the name {name}", Reason.SERVFAIL)
        return self._error(f"no name server can be reached ({', '.join(self.shown)})", Reason.UNREACHABLE)

    def _error(self, message: str, reason: Reason) -> NetworkError:
        return NetworkError(message, reason=reason, details={"resolvers": self.shown})


def _aliases_of(*responses: dns.message.QueryMessage) -> list[str]:
    """Return the names that the CNAMEs in responses lead through, without final dots."""
    chains = (response.resolve_chaining().cnames for response in responses)
    return [rrset[0].target.to_text(omit_final_dot=True) for chain in chains for rrset in chain]


def _build_resolver() -> dns.resolver.Resolver:
    import dns.resolver

    named = os.environ.get(NAME_SERVER_VARIABLE)
    if not named:
        try:
            return dns.resolver.Resolver()
        except (dns.resolver.NoResolverConfiguration, OSError, ValueError):
            raise NetworkError(
                "this machine has no name server configured",
                reason=Reason.DNS,
                hint=f"/etc/resolv.conf names them; {NAME_SERVER_VARIABLE}=ADDRESS names one for mailctl alone",
                details={"resolvers": []},
            ) from None
    address, port = _parse_name_server(named)
    resolver = dns.resolver.Resolver(configure=False)
    resolver.nameservers, resolver.port = [address], port
    return resolver


def _parse_name_server(text: str) -> tuple[str, int]:
    host, colon, port = text.rpartition(":") if text.count(":") == 1 or "]:" in text else (text, "", "")
    try:
        return str(ipaddress.ip_address(host.strip("[]"))), parse_port(port) if colon else _PORT
    except ValueError:
        problem = f"{shown(text)} is no name server: write ADDRESS or ADDRESS:PORT"
        raise InvalidValueError([Problem(NAME_SERVER_VARIABLE, problem)]) from None


def _shown(address: str, port: int) -> str:
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
