"""HTML of messages: pictures are found where they are, and nothing else is touched."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailctl.protocol.message.html_text import html_to_text, put_below, replace_pictures, text_to_html


@pytest.mark.parametrize(
    ("html", "expected"),
    [
        ('<img src="a.png">', '<img src="NEW">'),
        ("<IMG ALT='src=x' SRC = a.png >", "<IMG ALT='src=x' SRC = \"NEW\" >"),
        ("<p>\u2028\r\n</p>\n <img\n src='a.png'\n/>", '<p>\u2028\r\n</p>\n <img\n src="NEW"\n/>'),
        ("<!-- <img src='a.png'> -->", "<!-- <img src='a.png'> -->"),
        ("<a href='a.png'>src=a.png</a>", "<a href='a.png'>src=a.png</a>"),
        ("<img>", "<img>"),
    ],
)
def test_only_the_addresses_of_pictures_are_replaced(html: str, expected: str) -> None:
    assert replace_pictures(html, lambda _: "NEW") == expected


@given(st.text(alphabet="<>/=\"' imgsrca\n\r&;-!", max_size=60))
def test_html_of_any_kind_is_met_without_a_fault(html: str) -> None:
    assert replace_pictures(html, lambda source: source) is not None
    assert html_to_text(html) is not None


def test_an_address_cannot_end_the_tag() -> None:
    assert replace_pictures('<img src="a.png">', lambda _: '"><b>') == '<img src="&quot;&gt;&lt;b&gt;">'


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("<p>Tarō<br>CEO</p><p>ACME</p>", "Tarō\nCEO\nACME"),
        ('<a href="https://example.org/?a=1&amp;b=2">we</a>', "we <https://example.org/?a=1&b=2>"),
        ('<a href="mailto:a@example.org">a@example.org</a>', "a@example.org"),
        ("<style>p { color: red }</style><script>x</script>R&amp;D", "R&D"),
        ('<img src="x" alt="ACME"> GmbH', "ACME GmbH"),
        (
            '<p>Taro</p><img src="x" alt="logo"><p><a href="https://e.org"><img alt="us"></a></p>',
            "Taro\nus <https://e.org>",
        ),
        ('<p><img src="x" alt="ACME"></p>', "ACME"),
        ("<table><tr><td>a</td><td>b</td></tr><tr><td>c</td></tr></table>", "a b\nc"),
    ],
)
def test_what_html_says(html: str, text: str) -> None:
    assert html_to_text(html) == text


@given(st.text(st.characters(codec="utf-8", categories=["L", "N", "P", "S"]), max_size=40))
def test_a_text_says_in_html_what_it_is(text: str) -> None:
    assert html_to_text(text_to_html(text)) == text


@pytest.mark.parametrize(
    ("html", "expected"),
    [
        ("<p>x</p>", "<p>x</p>\nSIG\n"),
        ("<html><body><p>x</p></BODY ></html>", "<html><body><p>x</p>\nSIG\n</BODY ></html>"),
    ],
)
def test_what_is_put_below_stands_inside_the_body(html: str, expected: str) -> None:
    assert put_below(html, "SIG") == expected
