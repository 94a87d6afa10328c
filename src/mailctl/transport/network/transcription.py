"""What is said on a connection, as it may be shown: in errors, and in the transcript where one is kept."""

from __future__ import annotations

from mailctl.protocol.redact import SHOWN_BYTES, Redactor
from mailctl.transport.trace import Speaker, Trace


class Transcription:
    """Keeps the answer to a command as it comes, for a secret may be split over its lines and responses."""

    def __init__(self, protocol: str, redactor: Redactor, trace: Trace | None) -> None:
        self._protocol = protocol
        self._redactor = redactor
        self._trace = trace
        self._answer = bytearray()
        self._untold = bytearray()

    def redacted(self, said: bytes, *, is_cut_off: bool = False) -> bytes:
        """Return what was said without the secrets; a very long text is cut off.

        `is_cut_off`: it ends where more was to come.
        """
        # A secret may have begun in an earlier response to the same command.
        at = self._answer.rfind(said) if len(said) <= SHOWN_BYTES else 0
        return self._redactor.redact_and_shorten(said, before=bytes(self._answer[: max(at, 0)]), is_cut_off=is_cut_off)

    def hear(self, part: bytes) -> None:
        """Take in a part of the answer; the transcript gets it with `tell_heard`."""
        self._answer += part[: max(SHOWN_BYTES - len(self._answer), 0)]
        if self._trace:
            self._untold += part

    def last_heard(self, count: int) -> bytes:
        """Return that many bytes from the end of the answer so far, secrets included; fewer where there are fewer."""
        return bytes(self._answer[len(self._answer) - min(count, len(self._answer)) :])

    def tell_heard(self, *, is_cut_off: bool) -> None:
        """Write what was heard into the transcript, as it is complete or, `is_cut_off`, as there comes no more."""
        if self._trace and self._untold:
            self._trace.add(Speaker.SERVER, self._protocol, self.redacted(bytes(self._untold), is_cut_off=is_cut_off))
            self._untold.clear()

    def say(self, command: bytes) -> None:
        """Write a command into the transcript; an answer to it begins."""
        if self._trace:
            self._trace.add(Speaker.CLIENT, self._protocol, self.redacted(command))
        self._answer.clear()

    def note(self, text: str) -> None:
        if self._trace:
            self._trace.note(self._protocol, text)
