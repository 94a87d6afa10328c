"""The people who have mailboxes on the real servers."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Person:
    """Somebody's login name, which is the address too, and password."""

    address: str
    password: str = field(repr=False)


ALICE = Person("alice@example.test", "correct horse battery staple")

BOB = Person("bob@example.test", ' "quoted" back\\slash: pässwörd ')
"""Whose password has all that is hard to send: blanks at its edges, quotes, a backslash, a colon, non-ASCII letters."""

TARO = Person("山田太郎@株式.会社", "秘密の言葉")
"""Whose address is internationalised in both halves (RFC 6531)."""

PEOPLE = (ALICE, BOB, TARO)
