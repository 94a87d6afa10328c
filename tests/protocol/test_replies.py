"""What servers answer, read strictly and shown harmlessly."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailctl.errors import ProtocolError
from mailctl.protocol.replies import (
    SmtpReply,
    parse_imap_status,
    parse_pop_reply,
    parse_smtp_line,
    parse_smtp_reply,
    printable,
)


class TestSmtp:
    def test_a_reply_of_one_line(self) -> None:
        reply = parse_smtp_reply([b"535 5.7.8 Authentication failed"])
        assert reply == SmtpReply(535, (b"5.7.8 Authentication failed",))
        assert (reply.succeeded, reply.is_temporary) == (False, False)

    def test_a_reply_of_several_lines_keeps_them_and_comes_back_verbatim(self) -> None:
        lines = [b"250-mx.example", b"250-SIZE 1000", b"250 OK"]
        reply = parse_smtp_reply(lines)
        assert reply.lines == (b"mx.example", b"SIZE 1000", b"OK")
        assert reply.raw == b"\r\n".join(lines)
        assert reply.succeeded

    def test_a_bare_code_is_a_last_line(self) -> None:
        assert parse_smtp_reply([b"250"]).lines == (b"",)

    @pytest.mark.parametrize(
        "line",
        [
            b"2_0 ok",
            b"+20 ok",
            b"-22 ok",
            b" 25 ok",
            b"25 ok",
            b"2500 ok",
            b"250ok",
            b"250_ok",
            b"150 ok",
            b"650 ok",
            b"000 ok",
            b"",
            b"* OK",
            "２５０ ok".encode(),
        ],
    )
    def test_what_is_no_reply_is_refused_and_kept_as_evidence(self, line: bytes) -> None:
        with pytest.raises(ProtocolError) as caught:
            parse_smtp_line(line)
        assert (caught.value.reason, caught.value.reply) == ("malformed-reply", line)

    @pytest.mark.parametrize(
        "lines",
        [[], [b"250-a"], [b"250 a", b"250 b"], [b"250-a", b"251 b"], [b"250-a", b"550 b"]],
        ids=["nothing", "unterminated", "two replies", "other code", "other class"],
    )
    def test_lines_that_are_no_one_reply_are_refused(self, lines: list[bytes]) -> None:
        with pytest.raises(ProtocolError):
            parse_smtp_reply(lines)

    @given(st.binary(max_size=40))
    def test_a_line_is_a_reply_or_a_protocol_error(self, line: bytes) -> None:
        try:
            parsed = parse_smtp_line(line)
        except ProtocolError:
            return
        assert line[:3] == b"%d" % parsed.code
        assert line[4:] == parsed.text


class TestPop:
    @pytest.mark.parametrize(
        ("line", "ok", "code", "temporary"),
        [
            (b"+OK", True, None, False),
            (b"+OK 2 320", True, None, False),
            (b"-ERR [AUTH] Authentication failed.", False, "AUTH", False),
            (b"-err [sys/temp] later", False, "SYS/TEMP", True),
            (b"-ERR [IN-USE] locked", False, "IN-USE", True),
            (b"-ERR maildrop already locked", False, None, True),
            (b"-ERR Too many connections", False, None, True),
            (b"-ERR [AUTH] Too many wrong passwords", False, "AUTH", False),
            (b"+OK no more mail, try again later", True, None, False),
            (b"-ERR [not a code] x", False, None, False),
        ],
    )
    def test_status_and_response_code(self, line: bytes, ok: bool, code: str | None, temporary: bool) -> None:
        reply = parse_pop_reply(line)
        assert (reply.ok, reply.code, reply.is_temporary) == (ok, code, temporary)

    @pytest.mark.parametrize("line", [b"", b"OK", b"+OKAY", b"+ok?", b"-ERROR", b"220 mx ESMTP", b"+ idling"])
    def test_what_is_no_status_is_refused(self, line: bytes) -> None:
        with pytest.raises(ProtocolError):
            parse_pop_reply(line)


class TestImap:
    @pytest.mark.parametrize(
        ("line", "tag", "condition", "code", "arguments"),
        [
            (b"* OK IMAP4rev1 ready", "*", "OK", None, b""),
            (b"* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN] hi", "*", "OK", "CAPABILITY", b"IMAP4rev1 AUTH=PLAIN"),
            (b"A1 NO [AUTHENTICATIONFAILED] LOGIN failed", "A1", "NO", "AUTHENTICATIONFAILED", b""),
            (b"a1 no [alert] x", "a1", "NO", "ALERT", b""),
            (b"* BYE", "*", "BYE", None, b""),
            (b"* PREAUTH welcome", "*", "PREAUTH", None, b""),
            (b"A2 BAD [oops", "A2", "BAD", None, b""),
        ],
    )
    def test_tag_condition_and_response_code(
        self, line: bytes, tag: str, condition: str, code: str | None, arguments: bytes
    ) -> None:
        status = parse_imap_status(line)
        assert (status.tag, status.condition, status.code, status.arguments) == (tag, condition, code, arguments)
        assert status.ok == (condition == "OK")

    @pytest.mark.parametrize("code", ["UNAVAILABLE", "INUSE", "LIMIT"])
    def test_passing_trouble_is_told_apart(self, code: str) -> None:
        assert parse_imap_status(f"A1 NO [{code}] later".encode()).is_temporary
        assert not parse_imap_status(b"A1 NO [AUTHENTICATIONFAILED] no").is_temporary

    @pytest.mark.parametrize(
        ("line", "temporary"),
        [
            (b"* BYE Too many connections from your IP address", True),
            (b"A1 NO [ALERT] Too many simultaneous connections. (Failure)", True),
            (b"A1 NO Server busy, try later", True),
            (b"A1 NO [AUTHENTICATIONFAILED] Too many wrong passwords", False),
            (b"A1 NO no", False),
            (b"A1 OK temporary folders are there, too", False),
        ],
    )
    def test_passing_trouble_is_told_by_words_where_there_is_no_code(self, line: bytes, temporary: bool) -> None:
        assert parse_imap_status(line).is_temporary is temporary

    @pytest.mark.parametrize("line", [b"", b"+ go on", b"* 3 EXISTS", b"*OK", b"A1", b"A1 OKAY", b"A* OK", b"220 mx"])
    def test_what_is_no_status_response_is_refused(self, line: bytes) -> None:
        with pytest.raises(ProtocolError):
            parse_imap_status(line)


class TestPrintable:
    @pytest.mark.parametrize(
        ("data", "shown"),
        [
            (b"535 5.7.8 no", "535 5.7.8 no"),
            ("山田さん　ようこそ".encode(), "山田さん　ようこそ"),
            (b"250-a\r\n250 b", "250-a\n250 b"),
            (b"a\tb", "a\tb"),
            (b"\x1b[2Jx", "\\x1b[2Jx"),
            (b"a\0b", "a\\x00b"),
            (b"a\rb", "a\\x0db"),
            (b"\x7f", "\\x7f"),
            ("\u009b31m".encode(), "\\x9b31m"),
            (b"caf\xe9", "caf\\xe9"),
            ("a\u202eb".encode(), "a\\u{202e}b"),
            ("a\u2066b\ufeff".encode(), "a\\u{2066}b\\u{feff}"),
            ("\u2028".encode(), "\\u{2028}"),
            (b"C:\\temp", "C:\\temp"),
        ],
    )
    def test_harmless_text_is_kept_and_the_rest_escaped(self, data: bytes, shown: str) -> None:
        assert printable(data) == shown

    @given(st.binary())
    def test_nothing_that_a_terminal_obeys_is_left(self, data: bytes) -> None:
        shown = printable(data)
        shown.encode()
        assert all(c.isprintable() or c in "\n\t\u3000\xa0" for c in shown)
