"""Addresses as people write them are understood, and written so that any reader understands them."""

from __future__ import annotations

from email.header import decode_header, make_header
from email.utils import getaddresses

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mailctl.model.address import parse_address
from mailctl.protocol.message.address_list import Mailbox, parse_mailboxes
from mailctl.protocol.message.header_field import fold

NAMES = st.text(st.characters(exclude_categories=["Cc", "Cs"]) | st.sampled_from(' ,.;:<>@"\\()é山'), max_size=120)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ann@example.org", [(None, "ann@example.org")]),
        (" Ann <ann@example.org> ", [("Ann", "ann@example.org")]),
        ("<ann@example.org>", [(None, "ann@example.org")]),
        ("a@x.org, Bob <b@x.org>,c@x.org", [(None, "a@x.org"), ("Bob", "b@x.org"), (None, "c@x.org")]),
        ('"Doe, John" <j@x.org>', [("Doe, John", "j@x.org")]),
        (r'"A \"B\" C" <j@x.org>', [('A "B" C', "j@x.org")]),
        ('John "the man" Doe <j@x.org>', [("John the man Doe", "j@x.org")]),
        ('"a,b"@x.org', [(None, '"a,b"@x.org')]),
        ('Q <"a>b"@x.org>', [("Q", '"a>b"@x.org')]),
        ("a@x.org,, ", [(None, "a@x.org")]),
        ("山田太郎 <山田太郎@株式.会社>", [("山田太郎", "山田太郎@株式.会社")]),
        ("a@[192.0.2.1]", [(None, "a@[192.0.2.1]")]),
    ],
)
def test_lists_are_understood(text: str, expected: list[tuple[str | None, str]]) -> None:
    assert [(mailbox.name, str(mailbox.address)) for mailbox in parse_mailboxes(text)] == expected


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is empty"),
        (" , ", "is empty"),
        ("nobody", "'nobody' is not an address"),
        ("Doe, John <j@x.org>", "'Doe' is not an address.*stands in quotes"),
        ('"Doe <j@x.org>', "no counterpart"),
        ("Ann <ann@example.org", "no counterpart"),
        ("Ann <a@x.org> <b@x.org>", "once, and last"),
        ("<a@x.org> Ann", "once, and last"),
        ("a@x.org b@x.org", "is not an address"),
        ("Team: a@x.org;", "is not an address"),
        ("Ann\n <a@x.org>", "LF"),
        ("=?utf-8?q?a=0Ab?= <a@x.org>", "encoded word"),
    ],
)
def test_what_is_no_list_is_refused(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        parse_mailboxes(text)


@given(NAMES.filter(lambda name: name.strip() and "=?" not in name))
@example("Doe, John")
@example("Müller, " * 12)
@example("x" * 1100)
def test_a_name_is_read_back_as_it_was(name: str) -> None:
    mailbox = Mailbox(parse_address("ann@example.org"), name)
    field = fold("To", mailbox.written(international=False))
    assert all(len(line) <= 998 for line in field.split("\r\n"))
    [(read, address)] = getaddresses([field.removeprefix("To:").replace("\r\n", "")])
    assert address == "ann@example.org"
    assert str(make_header(decode_header(read))).strip() == name.strip()


@given(st.lists(NAMES.filter(lambda name: "=?" not in name), min_size=1, max_size=5))
def test_what_is_written_is_understood_again(names: list[str]) -> None:
    quoted = [name.replace("\\", "\\\\").replace('"', '\\"') for name in names]
    text = ", ".join(f'"{name}" <p{at}@example.org>' for at, name in enumerate(quoted))
    mailboxes = parse_mailboxes(text)
    assert [str(mailbox.address) for mailbox in mailboxes] == [f"p{at}@example.org" for at in range(len(names))]
    assert [mailbox.name or "" for mailbox in mailboxes] == [" ".join(name.split()) for name in names]


def test_a_domain_is_in_ascii_unless_the_message_is_international() -> None:
    [mailbox] = parse_mailboxes("Taro <taro@株式.会社>")
    assert mailbox.written(international=False) == "Taro <taro@xn--jvru2d.xn--3kq28n7l0a>".replace(
        "xn--jvru2d.xn--3kq28n7l0a", mailbox.address.with_ascii_domain.partition("@")[2]
    )
    assert mailbox.written(international=False).isascii()
    assert mailbox.written(international=True) == "Taro <taro@株式.会社>"
