"""One message by mailctl-sendmail: `python -m tests.benchmarks.sendmail` from the repository's root.

Whole processes, from the start to the exit code, beside the programs that do the same: a small message to a Postfix on
this machine, by STARTTLS and PLAIN, and over implicit TLS; then the same over a line with a round trip of 100 ms, told
in round trips. Needs Dovecot and Postfix. On a busy machine the processor's time says more than the clock.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

from tests.benchmarks.contestants import HOST, MESSAGE, PROGRAMS, Contestants, Exchange
from tests.benchmarks.measure import Runs, print_ratio, run_once
from tests.servers.certificates import CertificateAuthority
from tests.servers.dovecot import Dovecot
from tests.servers.people import ALICE
from tests.servers.postfix import Postfix
from tests.servers.proxy import DelayProxy

SENDMAIL = "mailctl-sendmail"
ROUNDS = 15
FAR_ROUNDS = 9
ROUND_TRIP_SECONDS = 0.1

SETTINGS = """\
schema_version = 1
[sysmail]
address = "{address}"
username = "{address}"
password = "file:password"
[sysmail.smtp]
host = "{host}"
port = {port}
security = "{security}"
auth = "plain"
[sysmail.tls]
ca_file = "ca.pem"
"""

EXCHANGES = (
    Exchange("STARTTLS, AUTH PLAIN, a message", "smtp", "starttls", "message", least=8),
    Exchange("implicit TLS, AUTH PLAIN, a message", "smtp", "tls", "message", least=6),
)


def main() -> None:
    with tempfile.TemporaryDirectory() as name, Dovecot(ca=CertificateAuthority(Path(name))) as dovecot:
        dovecot.add_user(ALICE.address, ALICE.password)
        with Postfix(dovecot=dovecot) as postfix:
            folder = Path(name, "clients")
            contestants = Contestants(folder, dovecot.ca_file, ALICE)
            for exchange in EXCHANGES:
                port = {"starttls": postfix.submission_port, "tls": postfix.smtps_port}[exchange.security]
                _show_near(exchange, _measure(exchange, contestants, folder, port, ROUNDS))
                with DelayProxy(port, delay_seconds=ROUND_TRIP_SECONDS / 2, source="127.0.0.9") as far:
                    _show_far(exchange, _measure(exchange, contestants, folder, far.port, FAR_ROUNDS))


def _measure(exchange: Exchange, contestants: Contestants, folder: Path, port: int, rounds: int) -> dict[str, Runs]:
    settings = folder / f"sendmail-{port}.toml"
    settings.write_text(
        SETTINGS.format(address=ALICE.address, host=HOST, port=port, security=exchange.security), encoding="utf-8"
    )
    commands = contestants.commands(exchange, port)
    del commands["mailctl"]
    commands[SENDMAIL] = [sys.executable, "-m", "mailctl.sendmail", "-C", str(settings), ALICE.address]
    results = {name: Runs() for name in commands if shutil.which(name.split()[0]) or name not in PROGRAMS}
    for number in range(rounds + 1):
        for name, runs in results.items():
            run = run_once(commands[name], stdin=MESSAGE)
            if number:  # the first fills the caches
                runs.add(run)
    return results


def _show_near(exchange: Exchange, results: dict[str, Runs]) -> None:
    print(f"{exchange.title}, near\n  {'':<20}{'clock, ms':>12}{'processor, ms':>16}")
    for name, runs in results.items():
        print(f"  {name:<20}{runs.best_wall * 1000:12.0f}{runs.best_cpu * 1000:16.0f}")
    if "swaks" in results:
        ours, swaks = results[SENDMAIL], results["swaks"]
        print_ratio("  clock, against swaks", ours.best_wall, swaks.best_wall, 1.25)
        print_ratio("  processor, against swaks", ours.best_cpu, swaks.best_cpu, 1.25)


def _show_far(exchange: Exchange, results: dict[str, Runs]) -> None:
    print(f"{exchange.title}, over {ROUND_TRIP_SECONDS * 1000:.0f} ms\n  {'':<20}{'round trips':>12}")
    for name, runs in results.items():
        print(f"  {name:<20}{runs.best_wall / ROUND_TRIP_SECONDS:12.1f}")
    if "msmtp" in results:
        ours, msmtp = (results[name].best_wall / ROUND_TRIP_SECONDS for name in (SENDMAIL, "msmtp"))
        print_ratio("  whole process, against msmtp", ours, msmtp, 1.0, "rt")


if __name__ == "__main__":
    main()
