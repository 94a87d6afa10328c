"""A real Dovecot on loopback: IMAP, POP3, LMTP, ManageSieve, and the login service of a Postfix beside it.

Configuration, mail and sockets live in a temporary folder; the ports are free ones. It runs as the caller, or,
where that is root (whom Dovecot gives no mailbox), as the user `dovecot` of Debian's package.

Dovecot takes a client whose address is its own as secured: LOGINDISABLED is shown only to a client from
another loopback address, such as a `DelayProxy` with `source="127.0.0.9"`.
"""

from __future__ import annotations

import base64
import hashlib
import os
import secrets
import shutil
import smtplib
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from imapclient import IMAPClient, imap_utf7
from tests.servers.certificates import CertificateAuthority, KeyPair
from tests.servers.people import Person
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

ALL_MECHANISMS = (
    "plain",
    "login",
    "cram-md5",
    "digest-md5",
    "scram-sha-1",
    "scram-sha-256",
    "apop",
    "external",
)
"""What is possible where the server can recover the passwords."""

HASHED_MECHANISMS = ("plain", "login")
"""What is left where it has only their hashes, as most sites do."""

SPECIAL_FOLDERS = ("Drafts", "Sent", "Junk", "Trash", "Archive")
"""Folders that every mailbox has, each with the attribute of its name (RFC 6154)."""

PACKAGE_USER = "dovecot"


@dataclass(kw_only=True)
class Dovecot:
    """A Dovecot server, running inside `with`.

    `ca` issues its certificate, which `certificate` replaces; client certificates of `ca` are accepted by EXTERNAL.
    `hashed` keeps passwords as hashes, which leaves PLAIN and LOGIN. `folder_prefix` and `separator` shape the
    IMAP names (`INBOX.` and `.`, or none and `/`); `special_folders` are there, each with its role.
    `introspection_url` adds XOAUTH2 and OAUTHBEARER, each token being asked of that URL (RFC 7662, its client's id
    and secret in the URL's userinfo), the user's name being its claim `token_user_claim`. `ssl_min_protocol` is
    Dovecot's own (`TLSv1.2`, `TLSv1.3`). `extra` is appended to the configuration.
    """

    ca: CertificateAuthority
    certificate: KeyPair | None = None
    hashed: bool = False
    ipv6: bool = False
    ssl_min_protocol: str = "TLSv1.2"
    folder_prefix: str = ""
    special_folders: tuple[str, ...] = SPECIAL_FOLDERS
    separator: str = "/"
    sieve: bool = False
    introspection_url: str | None = None
    token_user_claim: str = "email"
    extra: str = ""

    imap_port: int = field(init=False)
    imaps_port: int = field(init=False)
    pop3_port: int = field(init=False)
    pop3s_port: int = field(init=False)
    sieve_port: int = field(init=False)
    """ManageSieve; answers with the option `sieve` alone."""
    folder: Path = field(init=False)

    user: str = field(init=False)
    """The account that it runs as, and that owns the mail."""

    @property
    def ca_file(self) -> Path:
        """The authority that a client is to trust."""
        return self.ca.ca_file

    @property
    def lmtp_socket(self) -> Path:
        """Delivery (RFC 2033)."""
        return self.folder / "run/lmtp"

    @property
    def auth_socket(self) -> Path:
        """Dovecot's login service, as Postfix's `smtpd_sasl_path`."""
        return self.folder / "run/sasl"

    @staticmethod
    def require() -> None:
        """Raise PartMissingError where this machine has no Dovecot, or one that reads another configuration."""
        version = subprocess.run([get_program("dovecot"), "--version"], capture_output=True, text=True, check=True)
        if not version.stdout.startswith("2.3."):
            raise PartMissingError(f"this is set up for Dovecot 2.3, and here is {version.stdout.split()[0]}")

    def __enter__(self) -> Self:
        self.require()
        self.folder = make_folder("dovecot")
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

    def add_user(self, user: str, password: str) -> None:
        """Let `user` log in with `password`; the name is in lower case, with or without a domain."""
        # One file a user: Dovecot looks whether a passwd-file has changed only once a second.
        write_readable(self.folder / "users" / user.replace("/", "_"), f"{user}:{self._encode(password)}::::::\n")

    def deliver(self, user: str, message: bytes, *, sender: str = "sender@example.test") -> None:
        """Deliver a message over LMTP to `user`, an address in ASCII; it is in the mailbox when this returns."""
        with smtplib.LMTP(str(self.lmtp_socket)) as lmtp:
            lmtp.sendmail(sender, [user], message)

    def messages(self, user: str, folder: str = "INBOX") -> list[bytes]:
        """Return what is in a folder of the user's, oldest first, read from the disk."""
        path = self.maildir(user, folder)
        files = [file for part in ("new", "cur") if (path / part).is_dir() for file in (path / part).iterdir()]
        return [file.read_bytes() for file in sorted(files, key=_delivery_order)]

    def subjects(self, user: str, folder: str = "INBOX") -> list[str]:
        """Return the subjects of what is in a folder of the user's, as they are written, oldest first."""
        lines = [line for text in self.messages(user, folder) for line in text.decode("utf-8", "replace").splitlines()]
        return [line.removeprefix("Subject: ") for line in lines if line.startswith("Subject: ")]

    def await_message(self, person: Person, mark: str, timeout_seconds: float = 30.0) -> bytes:
        """Return the message in somebody's INBOX that holds a text, as soon as it is there: the server tells (IDLE)."""
        with IMAPClient("127.0.0.1", self.imap_port, ssl=False) as client:
            client.login(person.address, person.password)
            client.select_folder("INBOX", readonly=True)
            client.idle()
            while not (found := [text for text in self.messages(person.address) if mark.encode() in text]):
                if not client.idle_check(timeout_seconds):
                    raise TimeoutError(f"no message with {mark!r} for {person.address} in {timeout_seconds:g} s")
            client.idle_done()
        (message,) = found
        return message

    def maildir(self, user: str, folder: str = "INBOX") -> Path:
        """Return where a folder of the user's is on disk (Maildir++: folders are `.Name` beside `cur` and `new`)."""
        inbox = self.folder / "mail" / user / "Maildir"
        name = folder.removeprefix(self.folder_prefix) if folder != "INBOX" else ""
        if not name:
            return inbox
        return inbox / ("." + imap_utf7.encode(name).decode("ascii").replace(self.separator, "."))

    def log(self) -> str:
        """Return what the server has logged."""
        return (self.folder / "dovecot.log").read_text(encoding="utf-8", errors="replace")

    def is_running(self) -> bool:
        """Tell whether the server or any of its processes is left."""
        return self._process.is_running()

    def _prepare(self) -> None:
        for name in ("run", "state", "mail", "users", "tls"):
            (self.folder / name).mkdir()
        pair = self.certificate or self.ca.good
        for source, name in ((pair.certificate, "cert.pem"), (pair.key, "key.pem"), (self.ca_file, "ca.pem")):
            shutil.copyfile(source, self.folder / "tls" / name)
        if os.geteuid() == 0:
            for path in [self.folder, *self.folder.rglob("*")]:
                shutil.chown(path, PACKAGE_USER, PACKAGE_USER)
        self.user = self.folder.owner()

    def _start(self) -> None:
        ports = find_free_ports(5)
        self.imap_port, self.imaps_port, self.pop3_port, self.pop3s_port, self.sieve_port = ports
        configuration = write_readable(self.folder / "dovecot.conf", self._configuration())
        self._process = ServerProcess(
            [get_program("dovecot"), "-F", "-c", str(configuration)],
            output=self.folder / "dovecot.log",
            user=PACKAGE_USER if os.geteuid() == 0 else None,
        )
        # Those with implicit TLS are the same programs: where one port greets, its neighbour answers.
        greeting = [self.imap_port, self.pop3_port, *([self.sieve_port] if self.sieve else [])]
        self._process.wait_until(lambda: all(greets(port) for port in greeting))

    def _encode(self, password: str) -> str:
        if not self.hashed:
            return "{PLAIN.b64}" + base64.b64encode(password.encode()).decode()
        salt = secrets.token_bytes(8)
        # SSHA512, as no module of Python 3.13 computes crypt's hashes; what counts is that it cannot be reversed.
        digest = hashlib.sha512(password.encode() + salt).digest()
        return "{SSHA512}" + base64.b64encode(digest + salt).decode()

    def _configuration(self) -> str:
        mechanisms = list(HASHED_MECHANISMS if self.hashed else ALL_MECHANISMS)
        sections = [self._passwords(), self._mailboxes(), self._services(), self.extra]
        if self.introspection_url is not None:
            mechanisms += ["xoauth2", "oauthbearer"]
            sections.insert(0, self._tokens(self.introspection_url))
        return f"""
base_dir = {self.folder}/run
state_dir = {self.folder}/state
log_path = /dev/stderr
auth_verbose = yes
auth_debug = yes
protocols = imap pop3 lmtp {"sieve" if self.sieve else ""}
listen = 127.0.0.1{", ::1" if self.ipv6 else ""}

default_internal_user = {self.user}
default_internal_group = {self.folder.group()}
default_login_user = {self.user}
first_valid_uid = 1
mail_uid = {self.user}
mail_gid = {self.folder.group()}

ssl = yes
ssl_cert = <{self.folder}/tls/cert.pem
ssl_key = <{self.folder}/tls/key.pem
ssl_ca = <{self.folder}/tls/ca.pem
ssl_verify_client_cert = yes
ssl_require_crl = no
ssl_min_protocol = {self.ssl_min_protocol}

auth_mechanisms = {" ".join(mechanisms)}
auth_ssl_username_from_cert = yes
# Names in any script (default: ASCII letters and few others).
auth_username_chars =
auth_failure_delay = 0
mail_max_userip_connections = 1000
""" + "\n".join(sections)

    def _passwords(self) -> str:
        external = """
passdb {
  driver = static
  mechanisms = external
  args = nopassword=y
}
"""
        return f"""{"" if self.hashed else external}
passdb {{
  driver = passwd-file
  args = username_format=%u {self.folder}/users/%u
}}
userdb {{
  driver = passwd-file
  args = username_format=%u {self.folder}/users/%u
  default_fields = uid={self.user} gid={self.folder.group()} home={self.folder}/mail/%u
}}
"""

    def _tokens(self, introspection_url: str) -> str:
        path = write_readable(
            self.folder / "oauth2.conf.ext",
            f"introspection_mode = post\n"
            f"introspection_url = {introspection_url}\n"
            f"username_attribute = {self.token_user_claim}\n"
            f"active_attribute = active\n"
            f"active_value = true\n",
        )
        return f"""
passdb {{
  driver = oauth2
  mechanisms = xoauth2 oauthbearer
  args = {path}
}}
"""

    def _mailboxes(self) -> str:
        special = "".join(
            f"  mailbox {name} {{\n    special_use = \\{name}\n    auto = subscribe\n  }}\n"
            for name in self.special_folders
        )
        return f"""
mail_location = maildir:~/Maildir
namespace inbox {{
  inbox = yes
  prefix = {self.folder_prefix}
  separator = {self.separator}
{special}}}
mail_plugins = quota
plugin {{
  quota = count:User quota
  quota_rule = *:storage=1G
  quota_vsizes = yes
}}
protocol imap {{
  mail_plugins = quota imap_quota
}}
protocol lmtp {{
  mail_plugins = quota {"sieve" if self.sieve else ""}
}}
"""

    def _services(self) -> str:
        return f"""
{self._login_service("imap", {"imap": self.imap_port, "imaps": self.imaps_port})}
{self._login_service("pop3", {"pop3": self.pop3_port, "pop3s": self.pop3s_port})}
{self._login_service("managesieve", {"sieve": self.sieve_port}) if self.sieve else ""}
service lmtp {{
  unix_listener lmtp {{
    mode = 0666
  }}
}}
service auth {{
  unix_listener sasl {{
    mode = 0666
  }}
}}
service anvil {{
  chroot =
  # No slower answers after wrong passwords: the tests give many from one address.
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
service stats {{
  chroot =
}}
"""

    def _login_service(self, protocol: str, ports: dict[str, int]) -> str:
        listeners = "".join(
            f"  inet_listener {name} {{\n    port = {port}\n    ssl = {'yes' if name.endswith('s') else 'no'}\n  }}\n"
            for name, port in ports.items()
        )
        return f"""service {protocol}-login {{
  chroot =
  service_count = 0
{listeners}}}
"""


def _delivery_order(file: Path) -> tuple[int, int]:
    """Order Maildir's file names, `seconds.MmicrosecondsPpid.host`, by the time of delivery."""
    seconds, rest, *_ = file.name.split(".")
    return int(seconds), int(rest.partition("M")[2].partition("P")[0])
