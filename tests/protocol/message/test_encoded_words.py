"""Encoded words of every kind, and what cannot be read."""

from __future__ import annotations

from email.header import Header

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mailctl.protocol.message.encoded_words import decode_words


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("plain", "plain"),
        ("=?utf-8?B?5bGx55Sw?=", "山田"),
        ("=?UTF-8?Q?=E5=B1=B1=E7=94=B0_x?=", "山田 x"),
        ("=?utf-8*ja?Q?=E5=B1=B1?=", "山"),
        ("=?iso-8859-1?q?J=FCrgen?= <j@example.test>", "Jürgen <j@example.test>"),
        ("=?iso-2022-jp?B?GyRCOzNFRBsoQg==?=", "山田"),
        ("a =?utf-8?Q?b?= c", "a b c"),
        ("=?utf-8?Q?b?= =?utf-8?Q?c?=", "bc"),
        ("=?utf-8?Q?b?= =?iso-8859-1?Q?=FC?=", "bü"),
        ("=?utf-8?B?5bE=?= =?utf-8?B?sQ==?=", "山"),  # a character cut in two
        ("=?utf-8?B?5bGx55Sw", "=?utf-8?B?5bGx55Sw"),
        ("=?no-such-charset?Q?x?= y", "=?no-such-charset?Q?x?= y"),
        ("=?utf-8?X?x?=", "=?utf-8?X?x?="),
        ("=?utf-8?Q?=FF?=", "\ufffd"),
        ("=?base64?Q?x?=", "=?base64?Q?x?="),
        ("=?punycode?Q?x-?=", "=?punycode?Q?x-?="),
        ("=?unicode_escape?Q?=5Cud800?=", "=?unicode_escape?Q?=5Cud800?="),
        ("=?utf-7?Q?+2AA-x?=", "\ufffdx"),
        ("=?utf-7?Q?+2D3eAA-?=", "\U0001f600"),
        ("=?utf-8?B?5bGx55Sw=?=", "山田"),
    ],
)
def test_words_are_read_and_the_rest_stays(text: str, read: str) -> None:
    assert decode_words(text) == read


@given(st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=80), st.sampled_from(["utf-8", "utf-16"]))
def test_what_python_encodes_is_read(text: str, charset: str) -> None:
    encoded = Header(text, charset, maxlinelen=0).encode()
    assert decode_words(encoded) == text


@given(st.text(st.sampled_from("=?*BbQq utf-8 _+2AA\ud800\udcff"), max_size=60))
@example("=?utf-8?Q?\ud800?=")
@example("\udcff =?utf-7?Q?+2AA-?=")
def test_anything_is_taken_and_what_is_read_can_be_written(text: str) -> None:
    decode_words(text).encode()
