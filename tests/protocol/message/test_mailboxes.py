"""Address lists as programs write them."""

from __future__ import annotations

from email.headerregistry import Address, Group
from email.policy import default

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailctl.protocol.message.mailboxes import read_mailboxes


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("a@example.org", [("a@example.org", "")]),
        ("a@example.org,b@example.org", [("a@example.org", ""), ("b@example.org", "")]),
        ("root (Cron Daemon)", [("root", "Cron Daemon")]),
        ("Ann <a@example.org>", [("a@example.org", "Ann")]),
        ('"Doe, Ann \\"A\\"" <a@example.org>', [("a@example.org", 'Doe, Ann "A"')]),
        ('"a@b, c"@example.org', [('"a@b, c"@example.org', "")]),
        ("ops: a@example.org, B <b@example.org>; root", [("a@example.org", ""), ("b@example.org", "B"), ("root", "")]),
        ("undisclosed-recipients:;", []),
        ("<@relay.example:a@example.org>", [("a@example.org", "")]),
        ("a@[IPv6:2001:db8::1], b@example.org", [("a@[IPv6:2001:db8::1]", ""), ("b@example.org", "")]),
        ("a@example.org (Ann (really), ok)", [("a@example.org", "Ann (really), ok")]),
        ("[ops] crew <ops@example.org>", [("ops@example.org", "[ops] crew")]),
        ("山田 <山田@株式.会社>", [("山田@株式.会社", "山田")]),
        (" , ;, ", []),
        ("(nobody), Ann <>", []),
        ("[ops crew <ops@example.org>, b@example.org", [("ops@example.org", "[ops crew"), ("b@example.org", "")]),
        ("<@relay.example:a@[IPv6:2001:db8::1]>", [("a@[IPv6:2001:db8::1]", "")]),
        ("a> b <c@example.org>", [("c@example.org", "a> b")]),
        ("a@example.org (Ann", [("a@example.org", "Ann")]),
    ],
)  # fmt: skip
def test_the_mailboxes_of_a_list_are_found(text: str, wanted: list[tuple[str, str]]) -> None:
    assert [(found.address, found.name) for found in read_mailboxes(text)] == wanted


@pytest.mark.parametrize("text", ["Ann <a@example.org, b@example.org", "a@example.org b@example.org", '"a@example.org'])
def test_what_is_broken_becomes_no_other_address(text: str) -> None:
    (found,) = read_mailboxes(text)
    assert found.address not in ("a@example.org", "b@example.org")


@pytest.mark.parametrize("piece", ["(", ")(", '"', "<", ",", ":", "\\", "[", "\\x<a:", "(a)", "<>", "a<:"])
def test_what_is_endless_is_cheap(piece: str) -> None:
    read_mailboxes(piece * 100_000)
    read_mailboxes("\\x" * 100_000 + "<" + piece * 100_000)


_names = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"], exclude_characters="\ufffd")) | st.just(
    "Doe, Ann"
)
_addresses = st.from_regex(r"[a-z][a-z0-9.+-]{0,10}[a-z0-9]@[a-z]{1,8}\.example", fullmatch=True).filter(
    lambda a: ".." not in a
)
_mailboxes = st.builds(lambda name, spec: Address(name, addr_spec=spec), _names, _addresses)


@given(st.lists(st.one_of(_mailboxes, st.builds(Group, st.just("team"), st.lists(_mailboxes, max_size=2))), max_size=4))
def test_lists_are_read_as_the_standard_library_writes_them(members: list[Address | Group]) -> None:
    written = ", ".join(map(str, members))
    wanted = [
        (box.addr_spec, box.display_name) for member in members for box in getattr(member, "addresses", (member,))
    ]
    assert [(box.address, box.name) for box in read_mailboxes(written)] == wanted
    assert [address.addr_spec for address in default.header_factory("To", written).addresses] == [a for a, _ in wanted]
