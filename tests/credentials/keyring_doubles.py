"""Backends of the keyring library that misbehave, to be named by MAILCTL_KEYRING_BACKEND."""

from __future__ import annotations

from threading import Event
from typing import ClassVar

from keyring import backend, errors

MODULE = "tests.credentials.keyring_doubles"


class Died(BaseException):
    """The process was killed here: nothing works from now on."""


class Countdown:
    """Lets a number of calls pass, then raises Died at every further one."""

    def __init__(self, calls: int | None = None) -> None:
        self.calls_left = calls

    def __call__(self) -> None:
        if self.calls_left is None:
            return
        if self.calls_left == 0:
            raise Died
        self.calls_left -= 1


class Memory(backend.KeyringBackend):
    """Keeps values in memory; its writes die at `countdown`."""

    priority = 1
    entries: ClassVar[dict[tuple[str, str], str]] = {}
    countdown: ClassVar[Countdown] = Countdown()

    @classmethod
    def reset(cls) -> None:
        cls.entries.clear()
        Memory.countdown = Countdown()

    def get_password(self, service, username):
        return self.entries.get((service, username))

    def set_password(self, service, username, password):
        self.countdown()
        self.entries[service, username] = password

    def delete_password(self, service, username):
        self.countdown()
        if (service, username) not in self.entries:
            raise errors.PasswordDeleteError("not found")
        del self.entries[service, username]


class Small(Memory):
    """Takes no value beyond 2,560 bytes of UTF-16, as Windows' Credential Manager."""

    def set_password(self, service, username, password):
        if len(password.encode("utf-16-le")) > 2560:
            raise errors.PasswordSetError(f"cannot store {password}")
        super().set_password(service, username, password)


class Blocking(Memory):
    """Never answers."""

    asked = Event()

    def get_password(self, service, username):
        self.asked.set()
        Event().wait()


class Forgetful(Memory):
    """Pretends to store, and keeps what it had."""

    def set_password(self, service, username, password):
        self.entries.setdefault((service, username), "something else")


class Stubborn(Memory):
    """Refuses to delete."""

    def delete_password(self, service, username):
        raise errors.PasswordDeleteError("no")


class Chatty(Memory):
    """Repeats the secret in its error."""

    def set_password(self, service, username, password):
        raise errors.PasswordSetError(f"cannot store {password!r}: {password}")


class Broken(Memory):
    """Raises something of its own that holds the secret."""

    def set_password(self, service, username, password):
        raise RuntimeError(password)
