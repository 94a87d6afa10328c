"""Round trips: `python -m tests.benchmarks.wire` from the repository's root, where Dovecot and Postfix are installed.

`mailctl test` and the programs that can make the same exchange run against real servers, once through a proxy that is
near and once through one that is far. What the far line costs beyond the near one, in units of a round trip, is what a
program waits for the server: start-up and computing fall out. Turns are counted at the proxy: how often a program
speaks after it has heard something. A farewell that is not waited for is a turn that costs no round trip.

What the protocol needs is counted by hand: TCP's handshake, TLS 1.3's, the greeting, and each command that cannot go
before the answer to the one before it is known. At 100 ms a round trip, a whole run is held to 1.15 times that and the
start-up.
"""

from __future__ import annotations

import shutil
import statistics
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from tests.benchmarks.contestants import MESSAGE, PROGRAMS, Contestants, Exchange
from tests.benchmarks.measure import Runs, print_ratio, run_once
from tests.servers.certificates import CertificateAuthority
from tests.servers.dovecot import Dovecot
from tests.servers.people import ALICE
from tests.servers.postfix import Postfix
from tests.servers.proxy import DelayProxy

DELAY_SECONDS = 0.15
ROUND_TRIP_SECONDS = 2 * DELAY_SECONDS
ROUNDS = 5
_GOAL_ROUND_TRIP_SECONDS = 0.1

EXCHANGES = (
    Exchange("SMTP, STARTTLS, AUTH PLAIN", "smtp", "starttls", "auth", 7),
    Exchange("SMTP, STARTTLS, AUTH PLAIN, a message", "smtp", "starttls", "message", 8),
    Exchange("SMTP over TLS, AUTH PLAIN", "smtp", "tls", "auth", 5),
    Exchange("SMTP over TLS, AUTH PLAIN, a message", "smtp", "tls", "message", 6),
    Exchange("IMAP over TLS, login, EXAMINE", "imap", "tls", "mailbox", 5),
    Exchange("IMAP, STARTTLS, login, EXAMINE", "imap", "starttls", "mailbox", 7),
    Exchange("POP3 over TLS, login, STAT", "pop3", "tls", "mailbox", 6),
    Exchange("POP3, STLS, login, STAT", "pop3", "starttls", "mailbox", 7),
)


@dataclass
class Result:
    """What the runs of one program took."""

    near: Runs = field(default_factory=Runs)
    far: Runs = field(default_factory=Runs)
    turns: list[int] = field(default_factory=list)

    @property
    def round_trips(self) -> float:
        """Those that it waited for."""
        return (self.far.best_wall - self.near.best_wall) / ROUND_TRIP_SECONDS


def main() -> None:
    with tempfile.TemporaryDirectory() as name, Dovecot(ca=CertificateAuthority(Path(name))) as dovecot:
        dovecot.add_user(ALICE.address, ALICE.password)
        with Postfix(dovecot=dovecot) as postfix:
            contestants = Contestants(Path(name, "clients"), dovecot.ca_file, ALICE)
            for exchange in EXCHANGES:
                results = _measure(exchange, contestants, _port(exchange, dovecot, postfix))
                _show(exchange, results)


def _port(exchange: Exchange, dovecot: Dovecot, postfix: Postfix) -> int:
    return {
        ("smtp", "starttls"): postfix.submission_port,
        ("smtp", "tls"): postfix.smtps_port,
        ("imap", "starttls"): dovecot.imap_port,
        ("imap", "tls"): dovecot.imaps_port,
        ("pop3", "starttls"): dovecot.pop3_port,
        ("pop3", "tls"): dovecot.pop3s_port,
    }[exchange.protocol, exchange.security]


def _measure(exchange: Exchange, contestants: Contestants, port: int) -> dict[str, Result]:
    # Dovecot takes a client at its own address as secured already, and then tells it other things.
    with (
        DelayProxy(port, source="127.0.0.9") as near,
        DelayProxy(port, delay_seconds=DELAY_SECONDS, source="127.0.0.9") as far,
    ):
        commands_near = contestants.commands(exchange, near.port)
        commands_far = contestants.commands(exchange, far.port)
        results = {name: Result() for name in commands_far if shutil.which(name.split()[0]) or name not in PROGRAMS}
        for _ in range(ROUNDS):
            for name, result in results.items():
                far.reset()
                result.far.add(run_once(commands_far[name], stdin=MESSAGE))
                result.near.add(run_once(commands_near[name], stdin=MESSAGE))
                # Read as late as this, for a farewell may reach the proxy after its program's end.
                result.turns.append(far.traffic.turns)
    return results


def _show(exchange: Exchange, results: dict[str, Result]) -> None:
    print(f"{exchange.title}\n  {'':<20}{'round trips':>12}{'turns':>8}{'rest, ms':>10}")
    for name, result in results.items():
        near_ms = result.near.best_wall * 1000
        print(f"  {name:<20}{result.round_trips:12.1f}{statistics.median(result.turns):8.0f}{near_ms:10.0f}")
    mailctl = results.pop("mailctl")
    # A round trip is made or not made: what is left beside whole ones is the noise of the machine.
    best_round_trips = min(round(result.round_trips) for result in results.values())
    best_turns = min(statistics.median(result.turns) for result in results.values())
    print_ratio("  whole round trips, the best of the others", round(mailctl.round_trips), best_round_trips, 1.0, "rt")
    start_up = mailctl.near.best_wall
    walls = [count * _GOAL_ROUND_TRIP_SECONDS + start_up for count in (mailctl.round_trips, exchange.least)]
    print_ratio("  a whole run at 100 ms, what the protocol needs", *walls, 1.15, "s")
    print_ratio("  turns, the best of the others", statistics.median(mailctl.turns), best_turns, 1.0, "rt")


if __name__ == "__main__":
    main()
