"""`mailctl test all` on many targets: `python -m tests.benchmarks.check_all` from the repository's root.

Two hundred accounts, each on a loopback address of its own, log in over SMTP and IMAP; the server of one greets only
after ten seconds. The whole may take little longer than that one. The servers play scripts, in a process of their own,
since it is mailctl that is measured: how it waits, computes and remembers.
"""

from __future__ import annotations

import multiprocessing
import ssl
import tempfile
from contextlib import ExitStack
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING

import trustme
from tests.benchmarks.measure import MAILCTL, Runs, print_ratio, run_once
from tests.doubles.imap import ImapServer
from tests.doubles.scripted import ScriptedServer
from tests.doubles.smtp import GO_AHEAD as SMTP_GO_AHEAD
from tests.doubles.smtp import SmtpServer
from tests.doubles.steps import Delay

if TYPE_CHECKING:
    from tests.doubles.conversation import Conversation

TARGETS = 200
SLOW_SECONDS = 10.0
PEAK_MIB_MAX = 200
_LISTENERS = 20
"""Each listens on all addresses of the loopback network: a queue of its own for every tenth target."""


def address_of(number: int) -> str:
    """Return the loopback address of a target; 0 is the slow one's."""
    return f"127.0.{1 + number // 250}.{1 + number % 250}"


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        certificates = _issue(folder)
        here, there = multiprocessing.Pipe()
        servers = multiprocessing.get_context("spawn").Process(target=_serve, args=(certificates, there), daemon=True)
        servers.start()
        smtp_ports, imap_ports, slow_port = here.recv()
        (folder / "password").write_text("secret")
        (folder / "password").chmod(0o600)
        fast = [(address_of(i), smtp_ports[i % _LISTENERS], imap_ports[i % _LISTENERS]) for i in range(1, TARGETS)]
        slow = (address_of(0), slow_port, imap_ports[0])
        start_up = _run(folder, fast[:1], "one")
        without = _run(folder, fast, "fast")
        # The slow one last: whatever the order, it must not wait for the others.
        measured = _run(folder, [*fast, slow], "all")
        servers.kill()
        servers.join()
    print(f"{TARGETS - 1} targets without the slow one: {without.best_wall:.1f} s, {without.best_cpu:.1f} s of CPU")
    print(f"{TARGETS} targets: {measured.best_wall:.1f} s, {measured.best_cpu:.1f} s of CPU")
    over = measured.best_wall - start_up.best_wall
    print_ratio(f"test all, {TARGETS} targets (less start-up), the slowest alone", over, SLOW_SECONDS, 1.3)
    print_ratio("its peak of memory, what it may take at most", measured.peak_mib, PEAK_MIB_MAX, 1.0, unit="MiB")


def _run(folder: Path, targets: list[tuple[str, int, int]], name: str) -> Runs:
    settings = folder / f"{name}.toml"
    settings.write_text(_settings_text(targets, folder))
    settings.chmod(0o600)
    return run_once([*MAILCTL, "--config", str(settings), "test", "all"])


_ACCOUNT = """
[[accounts]]
address = "user{number}@example.test"
owner = "user{number}"
description = "Account {number}"
username = "user{number}@example.test"
password = "file:{folder}/password"
smtp = {{ host = "{host}", port = {smtp}, security = "starttls", auth = "plain", timeout = 60 }}
tls = {{ ca_file = "{folder}/ca.pem" }}

[accounts.incoming]
protocol = "imap"
host = "{host}"
port = {imap}
security = "tls"
auth = "plain"
timeout = 60
"""


def _settings_text(targets: list[tuple[str, int, int]], folder: Path) -> str:
    accounts = [
        _ACCOUNT.format(number=number, folder=folder, host=host, smtp=smtp, imap=imap)
        for number, (host, smtp, imap) in enumerate(targets)
    ]
    return "schema_version = 1\n" + "".join(accounts)


@dataclass(frozen=True, slots=True)
class HandshakeAs:
    """Shake hands with the certificate of the address that the client connected to."""

    contexts: dict[str, ssl.SSLContext]

    def play(self, conversation: Conversation) -> None:
        conversation.start_tls(self.contexts[conversation.address])


def _issue(folder: Path) -> dict[str, Path]:
    """Return the files of the targets' certificates, each with its key, by address."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(folder / "ca.pem"))
    files = {address: folder / f"{address}.pem" for address in map(address_of, range(TARGETS))}
    for address, file in files.items():
        authority.issue_cert(address).private_key_and_cert_chain_pem.write_to_path(str(file))
    return files


def _serve(certificates: dict[str, Path], ready: Connection) -> None:
    """Serve until the process is ended; tell the ports of SMTP, of IMAP, and of the slow one's SMTP."""
    contexts = {}
    for address, file in certificates.items():
        contexts[address] = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        contexts[address].load_cert_chain(file)
    handshake = HandshakeAs(contexts)
    imap = ImapServer(security="tls", handshake=handshake)
    smtp = SmtpServer(starttls=(SMTP_GO_AHEAD, handshake))
    slow = replace(smtp, greeting=(Delay(SLOW_SECONDS), smtp.greeting))
    with ExitStack() as stack:

        def listen(script: SmtpServer | ImapServer) -> int:
            return stack.enter_context(ScriptedServer(script.script, address="0.0.0.0")).port

        ready.send(([listen(smtp) for _ in range(_LISTENERS)], [listen(imap) for _ in range(_LISTENERS)], listen(slow)))
        ready.recv()


if __name__ == "__main__":
    main()
