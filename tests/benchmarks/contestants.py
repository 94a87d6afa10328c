"""The programs that can make the same exchange with a mail server, each told its password in its own kind of file.

Every program gets the options that spare it round trips: curl its initial response, swaks pipelining beside its own
way. They log in by PLAIN, as all of them know it; a program that cannot do an exchange is not in it.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Literal, NamedTuple

from tests.benchmarks import library_clients
from tests.benchmarks.measure import MAILCTL
from tests.servers.people import Person

HOST = library_clients.HOST
MESSAGE = b"Subject: benchmark\r\n\r\nhello\r\n"
PROGRAMS = ("swaks", "msmtp", "curl")

SETTINGS = """\
schema_version = 1
[[servers]]
code = "{code}"
name = "Benchmark"
[servers.smtp]
host = "{host}"
port = {port}
security = "{security}"
auth = "plain"
[servers.incoming]
protocol = "{incoming}"
host = "{host}"
port = {port}
security = "{security}"
auth = "plain"
[servers.tls]
ca_file = "{ca_file}"
"""


class Exchange(NamedTuple):
    """What is done with a server: `depth` is where it ends, as in `mailctl test --depth`.

    `least`: the round trips that the protocol needs for it.
    """

    title: str
    protocol: Literal["smtp", "imap", "pop3"]
    security: Literal["starttls", "tls"]
    depth: Literal["auth", "message", "mailbox"]
    least: int


class Contestants:
    """The commands that make an exchange, for a person who has a mailbox; their files are written to a new `folder`."""

    def __init__(self, folder: Path, ca_file: Path, person: Person) -> None:
        folder.mkdir()
        self._folder = folder
        self._address = person.address
        shutil.copyfile(ca_file, folder / "ca.pem")
        self._write("username", person.address)
        self._write("message", MESSAGE.decode())
        self._password = self._write("password", person.password)
        self._curl = self._write("curl", f'user = "{person.address}:{person.password}"\n')
        self._swaks = self._write("swaks", f"--auth-user {person.address}\n--auth-password {person.password}\n")

    def commands(self, exchange: Exchange, port: int) -> dict[str, list[str]]:
        """Return the command of each program that can make the exchange at the port; MESSAGE is their input."""
        commands = {"mailctl": self._mailctl_command(exchange, port)}
        if exchange.protocol == "smtp":
            commands["swaks"] = self._swaks_command(exchange, port)
        if exchange.depth == "message":
            commands["swaks --pipeline"] = [*commands["swaks"], "--pipeline"]
            commands["msmtp"] = self._msmtp_command(exchange, port)
        commands["curl"] = self._curl_command(exchange, port)
        library = {"smtp": "smtplib", "imap": "IMAPClient", "pop3": "poplib"}[exchange.protocol]
        script = [sys.executable, str(library_clients.__file__), exchange.protocol, exchange.security, str(port)]
        commands[library] = [*script, exchange.depth, str(self._folder)]
        return commands

    def _write(self, name: str, text: str) -> Path:
        path = self._folder / name
        path.touch(mode=0o600)
        path.write_text(text)
        return path

    def _mailctl_command(self, exchange: Exchange, port: int) -> list[str]:
        settings = self._write(
            f"mailctl-{port}.toml",
            SETTINGS.format(
                code="it",
                host=HOST,
                port=port,
                security=exchange.security,
                incoming="imap" if exchange.protocol == "smtp" else exchange.protocol,
                ca_file=self._folder / "ca.pem",
            ),
        )
        act = ["send", "it", "--to", self._address] if exchange.protocol == "smtp" else ["receive", "it"]
        login = ["--username", self._address, "--password-from", f"file:{self._password}"]
        return [*MAILCTL, "--config", str(settings), "test", *act, *login, "--depth", exchange.depth]

    def _swaks_command(self, exchange: Exchange, port: int) -> list[str]:
        return [
            "swaks", "--config", str(self._swaks), "--server", HOST, "--port", str(port), "--auth", "PLAIN",
            "--from", self._address, "--to", self._address,
            "--tls-on-connect" if exchange.security == "tls" else "--tls",
            *(["--quit-after", "AUTH"] if exchange.depth == "auth" else []),
        ]  # fmt: skip

    def _msmtp_command(self, exchange: Exchange, port: int) -> list[str]:
        configuration = self._write(
            f"msmtp-{port}",
            f"account default\nhost {HOST}\nport {port}\ntls on\ntls_trust_file {self._folder / 'ca.pem'}\n"
            f"tls_starttls {'off' if exchange.security == 'tls' else 'on'}\n"
            f"auth plain\nuser {self._address}\nfrom {self._address}\npasswordeval cat {self._password}\n",
        )
        return ["msmtp", "-C", str(configuration), self._address]

    def _curl_command(self, exchange: Exchange, port: int) -> list[str]:
        scheme = exchange.protocol + ("s" if exchange.security == "tls" else "")
        act = {
            "auth": ["-X", "NOOP"],  # without a command of its own it would say HELP
            "message": ["--mail-from", self._address, "--mail-rcpt", self._address, "-T", f"{self._folder}/message"],
            "mailbox": ["-X", "EXAMINE INBOX"] if exchange.protocol == "imap" else ["-X", "STAT", "--head"],
        }[exchange.depth]
        return [
            "curl", "--silent", "--show-error", "--config", str(self._curl), "--cacert", str(self._folder / "ca.pem"),
            "--ssl-reqd", "--sasl-ir", "--login-options", "AUTH=PLAIN", *act, f"{scheme}://{HOST}:{port}/",
        ]  # fmt: skip
