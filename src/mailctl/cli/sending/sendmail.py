"""`mailctl sendmail`: the words for `mailctl-sendmail`."""

from __future__ import annotations

import sys

import typer

from mailctl.cli.session import get_session


def sendmail(context: typer.Context) -> None:
    """Send a message from standard input through the system mail account, like sendmail.

    Everything after the word goes to `mailctl-sendmail`, whose --help explains the options (-t, -i, -f, -F, …); exit
    codes are those of sysexits.h.

    Examples:

      echo "Subject: hello" | mailctl sendmail you@example.org

      mailctl sendmail -t -i < message
    """
    from mailctl.sendmail.submission import run

    raise typer.Exit(run(context.args, sys.stdin.buffer, config=get_session(context).config))
