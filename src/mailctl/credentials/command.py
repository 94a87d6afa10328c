"""Secrets that a program prints: `command:PROGRAM ARGS`."""

from __future__ import annotations

import os
import shlex
import subprocess
from threading import Thread
from typing import IO

from mailctl.credentials.borrowed import SIZE_LIMIT_BYTES, require_text, secret_text
from mailctl.durable import cause_of
from mailctl.errors import SecretMissingError, SecretStoreError
from mailctl.model.secret import Secret
from mailctl.model.values import shown

# A program may ask a person for a passphrase on the terminal, or for a touch of a key.
DEADLINE_SECONDS = 60.0
_QUOTED_CHARACTERS = 300


def run_command(command: str, *, deadline_seconds: float = DEADLINE_SECONDS) -> Secret:
    """Return what a program prints. The command is split as a POSIX shell would, but no shell sees it.

    The program gets this process' environment, and no standard input: that may hold another secret. It may use the
    terminal. Raises SecretMissingError if it exits with a code other than 0 or prints nothing, SecretStoreError
    if it cannot be run, does not end in time or prints no UTF-8 text. Messages name the program, not its arguments.
    """
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise SecretStoreError(f"the secret's command cannot be understood: {str(error).lower()}") from None
    source = f"the secret's command {shown(words[0])}"
    try:
        process = subprocess.Popen(  # noqa: S603 - the person's own command, and no shell
            words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
    except FileNotFoundError:
        raise SecretStoreError(f"{source} was not found", hint="give its full path") from None
    except (OSError, ValueError) as error:
        reason = cause_of(error) if isinstance(error, OSError) else "its arguments hold a NUL"
        raise SecretStoreError(f"{source} cannot be run: {reason}") from None
    output, complaint = _collect(process, deadline_seconds, source)
    if process.returncode and len(output) <= SIZE_LIMIT_BYTES:
        raise SecretMissingError(
            f"{source} {_ending(process.returncode)}{_quoted(complaint, output)}",
            hint="run it by hand, as the user and in the environment that mailctl runs in",
        )
    return require_text(secret_text(output, source), f"what {source} prints")


def _collect(process: subprocess.Popen[bytes], deadline_seconds: float, source: str) -> tuple[bytes, bytes]:
    """Wait for a program to end, and return its two outputs, neither much beyond the limit."""
    if process.stdout is None or process.stderr is None:
        raise AssertionError("both outputs are pipes")
    outputs = (_CappedReader(process.stdout, process), _CappedReader(process.stderr, process))
    try:
        process.wait(deadline_seconds)
    except subprocess.TimeoutExpired:
        raise SecretStoreError(
            f"{source} did not end within {deadline_seconds:g} s, and was stopped",
            hint="run it by hand: it may be waiting for an answer that nobody can give here",
        ) from None
    finally:
        process.kill()
        process.wait()
    return outputs[0].result(), outputs[1].result()


class _CappedReader:
    """Reads a pipe in a thread of its own; the program is stopped once it has written more than the limit."""

    def __init__(self, pipe: IO[bytes], process: subprocess.Popen[bytes]) -> None:
        self._received = bytearray()
        self._thread = Thread(target=self._read, args=(pipe, process), daemon=True, name="mailctl-command")
        self._thread.start()

    def _read(self, pipe: IO[bytes], process: subprocess.Popen[bytes]) -> None:
        with pipe:
            while chunk := os.read(pipe.fileno(), 65536):
                self._received += chunk
                if len(self._received) > SIZE_LIMIT_BYTES:
                    process.kill()
                    return

    def result(self) -> bytes:
        # A child of the program that lives on may hold the pipe open; what the program itself wrote has arrived.
        self._thread.join(0.5)
        return bytes(self._received)


def _ending(code: int) -> str:
    return f"exited with {code}" if code > 0 else f"was ended by signal {-code}"


def _quoted(complaint: bytes, output: bytes) -> str:
    """Return the last line that a program wrote to standard error, without what it wrote to standard output."""
    text = complaint.decode(errors="replace")
    for line in output.decode(errors="replace").splitlines():
        if line.strip():
            text = text.replace(line.strip(), "…")
    last = text.strip().rpartition("\n")[2].strip()[:_QUOTED_CHARACTERS]
    return f": {''.join(c if c.isprintable() else '�' for c in last)}" if last else ""
