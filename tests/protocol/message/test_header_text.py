"""Header fields as people read them: any script, whatever was sent."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailctl.protocol.message.header_text import list_addresses, parse_base_subject, read_correspondent, read_text


@pytest.mark.parametrize(
    ("value", "read"),
    [
        ("=?iso-2022-jp?B?GyRCOzNFRBsoQg==?= =?utf-8?Q?_taro?=", "山田 taro"),
        ("=?koi8-r?B?8NLJ18XU?=", "Привет"),
        ("=?windows-1255?B?+ezl7Q==?=", "שלום"),
        ("=?no-such-charset?Q?x?=", "=?no-such-charset?Q?x?="),
        ("=?utf-8?B?gibberish!?=", "=?utf-8?B?gibberish!?="),
        ("=?utf-8?Q?a=0D=0ABcc:_b?=", "a Bcc: b"),
        ("=?utf-8?Q?=1B[2J=C2=9B31m?=", r"\x1b[2J\x9b31m"),
        ("=?utf-8?Q?=E2=80=AEgpj.exe?=", r"\u{202e}gpj.exe"),
        ("=?utf-7?Q?+2AA-?=", "\ufffd"),
        ("שלום\u200f \u200bעולם", "שלום עולם"),
        ("می\u200cخواهم", "می\u200cخواهم"),
        ("\U0001f468\u200d\U0001f469\u200d\U0001f467", "\U0001f468\u200d\U0001f469\u200d\U0001f467"),
        ("  a \t\u3000 b ", "a b"),
    ],
)
def test_a_text_is_shown_in_its_script_and_without_tricks(value: str, read: str) -> None:
    assert read_text(value) == read


@pytest.mark.parametrize(
    ("value", "name", "address"),
    [
        ("山田太郎 <taro@株式.会社>", "山田太郎", "taro@株式.会社"),
        ('"Doe, \\"J\\"" <j@example.org>, other@example.org', 'Doe, "J"', "j@example.org"),
        ("=?utf-8?B?5bGx?= <a@example.org>", "山", "a@example.org"),
        ("a@example.org (Real (inner) Name)", "Real (inner) Name", "a@example.org"),
        ('"a@bank.example" <thief@example.org>', "a@bank.example", "thief@example.org"),
        ("Staff: A <a@example.org>, b@example.org;", "A", "a@example.org"),
        ("Undisclosed recipients:;", "", ""),
        ("<@relay.example:a@example.org>", "", "a@example.org"),
        ("Cron Daemon", "Cron Daemon", ""),
        ('"Doe, J" Smith', "Doe, J Smith", ""),
        ("(Ann)", "Ann", ""),
        ("Ann <>", "Ann", ""),
        ("<root>", "", "root"),
        ("a@example.org (Ann), b@example.org (Bob)", "Ann", "a@example.org"),
        ("a@[IPv6:2001:db8::1]", "", "a@[IPv6:2001:db8::1]"),
        ("", "", ""),
        ("a <b@example.org", "a", "b@example.org"),
        ("x\x1b[31m <a\x07@example.org>", r"x\x1b[31m", r"a\x07@example.org"),
    ],
)
def test_who_wrote_it(value: str, name: str, address: str) -> None:
    who = read_correspondent(value)
    assert (who.name, who.address) == (name, address)


def test_all_addresses_of_a_field() -> None:
    value = 'A <a@x>, "b, c" <d@x>, Group: e@x, (comment, f@x) g@x;, <@r,@s:h@x>'
    assert list_addresses(value) == ["a@x", "d@x", "e@x", "g@x", "h@x"]


@pytest.mark.parametrize(
    ("subject", "base", "is_reply"),
    [
        ("Hello", "hello", False),
        ("Re: hello", "hello", True),
        ("re[2]: FWD : Hello (fwd)", "hello", True),
        ("[list] Re: [list] hello", "hello", True),
        ("[Fwd: [Fwd: hello]]", "hello", True),
        ("[list]", "[list]", False),
        ("Re:", "", True),
        ("Research: hello", "research: hello", False),
    ],
)
def test_what_subjects_of_one_conversation_have_in_common(subject: str, base: str, is_reply: bool) -> None:
    found = parse_base_subject(subject)
    assert (found.text, found.is_reply) == (base, is_reply)


@pytest.mark.parametrize("piece", ["(", ")(", '"', "<", ",", ":", "\\", "=?utf-8?Q?a?= ", "re:", "[", "[a]", "(fwd)"])
def test_what_is_endless_is_cheap(piece: str) -> None:
    value = piece * 100_000
    list_addresses(value)
    read_correspondent(value)
    read_text(value)
    parse_base_subject(value)


@given(st.text(max_size=300))
def test_anything_becomes_one_harmless_line(value: str) -> None:
    who = read_correspondent(value)
    for text in (read_text(value), who.name, who.address):
        assert text.replace("\u200c", "").replace("\u200d", "").isprintable()
        text.encode()
    assert all("<" not in address for address in list_addresses(value.replace('"', "").replace("\\", "")))


@given(st.from_regex(r"(?:(?:re|fwd?|\[x\]|[ :a]|\(fwd\)|\[fwd:|\]){0,12})", fullmatch=True))
def test_a_base_subject_is_its_own_base(subject: str) -> None:
    base = parse_base_subject(subject).text
    assert parse_base_subject(base).text == base
