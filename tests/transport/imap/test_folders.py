"""Messages put into a folder one by one, with servers of the several rules about headers in UTF-8."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from tests.doubles.imap import CAPABILITIES, ImapServer, capability_reply
from tests.doubles.scripted import ScriptedServer

from mailctl.errors import RefusedError
from mailctl.transport.imap.folders import ImapFolders
from mailctl.transport.imap.session import open_imap
from mailctl.transport.watch import Watch

MESSAGE = "From: 山田@example.test\r\n\r\nHi.\r\n".encode()
PLAIN = b'"Sent" (\\Seen) {%d}\r\n%b\r\n' % (len(MESSAGE), MESSAGE)
MARKED = b'"Sent" (\\Seen) UTF8 (~{%d}\r\n%b)\r\n' % (len(MESSAGE), MESSAGE)


def append(route_to: Callable[..., Any], verdict: bytes, message: bytes = MESSAGE) -> bytes:
    """Put a message into a folder of a server that says this to every APPEND; return what it was told."""
    server = ImapServer(
        security="none",
        capability=capability_reply(*CAPABILITIES, b"UTF8=ACCEPT"),
        enable=b"* ENABLED UTF8=ACCEPT\r\n<tag> OK done\r\n",
        append=b"<tag> %b\r\n" % verdict,
    )
    with ScriptedServer(server.script) as double:
        route = route_to("imap", double.port, security="none", login=("ann", "secret"))
        with open_imap(route, Watch()) as session:
            try:
                ImapFolders(session).append("Sent", message, flags=(r"\Seen",))
            finally:
                session.transport.command("NOOP")
        return double.received


def test_a_header_in_utf_8_is_stored_as_any_other(route_to: Callable[..., Any]) -> None:
    told = append(route_to, b"OK taken")
    assert PLAIN in told
    assert MARKED not in told


@pytest.mark.parametrize("message", [MESSAGE, MESSAGE.replace("山田".encode(), b"y")], ids=["UTF-8", "ASCII"])
def test_what_is_refused_either_way_is_refused_in_the_servers_words(
    route_to: Callable[..., Any], message: bytes
) -> None:
    with pytest.raises(RefusedError, match="does not take the message into 'Sent'"):
        append(route_to, b"NO not here", message)
