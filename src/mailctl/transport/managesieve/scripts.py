"""The Sieve scripts of an account at its server: listed, read, checked, stored, made active. RFC 5804, 2."""

from __future__ import annotations

from msgspec import Struct

from mailctl.protocol.managesieve import SieveCapabilities, sieve_string
from mailctl.protocol.reasons import Reason
from mailctl.transport.managesieve.commands import Answer, SieveTransport


class Script(Struct, frozen=True):
    """A stored script; at most one is active: the one that delivery runs."""

    name: str
    is_active: bool


class SieveSession:
    """An open session."""

    def __init__(self, transport: SieveTransport, capabilities: SieveCapabilities) -> None:
        self.capabilities = capabilities
        self._transport = transport

    @property
    def turns(self) -> int:
        """Round trips so far."""
        return self._transport.wire.turns

    def list_scripts(self) -> list[Script]:
        answer = self._ask(b"LISTSCRIPTS", "does not list the scripts")
        return [
            Script(self._text(line[0]), b"ACTIVE" in (word.upper() for word in line[1:]))
            for line in answer.lines
            if line
        ]

    def get_script(self, name: str) -> str:
        """Return a script's text. Raises RefusedError if there is none of that name."""
        answer = self._ask(b"GETSCRIPT " + sieve_string(name), f"does not give the script '{name}'")
        return b"".join(part for line in answer.lines for part in line).decode("utf-8", "replace")

    def check_script(self, text: str) -> str | None:
        """Have the server check a script; return what it warns of. Raises RefusedError with its words on an error."""
        return self._warnings(self._ask(b"CHECKSCRIPT " + sieve_string(text), "refuses the script"))

    def put_script(self, name: str, text: str) -> str | None:
        """Store a script, in the place of one of that name; return what the server warns of.

        Raises RefusedError with the server's words: a script that is wrong leaves the old one as it was.
        """
        return self._warnings(
            self._ask(b"PUTSCRIPT %b %b" % (sieve_string(name), sieve_string(text)), "does not store the script")
        )

    def set_active(self, name: str | None) -> None:
        """Let delivery run a script, in the place of any other; None for no script at all."""
        self._ask(b"SETACTIVE " + sieve_string(name or ""), "does not make the script active")

    def delete_script(self, name: str) -> None:
        """Delete a script that is not active."""
        self._ask(b"DELETESCRIPT " + sieve_string(name), f"does not delete the script '{name}'")

    def _ask(self, command: bytes, refused: str) -> Answer:
        answer = self._transport.command(command)
        if not answer.ok:
            raise self._transport.refusal(answer, refused, Reason.SCRIPT_REFUSED)
        return answer

    def _warnings(self, answer: Answer) -> str | None:
        return self._text(answer.status.text) if answer.status.code == "WARNINGS" else None

    def _text(self, said: bytes) -> str:
        return self._transport.wire.redacted(said).decode("utf-8", "replace")
