"""Secrets planted in every form in which they could be shown, and looked for afterwards."""

from __future__ import annotations

import hashlib
import json
import quopri
import urllib.parse
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Callable

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from mailctl.model.secret import Secret
from mailctl.protocol.redact import MARK, Redactor

PASSWORD = 'hunter2 ±"\\/+=🔑'


def backslashed(text: str, characters: str) -> str:
    return "".join(f"\\{c}" if c in characters else c for c in text)


# Each form, and whether it may stand right beside text of its own alphabet.
FORMS: dict[str, Callable[[str], bytes]] = {
    "raw": str.encode,
    "base64": lambda s: b64encode(s.encode()),
    "base64 without padding": lambda s: b64encode(s.encode()).rstrip(b"="),
    "base64 for URLs": lambda s: urlsafe_b64encode(s.encode()),
    "base64 after one byte": lambda s: b64encode(b"\0" + s.encode()),
    "base64 after two bytes": lambda s: b64encode(b"ab" + s.encode()),
    "base64 inside PLAIN": lambda s: b64encode(b"\0alice@example.com\0" + s.encode()),
    "base64 inside XOAUTH2": lambda s: b64encode(b"user=al\x01auth=Bearer " + s.encode() + b"\x01\x01"),
    "hex": lambda s: s.encode().hex().encode(),
    "hex in capitals": lambda s: s.encode().hex().upper().encode(),
    "hex with colons": lambda s: s.encode().hex(":").encode(),
    "hex with blanks": lambda s: s.encode().hex(" ").encode(),
    "URL quoting": lambda s: urllib.parse.quote(s, safe="").encode(),
    "URL quoting in small letters": lambda s: "".join(f"%{byte:02x}" for byte in s.encode()).encode(),
    "form quoting": lambda s: urllib.parse.quote_plus(s).encode(),
    "IMAP quoted": lambda s: f'"{backslashed(s, chr(92) + chr(34))}"'.encode(),
    "IMAP literal": lambda s: b"{%d}\r\n" % len(s.encode()) + s.encode(),
    "JSON": lambda s: json.dumps(s).encode(),
    "JSON in UTF-8": lambda s: json.dumps(s, ensure_ascii=False).encode(),
    "JSON with escaped slashes": lambda s: json.dumps(s).replace("/", "\\/").encode(),
    "repr": lambda s: repr(s).encode(),
    "repr in ASCII": lambda s: ascii(s).encode(),
    "repr of bytes": lambda s: repr(s.encode()).encode(),
    "JSON of repr of bytes": lambda s: json.dumps(repr(s.encode())).encode(),
    "hex escapes": lambda s: "".join(f"\\x{byte:02x}" for byte in s.encode()).encode(),
    "octal escapes": lambda s: "".join(f"\\{byte:03o}" for byte in s.encode()).encode(),
    "quoted-printable": lambda s: quopri.encodestring(s.encode(), quotetabs=True),
    "UTF-7": lambda s: s.encode("utf-7"),
}

# A secret made of the mark's own characters could seem to be found in the mark.
secrets = st.text(
    st.characters(codec="utf-8", exclude_characters="\r\n\0" + MARK.decode()), min_size=4, max_size=30
).filter(lambda s: len(s.encode()) >= 4)
surroundings = st.binary(max_size=60)


def everything_known_of(secret: str) -> list[bytes]:
    """Every way to write the secret whose digits are all its own, to search for."""
    data = secret.encode()
    found = [data, data.hex().encode(), data.hex().upper().encode(), urllib.parse.quote(secret, safe="").encode()]
    for offset in range(3):
        start, end = -(-8 * offset // 6), 8 * (offset + len(data)) // 6
        found.append(b64encode(b"x" * offset + data)[start:end])
    return found


@pytest.mark.parametrize("form", FORMS)
def test_a_secret_in_any_form_is_taken_out_of_a_reply(form: str) -> None:
    planted = b"535 5.7.8 Error: authentication of " + FORMS[form](PASSWORD) + b" failed"
    redacted = Redactor([PASSWORD]).redact(planted)
    assert MARK in redacted
    assert redacted.startswith(b"535 5.7.8 Error: authentication of ")
    assert redacted.endswith(b" failed")
    for known in (b"hunter2", "±".encode(), "🔑".encode(), b64encode(b"hunter2")[:-2], b"hunter2".hex().encode()):
        assert known not in redacted


@pytest.mark.parametrize("form", FORMS)
@given(secret=secrets, before=surroundings, after=surroundings)
def test_a_secret_planted_anywhere_is_never_found_again(form: str, secret: str, before: bytes, after: bytes) -> None:
    assume(not any(known in part for known in everything_known_of(secret) for part in (before, after)))
    # A preceding half of an escape would change what is planted.
    before, after = before + b" ", b" " + after
    redacted = Redactor([secret]).redact(before + FORMS[form](secret) + after)
    assert MARK in redacted
    for known in everything_known_of(secret):
        assert known not in redacted


@given(secret=secrets, text=st.binary(max_size=200))
def test_text_without_the_secret_comes_back_unchanged(secret: str, text: bytes) -> None:
    assume(not set(secret.encode()) & set(text))
    assume(not set(text) & set(b"%\\=+\r\n"))  # quoted, any byte may mean any character
    assume(not any(known in text for known in everything_known_of(secret)))
    assert Redactor([secret]).redact(text) == text


@pytest.mark.parametrize("form", FORMS)
def test_the_beginning_of_a_secret_is_taken_out_where_the_text_is_cut_off(form: str) -> None:
    redactor, planted = Redactor([PASSWORD]), FORMS[form](PASSWORD)
    ahead = b"535-5.7.8 no\r\n535 you said "
    shown = 0
    for at in range(1, len(planted)):
        redacted = redactor.redact(ahead + planted[:at], is_cut_off=True)
        assert redacted.startswith(ahead)
        if planted[:at] in redacted:
            shown = at
    # What stands ahead of it in its form, two of its characters, and half of the next one's escape
    assert shown <= len(FORMS[form](PASSWORD[:2])) + len(r"\x6")


@pytest.mark.parametrize("end", [b"\r", b"\r\n", b"\r\n53", b"\r\n535-", b"\r\n535-5.7.8 ", b"\r\n* NO [AUTH"])
def test_the_line_end_after_which_the_rest_is_missing_hides_nothing(end: bytes) -> None:
    redacted = Redactor([PASSWORD]).redact(b"535-you said hunter2" + end, is_cut_off=True)
    assert redacted == b"535-you said " + MARK + end


def test_what_is_cut_off_elsewhere_comes_back_unchanged() -> None:
    for said in (b"", b"220 mail.example ES", b"535 hun", b"535 hunter2 and mo", b"535 hu"):
        expected = said.replace(b"535 hun", b"535 " + MARK) if said == b"535 hun" else said
        assert Redactor([PASSWORD]).redact(said, is_cut_off=True) == expected


def test_ordinary_replies_come_back_unchanged() -> None:
    redactor = Redactor([PASSWORD, Secret("correct horse battery staple"), b"\x01\x02\x03\x04\x05"])
    for reply in (
        b"250-mail.example.com\r\n250-SIZE 10240000\r\n250-AUTH PLAIN LOGIN\r\n250 SMTPUTF8",
        b"* CAPABILITY IMAP4rev1 AUTH=PLAIN LITERAL+\r\nA1 OK done \\Seen \\x41 100%25",
        b"+OK 2 320\r\n",
        b"",
    ):
        assert redactor.redact(reply) == reply


class TestAcrossLines:
    @pytest.mark.parametrize(
        ("reply", "redacted"),
        [
            (b"535-hun\r\n535 ter2 x", b"535-[redacted]\r\n535 [redacted] x"),
            (b"535-5.7.8 hun\r\n535 5.7.8 ter2 x", b"535-5.7.8 [redacted]\r\n535 5.7.8 [redacted] x"),
            (b"535-h\r\n535-unte\r\n535 r2", b"535-[redacted]\r\n535-[redacted]\r\n535 [redacted]"),
            (b"X: hun\r\n ter2", b"X: [redacted]\r\n [redacted]"),
            (b"* NO hun\r\n* NO ter2", b"* NO [redacted]\r\n* NO [redacted]"),
            (b"* hun\r\nA1 BAD ter2", b"* [redacted]\r\nA1 BAD [redacted]"),
            (b"hun\nter2", b"[redacted]\n[redacted]"),
            (rb"b'535-hun\r\n535 ter2'", rb"b'535-[redacted]\r\n535 [redacted]'"),
            (b"535-hun%\r\n535 74er2", b"535-[redacted]"),  # split inside an escape
        ],
    )
    def test_a_secret_split_over_lines_is_taken_out_and_the_lines_stay(self, reply: bytes, redacted: bytes) -> None:
        assert Redactor(["hunter2"]).redact(reply) == redacted

    @given(secrets, st.integers(1, 200), st.sampled_from([b"\r\n535 ", b"\r\n", b"\n ", b"\r\n535-5.7.8 ", b"\r\n* "]))
    def test_wherever_base64_is_split(self, secret: str, at: int, break_: bytes) -> None:
        encoded = b64encode(b"\0alice\0" + secret.encode())
        at %= len(encoded)
        redacted = Redactor([secret]).redact(b"535-no " + encoded[:at] + break_ + encoded[at:] + b" here")
        assert MARK in redacted
        joined = redacted.replace(break_, b"")
        assert not any(known in joined for known in everything_known_of(secret))

    def test_a_secret_that_looks_like_a_reply_code_is_still_found(self) -> None:
        assert Redactor(["pass535 word"]).redact(b"535-pass\r\n535 word") == b"535-[redacted]\r\n[redacted]"


class TestShortSecrets:
    """One to three bytes: only as a word, so that the text stays readable."""

    def test_only_whole_words_are_taken_out(self) -> None:
        assert Redactor(["ab"]).redact(b"PASS ab\r\nabsolutely cab ab1") == b"PASS [redacted]\r\nabsolutely cab ab1"

    @pytest.mark.parametrize("text", [b"YWJj", b'"abc"', b"LOGIN alice abc", b"%61bc", b"\\x61bc", b"p=abc,"])
    def test_also_in_quotes_escapes_and_base64(self, text: bytes) -> None:
        redacted = Redactor(["abc"]).redact(text)
        assert MARK in redacted
        assert b"bc" not in redacted.replace(MARK, b"")

    def test_an_empty_secret_is_none(self) -> None:
        assert Redactor([""]).redact(b"anything") == b"anything"


class TestWhatIsComputedFromSecrets:
    @pytest.mark.parametrize("algorithm", ["md5", "sha1", "sha256"])
    def test_a_digest_that_was_made_known_is_found_in_hex_and_base64(self, algorithm: str) -> None:
        digest = hashlib.new(algorithm, b"hunter2").digest()
        redactor = Redactor()
        redactor.add(digest)
        for shown in (digest.hex().encode(), digest.hex().upper().encode(), b64encode(digest), repr(digest).encode()):
            assert redactor.redact(b"C: AUTH " + shown + b" ok").removesuffix(b"==").startswith(b"C: AUTH ")
            assert shown not in redactor.redact(b"C: AUTH " + shown + b" ok")
            assert MARK in redactor.redact(b"C: AUTH " + shown + b" ok")

    def test_a_whole_response_with_a_short_password_is_taken_out(self) -> None:
        response = b"\0alice\0a"
        redactor = Redactor(["a", response])
        assert redactor.redact(b"AUTH PLAIN " + b64encode(response)) == b"AUTH PLAIN [redacted]"


def test_several_secrets_that_overlap_leave_nothing_of_either() -> None:
    redactor = Redactor(["abcdef", "defghi"])
    assert redactor.redact(b"x abcdefghi y") == b"x [redacted] y"


def test_secrets_come_as_text_bytes_or_secret() -> None:
    redactor = Redactor(["first-one", b"second-one"])
    redactor.add(Secret("third-one"))
    assert redactor.redact(b"first-one second-one third-one") == b"[redacted] [redacted] [redacted]"


def test_redacting_twice_changes_nothing_more() -> None:
    redactor = Redactor([PASSWORD])
    once = redactor.redact(b"535-" + PASSWORD.encode() + b"\r\n535 " + b64encode(PASSWORD.encode()))
    assert redactor.redact(once) == once


def test_a_token_of_ten_thousand_characters_is_taken_out_of_a_long_text() -> None:
    token = "".join(hashlib.sha256(b"%d" % at).hexdigest() for at in range(160))[:10_000]
    text = b"A1 AUTHENTICATE XOAUTH2 " + b64encode(b"user=a\x01auth=Bearer " + token.encode() + b"\x01\x01")
    redacted = Redactor([token]).redact(b"x" * 50_000 + text + b"\r\n" + b"\\x%41" * 1000)
    assert MARK in redacted
    assert b64encode(token.encode())[300:340] not in redacted
    assert len(redacted) < 60_000
