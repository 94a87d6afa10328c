"""`mailctl sendmail`: the words for `mailctl-sendmail`."""

from __future__ import annotations

import sys

import typer

from mailctl.cli.session import get_session


def sendmail(context: typer.Context) -> int:
    """Send a message from standard input through the system mail account, like sendmail.

    Everything after the word is given to `mailctl-sendmail`, whose options (-t, -i, -f, -F, …) `mailctl-sendmail
    --help` explains; exit codes are those of sysexits.h.
    """
    from mailctl.sendmail.submission import run

    return run(context.args, sys.stdin.buffer, config=get_session(context).config)
