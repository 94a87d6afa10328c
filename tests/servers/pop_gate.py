"""POP before SMTP for real: Dovecot's POP3 login writes a map in which Postfix looks up who may relay.

The login waits for the map: the gate is open before the client reads the login's `+OK`. The servers are given the
gate's settings::

    with (
        PopGate() as gate,
        Dovecot(ca=ca, extra=gate.dovecot_settings) as dovecot,
        Postfix(dovecot=dovecot, extra=gate.postfix_settings) as postfix,
    ):
        ...

and `postfix.smtp_port` then knows no AUTH, but relays for an address from which somebody has logged in by POP3.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Self

from tests.servers.dovecot import PACKAGE_USER
from tests.servers.processes import get_program, make_folder, write_readable

SCRIPT = """#!/bin/sh
# Run by Dovecot between a POP3 login and its answer (doc.dovecot.org: post-login scripting).
printf '%s OK\\n' "$IP" | {postmap} -c {folder} -i hash:{folder}/clients && exec "$@"
"""


class PopGate:
    """The map of the addresses that may relay, inside `with`; at first it is empty."""

    folder: Path

    def __enter__(self) -> Self:
        self._postmap = get_program("postmap")
        self.folder = make_folder("gate")
        # An unprivileged postmap asks for a configuration, whatever it says.
        write_readable(self.folder / "main.cf", "")
        script = write_readable(self.folder / "open", SCRIPT.format(postmap=self._postmap, folder=self.folder))
        script.chmod(0o755)
        self.close()
        return self

    def __exit__(self, *_: object) -> None:
        shutil.rmtree(self.folder)

    def close(self) -> None:
        """Forget who has logged in."""
        (self.folder / "clients").touch()
        subprocess.run([self._postmap, "-c", self.folder, f"hash:{self.folder}/clients"], check=True)
        if os.geteuid() == 0:
            for path in (self.folder, *self.folder.glob("clients*")):
                shutil.chown(path, PACKAGE_USER, PACKAGE_USER)

    @property
    def dovecot_settings(self) -> str:
        """What Dovecot is to do at a POP3 login."""
        return f"""
service pop3 {{
  executable = pop3 pop3-gate
}}
service pop3-gate {{
  executable = script-login {self.folder}/open
  unix_listener pop3-gate {{
  }}
}}
"""

    @property
    def postfix_settings(self) -> str:
        """Whom Postfix is to let relay."""
        return f"""
smtpd_sasl_auth_enable = no
smtpd_relay_restrictions = check_client_access hash:{self.folder}/clients, reject_unauth_destination
# Each connection sees the map as it is: a process that serves several notices a change only by the second.
max_use = 1
"""
