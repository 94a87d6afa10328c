"""The operating system's keyring: single values under service and user, each call under a deadline."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

from mailctl.credentials import keyring_choice
from mailctl.credentials.deadline import call_with_deadline
from mailctl.errors import MailctlError, SecretStoreError

if TYPE_CHECKING:
    from keyring.backend import KeyringBackend

T = TypeVar("T")


class OsKeyring:
    """Calls to the keyring's backend, which is chosen at the first call. All raise SecretStoreError if they fail."""

    def __init__(self, *, deadline_seconds: float = keyring_choice.DEADLINE_SECONDS) -> None:
        self._deadline_seconds = deadline_seconds
        self._backend: KeyringBackend | None = None
        self._hung: SecretStoreError | None = None

    def get(self, service: str, user: str) -> str | None:
        return self._call(lambda backend: backend.get_password(service, user))

    def set(self, service: str, user: str, value: str) -> None:
        self._call(lambda backend: backend.set_password(service, user, value), hidden=value)

    def delete(self, service: str, user: str) -> None:
        """Delete a value; to be called only if there is one, since backends report its absence as a failure."""
        self._call(lambda backend: backend.delete_password(service, user))

    def users(self, service: str) -> frozenset[str] | None:
        """Return the users that have a value under a service, or None where the backend cannot tell."""
        return self._call(lambda backend: keyring_choice.list_users(backend, service))

    def value_limit(self) -> int | None:
        """Return how many UTF-16 units a value may have, or None."""
        return self._call(keyring_choice.value_limit)

    def backend_name(self) -> str:
        """Return the class path of the backend."""
        return self._call(keyring_choice.class_path)

    def _call(self, call: Callable[[KeyringBackend], T], *, hidden: str = "") -> T:
        if self._hung is not None:
            raise self._hung

        def run() -> T:
            if self._backend is None:
                self._backend = keyring_choice.open_backend()
            keyring_choice.require_unlocked(self._backend)
            return call(self._backend)

        with _explained(hidden):
            try:
                return call_with_deadline(run, self._deadline_seconds)
            except TimeoutError:
                # Whoever hung once would cost the deadline at each further call.
                self._hung = SecretStoreError(
                    f"the keyring did not answer within {self._deadline_seconds:g} s",
                    hint="it may wait for a person at a prompt: unlock it and run this again;"
                    f" else {keyring_choice.CHOICES}",
                    details={"timed_out": True},
                )
                raise self._hung from None


@contextmanager
def _explained(hidden: str) -> Iterator[None]:
    """Turn what backends raise into SecretStoreError; `hidden` is a secret that no message may repeat."""
    from keyring import errors

    try:
        yield
    except MailctlError:
        raise
    except errors.KeyringLocked:
        raise SecretStoreError(
            "the keyring is locked",
            hint=f"unlock it and run this again; else {keyring_choice.CHOICES}",
            details={"locked": True},
        ) from None
    except errors.KeyringError as error:
        said = str(error).replace(hidden, "…") if hidden else str(error)
        raise SecretStoreError(
            f"the keyring refused: {said or type(error).__name__}", hint=keyring_choice.CHOICES
        ) from None
    except Exception as error:  # noqa: BLE001 - backends let the errors of D-Bus and of the systems' libraries through
        # Neither its text nor its traceback: nobody knows what they hold.
        raise SecretStoreError(
            f"the keyring failed ({type(error).__module__}.{type(error).__qualname__})", hint=keyring_choice.CHOICES
        ) from None
