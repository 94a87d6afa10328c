"""Many messages: `python -m tests.benchmarks.batch` from the repository's root; needs Dovecot and Postfix.

One `mailctl send --batch` against one `mailctl send` a message, at a real Postfix, with STARTTLS and a login.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

from tests.benchmarks.measure import MAILCTL, Runs, run_once
from tests.servers.certificates import CertificateAuthority
from tests.servers.dovecot import Dovecot
from tests.servers.people import ALICE
from tests.servers.postfix import Postfix

MESSAGES = 1000
SINGLE_MESSAGES = 30
GOAL = 5
RECIPIENT = "someone@elsewhere.example"
"""Whose mail this Postfix discards: what is measured is sending, not delivery."""

SETTINGS = """\
schema_version = 1
[sysmail]
address = "{address}"
username = "{address}"
password = "file:{password_file}"
[sysmail.smtp]
host = "localhost"
port = {port}
security = "starttls"
auth = "plain"
[sysmail.tls]
ca_file = "{ca_file}"
"""


def main() -> None:
    with tempfile.TemporaryDirectory() as name, Dovecot(ca=CertificateAuthority(Path(name))) as dovecot:
        dovecot.add_user(ALICE.address, ALICE.password)
        with Postfix(dovecot=dovecot) as postfix:
            _compare(_write_settings(Path(name), postfix))


def _write_settings(folder: Path, postfix: Postfix) -> Path:
    password_file, settings = folder / "password", folder / "mailctl.toml"
    for path in (password_file, settings):
        path.touch(mode=0o600)
    password_file.write_text(ALICE.password)
    settings.write_text(
        SETTINGS.format(
            address=ALICE.address, password_file=password_file, port=postfix.submission_port, ca_file=postfix.ca_file
        )
    )
    return settings


def _compare(settings: Path) -> None:
    environment = {"MAILCTL_CONFIG": str(settings)}
    one = [*MAILCTL, "send", "--to", RECIPIENT, "--subject", "benchmark", "--body", "hello"]
    run_once(one, environment)  # compiles what was not yet
    single = Runs()
    for _ in range(SINGLE_MESSAGES):
        single.add(run_once(one, environment))
    line = json.dumps({"to": RECIPIENT, "subject": "benchmark", "body": "hello"}).encode() + b"\n"
    batch = run_once([*MAILCTL, "send", "--batch", "-"], environment, stdin=line * MESSAGES)
    alone = sum(single.wall_seconds) / SINGLE_MESSAGES * MESSAGES
    together = batch.best_wall
    ratio = alone / together
    verdict = "ok" if ratio >= GOAL else "MISSED"
    print(
        f"{MESSAGES} messages by one batch: {together:.1f} s ({MESSAGES / together:.0f} a second, "
        f"{batch.peak_mib:.0f} MiB); by a process each: {alone:.0f} s, extrapolated from {SINGLE_MESSAGES}; "
        f"{ratio:.1f} times faster  (goal ≥ {GOAL})  {verdict}"
    )


if __name__ == "__main__":
    main()
