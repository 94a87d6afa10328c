"""Listing mail: `python -m tests.benchmarks.mail_list` from the repository's root, where Dovecot is installed.

`mailctl mail list` of the newest 50 messages of an inbox of 50 and of one of 50,000 messages, and in threads, over a
line of 50 ms each way. The mailboxes are written as Maildir files, and Dovecot takes stock of them once before. What
the far line costs beyond a near one, in units of a round trip, is what the command waits for the server. Beside it:
IMAPClient's own way of asking for the same.
"""

from __future__ import annotations

import datetime as dt
import sys
import tempfile
from email.utils import format_datetime
from pathlib import Path

from imapclient import IMAPClient
from tests.benchmarks.measure import MAILCTL, Runs, print_ratio, run_once
from tests.servers.certificates import CertificateAuthority
from tests.servers.dovecot import Dovecot
from tests.servers.people import Person
from tests.servers.proxy import DelayProxy

DELAY_SECONDS = 0.05
ROUND_TRIP_SECONDS = 2 * DELAY_SECONDS
SIZES = (50, 50_000)
ROUNDS = 5
ENVIRONMENT = {"BENCHMARK_PASSWORD": "password"}
NEW_YEAR = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
TEXT = "text\r\n" * 20

LIBRARY = """
import sys
from imapclient import IMAPClient
with IMAPClient("127.0.0.1", int(sys.argv[1]), ssl=False) as client:
    client.login(sys.argv[2], "password")
    client.select_folder("INBOX", readonly=True)
    newest = client.search()[-50:]
    client.fetch(newest, ["FLAGS", "INTERNALDATE", "RFC822.SIZE", "BODY.PEEK[HEADER.FIELDS (DATE FROM SUBJECT)]"])
"""


def main() -> None:
    with tempfile.TemporaryDirectory() as name, Dovecot(ca=CertificateAuthority(Path(name))) as dovecot:
        people = {size: Person(f"has{size}@example.test", "password") for size in SIZES}
        for size, person in people.items():
            _fill(dovecot, person, size)
        with DelayProxy(dovecot.imap_port) as near, DelayProxy(dovecot.imap_port, delay_seconds=DELAY_SECONDS) as far:
            waits = {}
            for size, person in people.items():
                there, here = (_commands(Path(name), person, proxy.port) for proxy in (far, near))
                for what in here:
                    waits[what, size] = _measure(f"{what:<30} of {size:>6}", here[what], there[what], far)
            few, many = SIZES
            for what in ("mailctl mail list", "mailctl mail list --threads"):
                title = f"{what}: round trips, {many} and {few} messages"
                print_ratio(title, waits[what, many], waits[what, few], 1.15, "rt")


def _fill(dovecot: Dovecot, person: Person, size: int) -> None:
    dovecot.add_user(person.address, person.password)
    dovecot.deliver(person.address, b"Subject: the first\r\n\r\n")
    folder = dovecot.maildir(person.address) / "new"
    for number in range(1, size):
        date = NEW_YEAR + dt.timedelta(minutes=number)
        answered = f"In-Reply-To: <{number - 3}@example.org>\r\n" if number % 4 == 0 else ""
        file = folder / f"{int(date.timestamp())}.M{number}.test"
        file.write_text(
            f"From: Sender {number} <sender{number % 500}@example.org>\r\nTo: {person.address}\r\n"
            f"Subject: message {number}\r\nMessage-ID: <{number}@example.org>\r\n{answered}"
            f"Date: {format_datetime(date)}\r\n\r\n{TEXT}",
            encoding="ascii",
            newline="",
        )
        file.chmod(0o666)
    with IMAPClient("127.0.0.1", dovecot.imap_port, ssl=False) as client:
        client.login(person.address, person.password)
        assert client.select_folder("INBOX", readonly=True)[b"EXISTS"] == size


def _commands(folder: Path, person: Person, port: int) -> dict[str, list[str]]:
    """Return the commands to compare."""
    config = folder / f"{person.address}.{port}.toml"
    config.write_text(
        "schema_version = 1\n\n[[accounts]]\n"
        f'address = "{person.address}"\nusername = "{person.address}"\npassword = "env:BENCHMARK_PASSWORD"\n'
        f'[accounts.incoming]\nprotocol = "imap"\nhost = "127.0.0.1"\nport = {port}\nsecurity = "none"\n'
        'auth = "plain"\n[accounts.smtp]\nhost = "127.0.0.1"\nport = 25\nsecurity = "none"\n'
    )
    config.chmod(0o600)
    listing = [*MAILCTL, "--config", str(config), "mail", "list", person.address]
    return {
        "mailctl mail list": listing,
        "mailctl mail list --threads": [*listing, "--threads"],
        "IMAPClient: SEARCH, FETCH": [sys.executable, "-c", LIBRARY, str(port), person.address],
    }


def _measure(title: str, here: list[str], there: list[str], far: DelayProxy) -> float:
    """Return the round trips that a command waited for."""
    near_runs, far_runs = Runs(), Runs()
    for _ in range(ROUNDS):
        far.reset()
        far_runs.add(run_once(there, ENVIRONMENT))
        near_runs.add(run_once(here, ENVIRONMENT))
    waited = (far_runs.best_wall - near_runs.best_wall) / ROUND_TRIP_SECONDS
    print(
        f"{title}: {waited:5.1f} round trips, {far_runs.best_wall * 1000:6.0f} ms far,"
        f" {near_runs.best_wall * 1000:6.0f} ms near, {far.traffic.bytes_to_client / 1024:6.0f} KiB"
    )
    return waited


if __name__ == "__main__":
    main()
