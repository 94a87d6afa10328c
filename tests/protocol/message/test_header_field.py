"""Header fields are short ASCII lines, and read back what was written; nothing in a value becomes a field."""

from __future__ import annotations

import re
from email.header import decode_header, make_header
from email.message import Message
from email.parser import BytesHeaderParser
from email.utils import collapse_rfc2231_value

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mailctl.protocol.message.header_field import check_field_text, fold, write_parameters, write_phrase, write_text

FIELD_TEXT = st.text(st.characters(exclude_categories=["Cc", "Cs"]) | st.sampled_from(" \t,\"'éß山💌"), max_size=300)


def read(field: str) -> Message:
    message = BytesHeaderParser().parsebytes(field.encode("ascii") + b"\r\n")
    assert not message.defects
    assert len(message) == 1
    return message


def unfolded(value: str) -> str:
    return re.sub(r"\r?\n(?=[ \t])", "", value)


@given(FIELD_TEXT)
@example("Grüße, " * 40)
@example("x" * 1200)
@example(" " * 1200 + "x")
@example("plain words " * 30)
@example("💌" * 60)
def test_a_text_is_read_back_as_it_was(text: str) -> None:
    field = fold("Subject", write_text(text))
    assert all(len(line) <= 998 for line in field.split("\r\n"))
    encoded = [line for line in field.split("\r\n") if "=?utf-8?" in line]
    assert all(len(line) <= 76 for line in encoded)
    assert not any(line.isspace() for line in field.split("\r\n"))
    value = unfolded(read(field)["Subject"])
    if "=?" in text:
        return  # an encoded word that was given is one
    assert str(make_header(decode_header(value))) == text.strip(" \t")


def test_lines_are_broken_at_blanks() -> None:
    assert fold("Subject", "word " * 20 + "end") == ("Subject: " + "word " * 13 + "word\r\n" + " word" * 6 + " end\r\n")


def test_a_name_is_written_as_plainly_as_it_can_be() -> None:
    assert write_phrase("Ann Example") == "Ann Example"
    assert write_phrase('Doe, J. "Jo"') == r'"Doe, J. \"Jo\""'
    assert write_phrase("Müller, Anna") == "=?utf-8?q?M=C3=BCller=2C_Anna?="
    assert write_phrase("山田太郎") == "=?utf-8?b?5bGx55Sw5aSq6YOO?="


def test_an_encoded_word_that_is_given_stays() -> None:
    assert write_text("=?utf-8?q?Gr=C3=BC=C3=9Fe?=") == "=?utf-8?q?Gr=C3=BC=C3=9Fe?="


@given(st.text(st.characters(exclude_categories=["Cc", "Cs"]), min_size=1, max_size=200))
@example("report.pdf")
@example('a "quoted" \\ name.txt')
@example("Grüße.txt")
@example("x" * 200)
@example("山田太郎" * 20)
@example("''%41*0*=x")
@example('""')
@example("<x> ")
def test_a_parameter_is_read_back_as_it_was(filename: str) -> None:
    field = f"Content-Disposition: {write_parameters('attachment', filename=filename)}\r\n"
    assert all(len(line) <= 78 for line in field.split("\r\n"))
    # Not by get_filename, which takes quotes, angle brackets and blanks off what it has read.
    read_back = dict(read(field).get_params(header="Content-Disposition") or ())["filename"]
    if isinstance(read_back, tuple):
        read_back = collapse_rfc2231_value(read_back)
    assert read_back == filename


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a\r\nBcc: b@example.org", "CR"),
        ("a\nb", "LF"),
        ("a\0b", "NUL"),
        ("a\x1bb", "control character"),
        ("a\x85b", "control character"),
        ("a\udcffb", "not UTF-8"),
        ("=?utf-8?q?a=0D=0ABcc:_b?=", "encoded word"),
        ("=?UTF-8*en?Q?a=0ab?=", "encoded word"),
        ("=?utf-8?b?YQ0KQmNjOiBi?=", "encoded word"),
        ("=?utf-8?b?Y\u0020Q0KQmNjOiBi?=", "encoded word"),
        ("x=?x?B?AA==?=y", "encoded word"),
    ],
)
def test_what_would_end_a_field_is_refused(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        check_field_text(text)


@given(st.text(st.characters(codec="utf-8"), max_size=50))
@example("=?utf-8?b?A?=")
@example("=?utf-8?b?AAAAA?=")
def test_any_text_is_judged(text: str) -> None:
    try:
        check_field_text(text)
    except ValueError:
        return
    assert not set(text) & set("\r\n\0")


def test_sixteen_thousand_encoded_words_are_judged_and_folded() -> None:
    text = "=?utf-8?q?x?= " * 16_000
    check_field_text(text)
    assert len(fold("X-Many", write_text(text)).split("\r\n")) > 3_000
