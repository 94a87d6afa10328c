"""mailctl-sendmail: a sendmail that sends through the system mail account, for cron, PHP, git, mail and the like.

    mailctl-sendmail [-t] [-i] [-f ADDRESS] [-F NAME] [-C FILE] [--tenant CODE] [--] [RECIPIENT...] < MESSAGE

    -t          take the recipients from To, Cc and Bcc (of a resent message: from its latest Resent- fields),
                beside those that are named
    -i, -oi     a line with a single dot does not end the message
    -f, -r A    the envelope sender, where bounces go; one without a domain (root) stands for the account's
    -F NAME     the sender's name, where the message does not say From
    -C FILE     the settings file; else that of MAILCTL_CONFIG, the user's, or the machine's
    --tenant C  send for a tenant (also MAILCTL_TENANT); without it, for the one whose own address -f names
    -bm -B -N -O -R -V -X -h -o* -v and the like are taken, and change nothing

Nothing is asked, nothing is queued: when it ends with 0, the server has taken the message for every recipient. What
goes wrong is said in one line, and by the exit codes of sysexits.h (`sysexits`). The code is 75 only where sending
again is safe: callers do that at 75.

The header is passed on as it is, with what is missing added and what must not leave taken out (`header`):

- From is kept as the message gives it, even if it is not the account's address: who may send as whom is the server's
  to say, and if it refuses, the error names the address. A From without a domain (`root (Cron Daemon)`) is nobody's
  address outside of this machine: it becomes the account's, under the name that it has.
- The envelope sender is the account's, or what -f says. From does not change it.
- A recipient without a domain, or at this machine's own bare name, is the account's local recipient.

options       what a command line means
input         the message on standard input, spooled
header        its fields: recipients, what is added, what is taken out
submission    from input and settings to the server
sysexits      errors to exit codes and to the one line
"""

from __future__ import annotations

import gc
import os
import sys
from io import BytesIO
from typing import NoReturn

PROGRAM = "mailctl-sendmail"


def main() -> NoReturn:
    """Run the command line of this process, and end it with the exit code."""
    # The process is too short for anything to be worth collecting; imports alone would set it off several times.
    gc.disable()
    _import_msgspec()
    from mailctl.interruption import interrupt_on_termination
    from mailctl.sendmail.submission import run

    interrupt_on_termination()

    code = run(sys.argv[1:], sys.stdin.buffer if sys.stdin else BytesIO())
    for stream in filter(None, (sys.stdout, sys.stderr)):
        stream.flush()
    # Python's own farewell, object by object, would take as long as the TLS handshake and the login together.
    os._exit(code)


def _import_msgspec() -> None:
    """Import msgspec without typing_extensions, which brings inspect and costs a tenth of a whole delivery.

    msgspec does without it where it is not installed, as typing has all of it from Python 3.11 on. Here Typer has
    installed it; None in sys.modules makes its import fail (the Python Language Reference, 5.3.1).
    """
    sys.modules["typing_extensions"] = None  # type: ignore[assignment]  # typeshed does not know of None
    import msgspec  # noqa: F401

    del sys.modules["typing_extensions"]
