"""A name server on a loopback address, over UDP and TCP, that answers from a small zone.

    with DnsServer({"example.org": {"MX": ["10 mx.example.org."]}}) as server:
        monkeypatch.setenv("MAILCTL_NAMESERVER", server.place)

Names are without final dots, records in their text form. A name that has records of other types alone gets an empty
answer, a name that is not in the zone NXDOMAIN; CNAMEs are followed. `fails`: names that it answers by SERVFAIL.
`silent`: names that it does not answer. `asked` holds what was asked, `NAME TYPE`.
"""

from __future__ import annotations

import contextlib
import errno
import socketserver
import threading
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Self

import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import dns.resolver
import dns.rrset

Zone = Mapping[str, Mapping[str, Sequence[str]]]
_TTL_SECONDS = 60


class DnsServer:
    def __init__(self, zone: Zone, *, fails: Collection[str] = (), silent: Collection[str] = ()) -> None:
        self.zone = {name.lower(): records for name, records in zone.items()}
        self.fails, self.silent = fails, silent
        self.asked: list[str] = []
        self._udp, self._tcp = _bind_both(self)
        self.port = self._udp.server_address[1]
        self.place = f"127.0.0.1:{self.port}"
        self._threads = [
            threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
            for server in (self._udp, self._tcp)
        ]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        for server in (self._udp, self._tcp):
            server.shutdown()
        for thread in self._threads:
            thread.join()
        self._udp.server_close()
        self._tcp.server_close()

    def answer(self, query: bytes) -> bytes | None:
        """Return the answer to a query, both as they are on the wire; None for silence."""
        asked = dns.message.from_wire(query)
        question = asked.question[0]
        name = question.name.to_text(omit_final_dot=True).lower()
        kind = dns.rdatatype.to_text(question.rdtype)
        self.asked.append(f"{name} {kind}")
        if name in self.silent:
            return None
        reply = dns.message.make_response(asked)
        reply.flags |= dns.flags.RA
        if name in self.fails:
            reply.set_rcode(dns.rcode.SERVFAIL)
            return reply.to_wire()
        while True:
            records = self.zone.get(name)
            if records is None:
                if not any(other.endswith(f".{name}") for other in self.zone):
                    reply.set_rcode(dns.rcode.NXDOMAIN)
                break
            alias = records.get("CNAME")
            found = "CNAME" if alias and kind != "CNAME" else kind
            if found in records:
                reply.answer.append(
                    dns.rrset.from_text(f"{name.rstrip('.')}.", _TTL_SECONDS, "IN", found, *records[found])
                )
            if not alias or kind == "CNAME":
                break
            name = alias[0].removesuffix(".").lower()
        return reply.to_wire()


@contextlib.contextmanager
def resolving_by(server: DnsServer) -> Iterator[None]:
    """Let the system's getaddrinfo ask this server: dnspython stands in for it, in this process."""
    resolver = dns.resolver.Resolver(configure=False)
    resolver.nameservers, resolver.port = ["127.0.0.1"], server.port
    dns.resolver.override_system_resolver(resolver)
    try:
        yield
    finally:
        dns.resolver.restore_system_resolver()


class _UdpServer(socketserver.ThreadingUDPServer):
    daemon_threads = False


class _TcpServer(socketserver.ThreadingTCPServer):
    daemon_threads = False


def _bind_both(server: DnsServer) -> tuple[_UdpServer, _TcpServer]:
    """Return servers at one port, which has to be free for both protocols."""
    while True:
        udp = _UdpServer(("127.0.0.1", 0), _udp_handler(server))
        try:
            return udp, _TcpServer(udp.server_address, _tcp_handler(server))
        except OSError as error:
            udp.server_close()
            if error.errno != errno.EADDRINUSE:
                raise


def _udp_handler(server: DnsServer) -> type[socketserver.BaseRequestHandler]:
    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            query, endpoint = self.request
            if reply := server.answer(query):
                endpoint.sendto(reply, self.client_address)

    return Handler


def _tcp_handler(server: DnsServer) -> type[socketserver.StreamRequestHandler]:
    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            with contextlib.suppress(ConnectionError):
                length = int.from_bytes(self.rfile.read(2), "big")
                if reply := server.answer(self.rfile.read(length)):
                    self.wfile.write(len(reply).to_bytes(2, "big") + reply)

    return Handler
