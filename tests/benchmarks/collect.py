"""Collecting POP3 mail: `python -m tests.benchmarks.collect` from the repository's root; needs Dovecot, fetchmail.

5,000 messages of 10 kB from one mailbox of a real Dovecot over POP3 into another's over IMAP, both 10 ms away in each
direction: `mailctl account pop3 collect` against a plain loop of poplib and imaplib, which is timed on fewer messages
and extrapolated. Beside them fetchmail, which delivers the same by LMTP on a near socket.
"""

from __future__ import annotations

import imaplib
import poplib
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

from tests.benchmarks.measure import MAILCTL, run_once
from tests.servers.certificates import CertificateAuthority
from tests.servers.dovecot import PACKAGE_USER, Dovecot
from tests.servers.proxy import DelayProxy

MESSAGES = 5000
OCTETS = 10_000
LOOP_MESSAGES = 300
DELAY_SECONDS = 0.010
GOAL = 1.5
MEMORY_MIB_MAX = 80
OLD, NEW, THIRD = "old@example.test", "new@example.test", "third@example.test"
PASSWORD = "correct-horse"

SETTINGS = """\
schema_version = 1
[[accounts]]
address = "{new}"
username = "{new}"
password = "env:PASSWORD"
[accounts.incoming]
protocol = "imap"
host = "127.0.0.1"
port = {imap}
security = "none"
[accounts.smtp]
host = "127.0.0.1"
port = 25
security = "none"
auth = "none"
[[accounts.pop3]]
name = "old"
host = "127.0.0.1"
port = {pop3}
security = "none"
username = "{old}"
password = "env:PASSWORD"
into = "INBOX"
"""


def main() -> None:
    with tempfile.TemporaryDirectory() as name, Dovecot(ca=CertificateAuthority(Path(name))) as dovecot:
        for user in (OLD, NEW, THIRD):
            dovecot.add_user(user, PASSWORD)
        _fill(dovecot)
        with (
            DelayProxy(dovecot.pop3_port, delay_seconds=DELAY_SECONDS) as pop3,
            DelayProxy(dovecot.imap_port, delay_seconds=DELAY_SECONDS) as imap,
        ):
            loop = _time_loop(pop3.port, imap.port)
            seconds, peak_mib = _time_mailctl(Path(name), pop3.port, imap.port)
            assert len(dovecot.messages(NEW)) == MESSAGES
            fetchmail = _time_fetchmail(Path(name), dovecot, pop3.port)
    ratio = loop / seconds
    fast, small = ratio >= GOAL, peak_mib <= MEMORY_MIB_MAX
    print(f"{MESSAGES} messages of {OCTETS // 1000} kB, {DELAY_SECONDS * 1000:.0f} ms each way:")
    print(
        f"  mailctl                {seconds:6.1f} s  {MESSAGES / seconds:5.0f} a second, peak {peak_mib:.0f} MiB  "
        f"{ratio:.1f} times the loop (goal ≥ {GOAL})  {'ok' if fast and small else 'MISSED'}"
    )
    print(f"  poplib + imaplib loop  {loop:6.1f} s  {MESSAGES / loop:5.0f} a second, from {LOOP_MESSAGES}")
    if fetchmail:
        print(f"  fetchmail by LMTP      {fetchmail:6.1f} s  {MESSAGES / fetchmail:5.0f} a second, the target near")


def _fill(dovecot: Dovecot) -> None:
    """Write the messages into the Maildir, as a delivery would."""
    maildir = dovecot.maildir(OLD)
    for part in ("new", "cur", "tmp"):
        (maildir / part).mkdir(parents=True)
    line = "A line of an ordinary message, neither very long nor very short.\r\n"
    for number in range(MESSAGES):
        head = (
            f"Received: from a by b with ESMTP id {number}; Mon, 02 Mar 2026 10:11:12 +0900\r\n"
            f"From: a@example.org\r\nTo: {OLD}\r\nSubject: number {number}\r\n"
            f"Date: Mon, 02 Mar 2026 10:11:12 +0900\r\nMessage-ID: <{number}@example.org>\r\n\r\n"
        )
        text = head + line * ((OCTETS - len(head)) // len(line) + 1)
        (maildir / "new" / f"{1_700_000_000 + number}.M{number}P1.host").write_bytes(text.encode())
    for path in [maildir.parent, maildir, *maildir.rglob("*")]:
        if dovecot.user == PACKAGE_USER:
            shutil.chown(path, PACKAGE_USER, PACKAGE_USER)


def _time_loop(pop3_port: int, imap_port: int) -> float:
    """Return how long the plain loop takes for all, from what it takes for some."""
    source = poplib.POP3("127.0.0.1", pop3_port)
    source.user(OLD)
    source.pass_(PASSWORD)
    target = imaplib.IMAP4("127.0.0.1", imap_port)
    target.login(THIRD, PASSWORD)
    began = time.perf_counter()
    for number in range(1, LOOP_MESSAGES + 1):
        _, lines, _ = source.retr(number)
        target.append("INBOX", "", imaplib.Time2Internaldate(time.time()), b"\r\n".join(lines) + b"\r\n")
    seconds = time.perf_counter() - began
    source.quit()
    target.logout()
    return seconds / LOOP_MESSAGES * MESSAGES


def _time_mailctl(folder: Path, pop3_port: int, imap_port: int) -> tuple[float, float]:
    """Return what `collect` takes in all, start-up too: seconds and MiB."""
    settings = folder / "mailctl.toml"
    settings.touch(mode=0o600)
    settings.write_text(SETTINGS.format(new=NEW, old=OLD, imap=imap_port, pop3=pop3_port))
    environment = {"MAILCTL_CONFIG": str(settings), "PASSWORD": PASSWORD}
    run = run_once([*MAILCTL, "account", "pop3", "collect", NEW], environment)
    return run.best_wall, run.peak_mib


def _time_fetchmail(folder: Path, dovecot: Dovecot, pop3_port: int) -> float | None:
    """Return what fetchmail takes; None where this machine has none."""
    program = shutil.which("fetchmail")
    if program is None:
        return None
    rc = folder / "fetchmailrc"
    rc.touch(mode=0o600)
    rc.write_text(
        f'poll 127.0.0.1 protocol pop3 port {pop3_port} uidl\n  user "{OLD}" password "{PASSWORD}" is "{THIRD}" here\n'
        f'  keep fetchall sslproto "" no rewrite\n  lmtp smtphost "{dovecot.lmtp_socket}" smtpname "{THIRD}"\n'
    )
    command = [program, "-f", str(rc), "--pidfile", str(folder / "pid"), "--idfile", str(folder / "ids"), "--silent"]
    began = time.perf_counter()
    subprocess.run(command, check=True, env={"HOME": str(folder), "FETCHMAILHOME": str(folder)})
    seconds = time.perf_counter() - began
    delivered = len(dovecot.messages(THIRD)) - LOOP_MESSAGES
    assert delivered == MESSAGES, delivered
    return seconds


if __name__ == "__main__":
    main()
