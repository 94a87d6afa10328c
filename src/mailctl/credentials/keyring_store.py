"""Secrets in the keyring, under one service. Values that are too long for the backend are stored in parts.

A value in parts is an entry `NAME` whose text is `mailctl-parts:1:GENERATION:COUNT`, and COUNT entries
`NAME#GENERATION.INDEX`. A new value's parts are written under a new generation before the entry itself is, and the
old ones are deleted after: whenever a writer dies, the entry names a whole value.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator

from mailctl.credentials.os_keyring import OsKeyring
from mailctl.credentials.port import require_unicode
from mailctl.errors import SecretStoreError
from mailctl.model.secret import Secret
from mailctl.model.settings import SecretBackend

_HEADER = re.compile(r"mailctl-parts:1:([0-9a-f]{8}):([0-9]{1,4})", re.ASCII)
_PART_NAME = re.compile(r".+#[0-9a-f]{8}\.[0-9]+", re.ASCII | re.DOTALL)


class KeyringStore:
    """Secrets in the keyring (a SecretStore), under one service, the secret's name being the keyring's user."""

    kind = SecretBackend.KEYRING

    def __init__(self, keyring: OsKeyring, service: str, *, value_limit: int | None = None) -> None:
        """`value_limit`: UTF-16 units that a value may have; None means the backend's own limit, if it has one."""
        self._keyring = keyring
        self.service = service
        self._value_limit = value_limit

    @property
    def location(self) -> str:
        return f"the keyring ({self._keyring.backend_name()})"

    def find(self, name: str) -> Secret | None:
        for _ in range(2):  # a second time if another process replaced the value between entry and parts
            head = self._keyring.get(self.service, name)
            if head is None:
                return None
            users = _part_users(name, head)
            if users is None:
                return Secret(head)
            parts = [self._keyring.get(self.service, user) for user in users]
            whole = [part for part in parts if part is not None]
            if len(whole) == len(parts):
                return Secret("".join(whole))
        raise SecretStoreError(f"the keyring holds only a part of the secret '{name}'", hint="store it again")

    def set(self, name: str, secret: Secret) -> None:
        require_unicode(secret)
        value = secret.reveal()
        before = self._keyring.get(self.service, name)
        head, parts = self._divide(name, value)
        try:
            for user, part in parts.items():
                self._keyring.set(self.service, user, part)
            self._keyring.set(self.service, name, head)
            self._require_same(name, secret)
        except BaseException:
            self._restore(name, before)
            self._delete_users(parts)
            raise
        if before is not None and before != head:
            self._delete_users(_part_users(name, before) or ())

    def delete(self, name: str) -> bool:
        head = self._keyring.get(self.service, name)
        if head is None:
            return False
        # The entry last: while it is there, a deletion that was cut short can be done again.
        for user in (*(_part_users(name, head) or ()), name):
            if self._keyring.get(self.service, user) is not None:
                self._keyring.delete(self.service, user)
        if self._keyring.get(self.service, name) is not None:
            raise SecretStoreError(f"{self.location} still holds '{name}' after its deletion")
        return True

    def names(self) -> frozenset[str] | None:
        users = self._keyring.users(self.service)
        return None if users is None else frozenset(user for user in users if not _PART_NAME.fullmatch(user))

    def check(self) -> None:
        self._keyring.get(self.service, "probe")

    def _require_same(self, name: str, secret: Secret) -> None:
        if self.find(name) != secret:
            raise SecretStoreError(f"{self.location} gave back another secret than was stored under '{name}'")

    def _divide(self, name: str, value: str) -> tuple[str, dict[str, str]]:
        """Return the text of the entry itself, and the parts by their users."""
        limit = self._value_limit or self._keyring.value_limit()
        # A value that looks like an entry's text for parts is stored in parts itself, so as not to be taken for one.
        if not _HEADER.fullmatch(value) and (limit is None or _utf16_units(value) <= limit):
            return value, {}
        parts = list(_cut(value, limit or len(value)))
        head = f"mailctl-parts:1:{os.urandom(4).hex()}:{len(parts)}"
        return head, dict(zip(_part_users(name, head) or (), parts, strict=True))

    def _restore(self, name: str, before: str | None) -> None:
        """Put an entry back after a failure, as far as the keyring still lets itself be used."""
        try:
            now = self._keyring.get(self.service, name)
            if before is not None and now != before:
                self._keyring.set(self.service, name, before)
            elif before is None and now is not None:
                self._keyring.delete(self.service, name)
        except SecretStoreError:
            return

    def _delete_users(self, users: tuple[str, ...] | dict[str, str]) -> None:
        for user in users:
            try:
                if self._keyring.get(self.service, user) is not None:
                    self._keyring.delete(self.service, user)
            except SecretStoreError:
                return


def _part_users(name: str, head: str) -> tuple[str, ...] | None:
    """Return the users of a value's parts, or None if the entry's text is the value itself."""
    match = _HEADER.fullmatch(head)
    return match and tuple(f"{name}#{match[1]}.{index}" for index in range(int(match[2])))


def _utf16_units(text: str) -> int:
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def _cut(text: str, limit: int) -> Iterator[str]:
    """Cut text into pieces of at most `limit` UTF-16 units; no character is cut in two."""
    start = units = 0
    for index, character in enumerate(text):
        width = 2 if character > "\uffff" else 1
        if units + width > limit:
            yield text[start:index]
            start, units = index, 0
        units += width
    yield text[start:]
