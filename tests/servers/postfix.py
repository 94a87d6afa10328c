"""A real Postfix on loopback: port 25, 465 and 587 by behaviour, logins by Dovecot, local mail delivered to Dovecot.

Configuration, queue and log live in a temporary folder; the ports are free ones. Nothing leaves the machine: a
logged-in sender may relay, and what is relayed is discarded after Postfix has accepted it. Postfix's master runs
as root alone.

Mail for `LOCAL_DOMAIN` goes to Dovecot by LMTP. Neither Dovecot 2.3's LMTP nor its `dovecot-lda` knows SMTPUTF8
(RFC 6531), so mail for `INTERNATIONAL_DOMAIN` is written by Postfix's virtual(8) into the Maildir that Dovecot reads,
and a message whose sender or header is in UTF-8 cannot be delivered to `LOCAL_DOMAIN`: it bounces, as on real sites.
"""

from __future__ import annotations

import os
import shutil
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import idna
from tests.servers.certificates import KeyPair
from tests.servers.dovecot import Dovecot
from tests.servers.processes import (
    PartMissingError,
    ServerProcess,
    find_free_ports,
    get_program,
    greets,
    make_folder,
    start_on_free_ports,
    write_readable,
)

LOCAL_DOMAIN = "example.test"
INTERNATIONAL_DOMAIN = "株式.会社"
INTERNATIONAL_A_LABELS = idna.encode(INTERNATIONAL_DOMAIN).decode("ascii")
INTERNATIONAL_USERS = ("山田太郎", "taro")
"""Whom the international domain has; its A-labels lead to the same mailboxes."""

REFUSED_RECIPIENTS = {
    f"nobody@{LOCAL_DOMAIN}": "550 5.1.1 User unknown in virtual mailbox table",
    f"later@{LOCAL_DOMAIN}": "450 4.2.0 Greylisted, try again later",
    f"full@{LOCAL_DOMAIN}": "552 5.2.2 Mailbox is full",
    f"policy@{LOCAL_DOMAIN}": "554 5.7.1 Refused by policy",
}
"""Recipients refused after RCPT, with the reply; all others of the local domains are accepted."""

DAEMONS = Path("/usr/lib/postfix/sbin")
FOLDERS = (
    ("queue", 0o755, "root", "root"),
    ("queue/pid", 0o755, "root", "root"),
    ("queue/maildrop", 0o730, "postfix", "postdrop"),
    ("queue/public", 0o710, "postfix", "postdrop"),
    *(
        (f"queue/{name}", 0o700, "postfix", "root")
        for name in ("active", "bounce", "corrupt", "defer", "deferred", "flush", "hold", "incoming", "private")
    ),
    *((f"queue/{name}", 0o700, "postfix", "root") for name in ("saved", "trace")),
    ("state", 0o700, "postfix", "postfix"),
)
"""What `postfix check` would make: folder, mode, owner, group."""


@dataclass(kw_only=True)
class Postfix:
    """A Postfix server beside `dovecot`, running inside `with`.

    `smtp_port` behaves as port 25: STARTTLS and AUTH offered, neither demanded, mail for the local domains taken
    from anyone. `smtps_port` behaves as port 465 (TLS from the first byte) and `submission_port` as 587 (nothing
    but EHLO before STARTTLS): both take mail from logged-in senders alone. `certificate` replaces Dovecot's.
    `message_size_limit` is in bytes. `extra` is appended to main.cf.
    """

    dovecot: Dovecot
    certificate: KeyPair | None = None
    smtputf8: bool = True
    message_size_limit: int = 50 * 1024 * 1024
    tls_protocols: str = ">=TLSv1.2"
    ipv6: bool = False
    extra: str = ""

    smtp_port: int = field(init=False)
    smtps_port: int = field(init=False)
    submission_port: int = field(init=False)
    folder: Path = field(init=False)

    @property
    def ca_file(self) -> Path:
        """The authority that a client is to trust."""
        return self.dovecot.ca_file

    @staticmethod
    def require() -> None:
        """Raise PartMissingError where this machine or this user cannot run Postfix, with a Dovecot beside it."""
        Dovecot.require()
        get_program("master", DAEMONS)
        if os.geteuid() != 0:
            raise PartMissingError("Postfix's master runs as root alone")

    def __enter__(self) -> Self:
        self.require()
        self.folder = make_folder("postfix")
        try:
            self._prepare()
            start_on_free_ports(self._start)
        except BaseException:
            shutil.rmtree(self.folder)
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._process.stop()
        shutil.rmtree(self.folder)

    def log(self) -> str:
        """Return what the server has logged."""
        return self._log_file.read_text(encoding="utf-8", errors="replace") if self._log_file.exists() else ""

    def is_running(self) -> bool:
        """Tell whether the server or any of its processes is left."""
        return self._process.is_running()

    @property
    def _log_file(self) -> Path:
        return self.folder / "postfix.log"

    def _prepare(self) -> None:
        for name, mode, user, group in FOLDERS:
            path = self.folder / name
            path.mkdir()
            path.chmod(mode)
            shutil.chown(path, user, group)

        pair = self.certificate or self.dovecot.certificate or self.dovecot.ca.good
        chain = self.folder / "chain.pem"
        chain.touch(mode=0o600)
        chain.write_bytes(pair.key.read_bytes() + pair.certificate.read_bytes())
        self._configure("refused", "".join(f"{address} {reply}\n" for address, reply in REFUSED_RECIPIENTS.items()))
        self._configure("aliases", f"/^(.+)@{INTERNATIONAL_A_LABELS}$/ $1@{INTERNATIONAL_DOMAIN}\n")
        mailboxes = [f"{user}@{INTERNATIONAL_DOMAIN}" for user in INTERNATIONAL_USERS]
        # Dovecot's LMTP says whom the local domain has; the value of its line is not used.
        self._configure(
            "mailboxes",
            f"@{LOCAL_DOMAIN} lmtp\n" + "".join(f"{mailbox} {mailbox}/Maildir/\n" for mailbox in mailboxes),
        )
        self._configure("main.cf", self._main())

    def _configure(self, name: str, text: str) -> None:
        path = write_readable(self.folder / name, text)
        # Postfix reads a file again and again until it is some seconds old, lest an editor be at work on it.
        an_hour_ago = time.time() - 3600
        os.utime(path, (an_hour_ago, an_hour_ago))

    def _start(self) -> None:
        ports = find_free_ports(3)
        self.smtp_port, self.smtps_port, self.submission_port = ports
        self._configure("master.cf", self._master())
        self._process = ServerProcess(
            [get_program("master", DAEMONS), "-c", str(self.folder), "-d"], output=self._log_file
        )
        # The third is the same program with TLS first: where the others greet, it answers.
        self._process.wait_until(lambda: greets(self.smtp_port) and greets(self.submission_port))

    def _main(self) -> str:
        owner = self.dovecot.folder.stat()
        return f"""
compatibility_level = 3.6
daemon_directory = {DAEMONS}
queue_directory = {self.folder}/queue
data_directory = {self.folder}/state
maillog_file = {self._log_file}
maillog_file_prefixes = {self.folder}
inet_interfaces = 127.0.0.1{", ::1" if self.ipv6 else ""}
inet_protocols = {"all" if self.ipv6 else "ipv4"}
myhostname = mail.{LOCAL_DOMAIN}
mydomain = {LOCAL_DOMAIN}
myorigin = {LOCAL_DOMAIN}
mydestination =
mynetworks =
alias_maps =
local_recipient_maps =
notify_classes =
message_size_limit = {self.message_size_limit}
mailbox_size_limit = 0
virtual_mailbox_limit = 0
smtputf8_enable = {"yes" if self.smtputf8 else "no"}

# Local mail to Dovecot, all else to nowhere.
virtual_mailbox_domains = {LOCAL_DOMAIN}, {INTERNATIONAL_DOMAIN}, {INTERNATIONAL_A_LABELS}
virtual_alias_maps = regexp:{self.folder}/aliases
virtual_transport = lmtp:unix:{self.dovecot.lmtp_socket}
transport_maps = inline:{{{{{INTERNATIONAL_DOMAIN} = virtual:}}}}
virtual_mailbox_maps = texthash:{self.folder}/mailboxes
virtual_mailbox_base = {self.dovecot.folder}/mail
virtual_uid_maps = static:{owner.st_uid}
virtual_gid_maps = static:{owner.st_gid}
virtual_minimum_uid = 1
default_transport = discard:relayed
lmtp_connection_cache_on_demand = no
disable_dns_lookups = yes
smtpd_peername_lookup = no

smtpd_sasl_type = dovecot
smtpd_sasl_path = {self.dovecot.auth_socket}
smtpd_sasl_auth_enable = yes
# The old form `AUTH=PLAIN …` too, as many sites still print it.
broken_sasl_auth_clients = yes
smtpd_relay_restrictions = permit_sasl_authenticated, reject_unauth_destination
smtpd_recipient_restrictions = check_recipient_access texthash:{self.folder}/refused

smtpd_tls_chain_files = {self.folder}/chain.pem
smtpd_tls_security_level = may
smtpd_tls_protocols = {self.tls_protocols}
smtpd_tls_mandatory_protocols = {self.tls_protocols}

# No limit of a real site slows a test run.
smtpd_error_sleep_time = 0
smtpd_client_connection_count_limit = 0
smtpd_soft_error_limit = 1000
smtpd_hard_error_limit = 1000
in_flow_delay = 0
{self.extra}
"""

    def _master(self) -> str:
        clients_log_in = "-o smtpd_client_restrictions=permit_sasl_authenticated,reject"
        return f"""
127.0.0.1:{self.smtp_port} inet n - n - - smtpd
127.0.0.1:{self.smtps_port} inet n - n - - smtpd
  -o syslog_name=postfix/smtps -o smtpd_tls_wrappermode=yes {clients_log_in}
127.0.0.1:{self.submission_port} inet n - n - - smtpd
  -o syslog_name=postfix/submission -o smtpd_tls_security_level=encrypt -o smtpd_tls_auth_only=yes {clients_log_in}
virtual unix - n n - - virtual
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
proxymap unix - - n - - proxymap
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
lmtp unix - - n - - lmtp
anvil unix - - n - 1 anvil
postlog unix-dgram n - n - 1 postlogd
"""
