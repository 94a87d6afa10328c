"""`mailctl send`: what arrives, what is refused and by whom, and what is never done twice."""

from __future__ import annotations

import email
import email.policy
import os
import re
from email.message import EmailMessage
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.doubles.scripted import ScriptedServer
from tests.doubles.smtp import TAKE_MESSAGE, SmtpServer, ehlo_reply
from tests.doubles.steps import Close, Reset
from tests.servers.certificates import CertificateAuthority
from tests.servers.dovecot import Dovecot
from tests.servers.people import ALICE, TARO, Person
from tests.servers.pop_gate import PopGate
from tests.servers.postfix import Postfix
from tests.servers.processes import wait_for
from tests.servers.proxy import DelayProxy

if TYPE_CHECKING:
    from tests.cli.conftest import Mailctl
    from tests.cli.send.conftest import SetSysmail

DATE = "Fri, 01 May 2026 12:00:00 +0000"
JSON = ("-o", "json")
TO_BOB = ("--to", "bob@example.test", "--body", "hello")


def arrived(dovecot: Dovecot, user: str, count: int = 1) -> list[bytes]:
    wait_for(lambda: len(dovecot.messages(user)) >= count, "delivery")
    return dovecot.messages(user)


def read(message: bytes) -> EmailMessage:
    parsed = email.message_from_bytes(message, policy=email.policy.default)
    assert isinstance(parsed, EmailMessage)
    return parsed


def as_composed(message: bytes) -> bytes:
    """Return a message without what the way has added, and without its boundaries, which are random."""
    message = re.sub(rb"\r?\n", b"\r\n", message)
    return re.sub(rb"=_[0-9a-f]{32}", b"=_boundary", message[message.index(b"Date: Fri, 01 May 2026") :])


def test_a_message_arrives_as_it_was_shown_by_a_dry_run(
    mailctl: Mailctl, on_postfix: SetSysmail, dovecot: Dovecot, person: Person, tmp_path: Path
) -> None:
    on_postfix(sender_name="System, Büro", reply_to="help@example.test")
    blob = tmp_path / "Grüße.bin"
    blob.write_bytes(os.urandom(5000))
    message = (
        "--to", f"Ann <{person.address}>", "--bcc", ALICE.address, "--subject", "Grüße aus 東京", "--body", ".dot\nend",
        "--html", "<p>hällo", "--attach", str(blob), "--header", "X-Ticket: 4711",
        "--header", "Message-ID: <mine@example.test>", "--header", f"Date: {DATE}",
    )  # fmt: skip
    rehearsed = mailctl.must("send", *message, "--dry-run", "-o", "json").json
    assert rehearsed["route"]["from"] == "System, Büro <alice@example.test>"
    assert rehearsed["recipients"] == [person.address, ALICE.address]
    assert dovecot.messages(person.address) == []

    result = mailctl.must("send", *message, "-o", "json").json
    assert (result["schema_version"], result["message_id"]) == (1, "<mine@example.test>")
    assert (result["accepted"], result["refused"]) == ([person.address, ALICE.address], {})
    assert result["reply"].startswith("250 2.0.0 Ok: ")
    assert result["queue_id"] == result["reply"].split()[-1]
    [received] = arrived(dovecot, person.address)
    assert as_composed(received) == as_composed(rehearsed["message"].encode())
    parsed = read(received)
    assert parsed["Bcc"] is None
    assert parsed["From"] == '"System, Büro" <alice@example.test>'
    assert (parsed["Subject"], parsed["X-Ticket"]) == ("Grüße aus 東京", "4711")
    assert parsed["Reply-To"] == "help@example.test"
    assert parsed.get_body(("plain",)).get_content().replace("\r\n", "\n") == ".dot\nend\n"
    [attachment] = parsed.iter_attachments()
    assert (attachment.get_filename(), attachment.get_content()) == ("Grüße.bin", blob.read_bytes())


def test_the_octets_sent_are_those_shown(mailctl: Mailctl, set_sysmail: SetSysmail) -> None:
    message = (*TO_BOB, "--header", "Message-ID: <mine@example.test>", "--header", f"Date: {DATE}")
    with ScriptedServer(SmtpServer(security="none").script) as server:
        set_sysmail(server.port, host="127.0.0.1")
        shown = mailctl.must("send", *message, "--dry-run", "-o", "json").json["message"]
        assert server.connections == []
        mailctl.must("send", *message)
    assert server.messages == [shown.encode()]
    assert shown.splitlines() == [
        f"Date: {DATE}",
        "From: alice@example.test",
        "To: bob@example.test",
        "Message-ID: <mine@example.test>",
        "MIME-Version: 1.0",
        'Content-Type: text/plain; charset="utf-8"',
        "Content-Transfer-Encoding: 7bit",
        "",
        "hello",
    ]


def test_the_result_for_people_names_everybody(mailctl: Mailctl, on_postfix: SetSysmail, person: Person) -> None:
    on_postfix()
    result = mailctl("send", "--to", person.address, "--to", "nobody@example.test", "--body", "x")
    assert result.code == 13
    lines = result.out.splitlines()
    assert lines[0].startswith("sent      <")
    assert lines[1] == f"accepted  {person.address}"
    assert lines[2].startswith("refused   nobody@example.test: 550 5.1.1 ")
    assert lines[3].startswith("reply     250 2.0.0 Ok: ")
    assert result.err.splitlines() == [
        "error: the server refused 1 of 2 recipients: nobody@example.test",
        "hint: check the recipient's address",
        "next: mailctl test send sysmail --to ADDRESS",
    ]


@pytest.mark.parametrize(
    ("deviation", "said"),
    [
        ({"rcpt": b"450 4.2.0 later\r\n"}, "mailctl test send sysmail --to bob@example.test"),
        ({"mail": b"550 5.1.0 not from you\r\n"}, "mailctl test send sysmail --to bob@example.test --depth envelope"),
        ({"mail": b"530 Must issue a STARTTLS command first\r\n"}, "mailctl sysmail set --smtp-security starttls"),
        ({"data": (TAKE_MESSAGE, b"554 no\r\n")}, "mailctl test send sysmail --to bob@example.test --transcript"),
    ],
)
def test_the_command_to_run_next_is_a_whole_one(
    mailctl: Mailctl, set_sysmail: SetSysmail, deviation: dict[str, Any], said: str
) -> None:
    with ScriptedServer(SmtpServer(security="none", **deviation).script) as server:
        set_sysmail(server.port, host="127.0.0.1")
        for_people, as_json = mailctl("send", *TO_BOB), mailctl("send", *TO_BOB, "-o", "json")
    assert said in for_people.err
    assert as_json.error["next"].startswith(said.partition(" --depth")[0].partition(" --to")[0])


def test_a_dry_run_shows_the_way_and_the_message(mailctl: Mailctl, set_sysmail: SetSysmail) -> None:
    set_sysmail(1, auth="plain", security="tls", envelope_from="bounces@example.test")
    result = mailctl.must("send", *TO_BOB, "--subject", "Hi", "--dry-run")
    head, _, message = result.out.partition("\n\n")
    for said in ("alice@example.test", "bounces@example.test", "sysmail, through a dedicated server",
                 "localhost:1, security tls", "alice@example.test (plain)", "bob@example.test"):  # fmt: skip
        assert said in head
    assert "\nSubject: Hi\n" in message
    assert message.endswith("\n\nhello\n")


@pytest.mark.parametrize(
    ("recipients", "code", "refused"),
    [
        (["nobody@example.test", "bob@example.test"], 13, {"nobody@example.test": 550}),
        (["later@example.test", "bob@example.test"], 14, {"later@example.test": 450}),
        (["later@example.test", "bob@example.test", "full@example.test"], 13, {"later@example.test": 450,
                                                                              "full@example.test": 552}),
        (["nobody@example.test", "policy@example.test"], 13, {"nobody@example.test": 550, "policy@example.test": 554}),
        (["later@example.test"], 14, {"later@example.test": 450}),
        (["later@example.test", "nobody@example.test"], 13, {"later@example.test": 450, "nobody@example.test": 550}),
    ],
)  # fmt: skip
def test_who_is_refused_is_named_and_the_others_are_served(
    mailctl: Mailctl, on_postfix: SetSysmail, recipients: list[str], code: int, refused: dict[str, int]
) -> None:
    on_postfix()
    result = mailctl("send", "--to", ", ".join(recipients), "--body", "x", "-o", "json")
    assert result.code == code
    assert result.json["accepted"] == [address for address in recipients if address not in refused]
    assert {address: said["code"] for address, said in result.json["refused"].items()} == refused
    assert all(said["reply"].startswith(str(said["code"])) for said in result.json["refused"].values())
    assert (result.json["reply"] is None) == (len(refused) == len(recipients))
    assert (result.error["exit_code"], result.error["stage"]) == (code, "message")


@pytest.mark.parametrize("is_set", [True, False], ids=["inactive", "never set"])
def test_where_sending_is_off_nothing_is_contacted(mailctl: Mailctl, set_sysmail: SetSysmail, is_set: bool) -> None:
    with ScriptedServer(SmtpServer(security="none").script) as server:
        if is_set:
            set_sysmail(server.port, host="127.0.0.1", active=False)
        for extra in ((), ("--dry-run",)):
            result = mailctl("send", *TO_BOB, *extra)
            assert result.code == 7
            assert "sending is off" in result.err
        assert server.connections == []


def test_a_missing_password_is_exit_6_and_nothing_is_contacted(
    mailctl: Mailctl, set_sysmail: SetSysmail, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ScriptedServer(SmtpServer(security="none").script) as server:
        set_sysmail(server.port, host="127.0.0.1", auth="plain")
        monkeypatch.delenv("SYSMAIL_PASSWORD")
        assert mailctl("send", *TO_BOB).code == 6
        assert server.connections == []


def test_a_wrong_password_is_said_with_the_servers_words(
    mailctl: Mailctl, on_postfix: SetSysmail, monkeypatch: pytest.MonkeyPatch
) -> None:
    on_postfix()
    monkeypatch.setenv("SYSMAIL_PASSWORD", "wrong-canary-4711")
    result = mailctl("send", *TO_BOB, "-o", "json")
    assert result.code == 12
    assert result.error["reply"].startswith("535 5.7.8")
    assert (result.error["stage"], result.error["protocol"], result.error["reason"]) == (
        "auth",
        "smtp",
        "login-refused",
    )
    assert result.error["hint"]
    assert "canary" not in result.out + result.err


def test_a_connection_lost_after_the_final_dot_leaves_the_fate_unknown(
    mailctl: Mailctl, set_sysmail: SetSysmail
) -> None:
    for end in (Close(), Reset()):
        with ScriptedServer(SmtpServer(security="none", data=(TAKE_MESSAGE, end)).script) as server:
            set_sysmail(server.port, host="127.0.0.1")
            result = mailctl("send", *TO_BOB, "--header", "Message-ID: <mine@example.test>", "-o", "json")
        assert result.code == 17
        assert result.error["message_id"] == "<mine@example.test>"
        assert "<mine@example.test>" in result.error["hint"]
        assert len(server.connections) == 1
        assert server.received.count(b"DATA\r\n") == 1
        assert len(server.messages) == 1


def test_a_message_that_is_too_large_is_refused_before_it_is_sent(
    mailctl: Mailctl, set_sysmail: SetSysmail, tmp_path: Path
) -> None:
    big = tmp_path / "big"
    big.write_bytes(bytes(3000))
    server = SmtpServer(security="none", ehlo=ehlo_reply(b"SIZE 2000"), mail=b"555 must not be asked\r\n")
    with ScriptedServer(server.script) as double:
        set_sysmail(double.port, host="127.0.0.1")
        result = mailctl("send", *TO_BOB, "--attach", big, "-o", "json")
    assert result.code == 13
    assert (result.error["reason"], result.error["size_max"]) == ("message-too-large", 2000)
    assert b"MAIL" not in double.received


def test_international_addresses_are_written_to_where_setting_and_server_agree(
    mailctl: Mailctl, set_sysmail: SetSysmail, dovecot: Dovecot, postfix: Postfix
) -> None:
    set_sysmail(postfix.smtp_port, smtputf8=True)
    before = len(dovecot.messages(TARO.address))
    result = mailctl.must(
        "send", "--to", f"太郎 <{TARO.address}>", "--subject", "こんにちは", "--body", "x", "-o", "json"
    )
    assert result.json["accepted"] == [TARO.address]
    received = arrived(dovecot, TARO.address, before + 1)[-1]
    assert f"<{TARO.address}>".encode() in received
    assert b"Subject: =?utf-8?b?" in received


def test_an_international_address_is_refused_where_the_setting_is_off(
    mailctl: Mailctl, set_sysmail: SetSysmail
) -> None:
    offering = SmtpServer(security="none", ehlo=ehlo_reply(b"8BITMIME", b"SMTPUTF8"))
    with ScriptedServer(offering.script) as server:
        set_sysmail(server.port, host="127.0.0.1")
        for place in ("--to", "--bcc"):
            result = mailctl("send", *TO_BOB, place, TARO.address)
            assert result.code == 18
            assert TARO.address in result.err
            assert "mailctl sysmail set --smtputf8" in result.err
        assert server.connections == []


def test_of_many_refused_recipients_the_message_names_some_and_the_result_all(
    mailctl: Mailctl, set_sysmail: SetSysmail
) -> None:
    many = [f"r{number}@example.org" for number in range(12)]
    with ScriptedServer(SmtpServer(security="none", rcpt=b"550 5.1.1 nobody\r\n").script) as server:
        set_sysmail(server.port, host="127.0.0.1")
        result = mailctl("send", "--to", ", ".join(many), "--body", "x", *JSON)
    assert result.code == 13
    assert list(result.json["refused"]) == many
    assert "r0@example.org, r1@example.org, r2@example.org and 9 others" in result.error["message"]
    assert "r3@example.org" not in result.error["message"]


def test_an_international_address_is_refused_before_data_where_the_server_lacks_it(
    mailctl: Mailctl, set_sysmail: SetSysmail, dovecot: Dovecot
) -> None:
    with Postfix(dovecot=dovecot, smtputf8=False) as plain:
        set_sysmail(plain.smtp_port, smtputf8=True)
        result = mailctl("send", "--to", TARO.address, "--body", "x", "-o", "json")
        assert result.code == 18
        assert TARO.address in result.error["message"]
        assert result.error["reason"] == "smtputf8-not-offered"
        assert "MAIL FROM" not in plain.log()
        # A name, a subject and a domain beyond ASCII need no such server.
        result = mailctl.must("send", "--to", "太郎 <taro@株式.会社>", "--subject", "こんにちは", "--body", "x", *JSON)
        assert result.json["accepted"] == ["taro@株式.会社"]


def test_smtputf8_is_asked_for_only_where_an_address_needs_it(mailctl: Mailctl, set_sysmail: SetSysmail) -> None:
    offering = SmtpServer(security="none", ehlo=ehlo_reply(b"8BITMIME", b"SMTPUTF8"))
    with ScriptedServer(offering.script) as server:
        set_sysmail(server.port, host="127.0.0.1", smtputf8=True)
        mailctl.must("send", "--to", "太郎 <taro@株式.会社>", "--subject", "こんにちは", "--body", "grün")
    assert b"SMTPUTF8" not in server.received
    assert b"8BITMIME" not in server.received
    assert server.received.isascii()


@pytest.mark.parametrize(
    ("size", "bytes_per_second"),
    [(25_000_000, 3_400_000), (1_000_000, 120_000)],
    ids=["large", "swallowed whole by buffers on the way"],
)
def test_a_slow_line_is_no_stall(
    mailctl: Mailctl, set_sysmail: SetSysmail, postfix: Postfix, tmp_path: Path, size: int, bytes_per_second: int
) -> None:
    big = tmp_path / "big.bin"
    big.write_bytes(os.urandom(size))
    with DelayProxy(postfix.smtp_port, bytes_per_second=bytes_per_second) as slow:
        set_sysmail(slow.port)
        mailctl.must("send", "--to", ALICE.address, "--attach", big)
        assert slow.traffic.bytes_to_server / bytes_per_second > 10, "that is no longer than the time-out"


def test_pop_before_smtp_opens_the_way(mailctl: Mailctl, set_sysmail: SetSysmail, ca: CertificateAuthority) -> None:
    with (
        PopGate() as gate,
        Dovecot(ca=ca, extra=gate.dovecot_settings) as dovecot,
        Postfix(dovecot=dovecot, extra=gate.postfix_settings) as postfix,
    ):
        dovecot.add_user(ALICE.address, ALICE.password)
        set_sysmail(postfix.smtp_port)
        relayed = ("send", "--to", "someone@elsewhere.example", "--body", "x")
        assert mailctl(*relayed).code == 13
        with mailctl.config.open("a", encoding="utf-8") as settings:
            settings.write(
                f'\n[sysmail.pop_before_smtp]\nhost = "localhost"\nport = {dovecot.pop3_port}\nsecurity = "none"\n'
                f'username = "{ALICE.address}"\npassword = "env:SYSMAIL_PASSWORD"\n'
            )
        assert mailctl.must(*relayed, "-o", "json").json["accepted"] == ["someone@elsewhere.example"]


def test_texts_come_from_files_and_standard_input(mailctl: Mailctl, set_sysmail: SetSysmail, tmp_path: Path) -> None:
    text, page = tmp_path / "text", tmp_path / "page"
    text.write_bytes(b"\xef\xbb\xbfgr\xc3\xbcn\r\n")
    page.write_bytes(b"<p>hi")
    set_sysmail(1)
    rehearse = ("send", "--to", "bob@example.test", "--dry-run", "-o", "json")
    parsed = read(mailctl.must(*rehearse, "--body-file", text, "--html-file", page).json["message"].encode())
    assert parsed.get_body(("plain",)).get_content() == "grün\r\n"
    assert parsed.get_body(("html",)).get_content() == "<p>hi\r\n"
    parsed = read(mailctl.must(*rehearse, "--body-file", "-", stdin=b"from stdin").json["message"].encode())
    assert parsed.get_content() == "from stdin\r\n"


@pytest.mark.parametrize("option", ["--body-file", "--html-file"])
def test_a_text_with_nothing_in_it_is_warned_of(
    mailctl: Mailctl, set_sysmail: SetSysmail, tmp_path: Path, option: str
) -> None:
    blank = tmp_path / "blank"
    blank.write_bytes(b" \r\n")
    set_sysmail(1)
    rehearse = ("send", "--to", "bob@example.test", "--dry-run")
    assert f"warning: {option}: there is no text in {blank}" in mailctl.must(*rehearse, option, blank).err
    assert "warning" not in mailctl.must(*rehearse, "--body", "").err


def test_standard_input_with_nothing_in_it_is_warned_of(mailctl: Mailctl, set_sysmail: SetSysmail) -> None:
    set_sysmail(1)
    rehearsed = mailctl.must("send", "--to", "bob@example.test", "--dry-run", "--body-file", "-", stdin=b"")
    assert "warning: --body-file: there is no text in standard input" in rehearsed.err


def test_standard_input_is_not_read_unasked(mailctl: Mailctl, set_sysmail: SetSysmail) -> None:
    set_sysmail(1)
    result = mailctl("send", "--to", "bob@example.test", stdin=b"text")
    assert result.code == 2
    assert "missing: --body" in result.err
    assert "--body-file -" in result.err


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ([], "missing: --to, --body"),
        (["--body", "x"], "missing: --to"),
        (["--to", "", "--body", "x"], "--to: is empty"),
        (["--to", "nobody", "--body", "x"], "--to: 'nobody' is not an address"),
        (["--to", "a@x.org", "--cc", "b@", "--body", "x"], "--cc: 'b@' is not an address"),
        (["--to", "a@x.org\r\nRCPT TO:<b@x.org>", "--body", "x"], "--to: contains a carriage return"),
        (["--to", "a@x.org", "--body", "x", "--subject", "a\r\nBcc: b@x.org"], "--subject: contains a carriage return"),
        (["--to", "a@x.org", "--body", "x", "--subject", "=?utf-8?q?a=0Ab?="], "--subject: contains an encoded word"),
        (["--to", "a@x.org", "--body", "x", "--header", "Bcc: b@x.org"], "--header: Bcc has an option of its own"),
        (["--to", "a@x.org", "--body", "x", "--header", "Date: Fri, 01 May 2026 12:00:00 +0000",
          "--header", "date: Fri, 01 May 2026 12:00:00 +0000"], "--header: date is there twice"),
        (["--to", "a@x.org", "--body", "x", "--body-file", "y"], "--body: excludes --body-file: the text"),
        (["--to", "a@x.org", "--body-file", "/no/such/file"], "--body-file: /no/such/file cannot be read"),
        (["--to", "a@x.org", "--body", "x", "--attach", "/no/such/file"], "--attach: there is no file /no/such/file"),
        (["--to", "a@x.org", "--body", "x", "--attach", "/"], "--attach: / is a folder"),
        (["--batch", "x.jsonl", "--to", "a@x.org"], "--batch excludes --to"),
    ],
)  # fmt: skip
def test_what_is_missing_or_wrong_is_named_before_connecting(
    mailctl: Mailctl, set_sysmail: SetSysmail, options: list[str], said: str
) -> None:
    set_sysmail(1)
    result = mailctl("send", *options)
    assert result.code == 2
    assert said in result.err
    assert result.out == ""


def test_all_problems_are_named_at_once(mailctl: Mailctl) -> None:
    result = mailctl("send", "--to", "nobody", "--attach", "/", "--header", "x", "--body", "y", "-o", "json")
    assert [problem["where"] for problem in result.error["problems"]] == ["--to", "--attach", "--header"]


def test_a_text_that_is_not_in_utf8_is_refused_with_what_to_do(mailctl: Mailctl, tmp_path: Path) -> None:
    text = tmp_path / "latin1"
    text.write_bytes(b"gr\xfcn")
    result = mailctl("send", "--to", "a@x.org", "--body-file", text)
    assert result.code == 2
    assert "is not in UTF-8 (byte 3)" in result.err
    assert "iconv" in result.err


def test_a_certificate_that_is_not_verified_is_said_every_time(
    mailctl: Mailctl, set_sysmail: SetSysmail, postfix: Postfix
) -> None:
    set_sysmail(postfix.smtps_port, security="tls", auth="plain")
    with mailctl.config.open("a", encoding="utf-8") as settings:
        settings.write("[sysmail.tls]\nverify = false\n")
    result = mailctl.must("send", "--to", ALICE.address, "--body", "x", *JSON)
    assert "certificate verification is off for localhost" in result.err
    assert result.json["warnings"] == ["certificate verification is off for localhost"]


def test_a_dry_run_writes_no_control_characters_to_the_screen(
    mailctl: Mailctl, set_sysmail: SetSysmail, tmp_path: Path
) -> None:
    forwarded = tmp_path / "old.eml"
    forwarded.write_bytes(b"Subject: x\nContent-Type: text/plain; charset=iso-2022-jp\n\n\x1b$B8+\x1b(B\n")
    set_sysmail(1)
    shown = mailctl.must("send", "--to", "a@example.test", "--attach", forwarded, "--dry-run").out
    assert "Content-Type: message/rfc822" in shown
    assert "\\x1b$B8+\\x1b(B" in shown
    assert "\x1b" not in shown
