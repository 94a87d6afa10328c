"""`mailctl test receive` against a real Dovecot: every protocol, security and login, and what fails."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.servers.certificates import CertificateAuthority
from tests.servers.dovecot import Dovecot
from tests.servers.people import ALICE, BOB, TARO, Person

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Mailctl, Result
    from tests.cli.testing.conftest import Add

SASL = ("plain", "login", "cram-md5", "digest-md5", "scram-sha-1", "scram-sha-256")


def receive(mailctl: Mailctl, code: str, person: Person, *options: str) -> Result:
    return mailctl(
        "test", "receive", code, "--username", person.address, "--password-stdin", "-o", "json", *options,
        stdin=person.password.encode(),
    )  # fmt: skip


def steps(result: Result) -> dict[str, dict[str, object]]:
    return {step["name"]: step for step in result.json["targets"][0]["steps"]}


@pytest.mark.parametrize("auth", ["auto", "login-command", *SASL])
@pytest.mark.parametrize("security", ["none", "starttls", "tls"])
@pytest.mark.parametrize("protocol", ["imap", "pop3"])
def test_the_mailbox_is_opened_over_every_security_and_login(
    mailctl: Mailctl, add_incoming: Add, person: Person, dovecot: Dovecot, protocol: str, security: str, auth: str
) -> None:
    dovecot.deliver(person.address, b"Subject: one\r\n\r\nbody\r\n")
    result = receive(mailctl, add_incoming(protocol, security, auth), person)
    assert result.code == 0, result
    assert steps(result)["mailbox"]["evidence"]["messages"] == 1  # type: ignore[index]


@pytest.mark.parametrize("security", ["none", "tls"])
def test_apop(mailctl: Mailctl, add_incoming: Add, security: str) -> None:
    result = receive(mailctl, add_incoming("pop3", security, "apop"), ALICE)
    assert result.code == 0, result
    assert steps(result)["auth"]["evidence"]["mechanism"] == "apop"  # type: ignore[index]


def test_apop_is_refused_where_its_timestamp_comes_before_tls(mailctl: Mailctl, add_incoming: Add) -> None:
    result = receive(mailctl, add_incoming("pop3", "starttls", "apop"), ALICE)
    assert result.code == 18
    assert steps(result)["auth"]["status"] == "fail"


@pytest.mark.parametrize("person_", [ALICE, BOB, TARO], ids=["plain", "quoted", "international"])
@pytest.mark.parametrize("auth", ["auto", "login-command", "plain", "login", "scram-sha-256"])
@pytest.mark.parametrize("protocol", ["imap", "pop3"])
def test_names_and_passwords_of_every_kind_log_in(
    mailctl: Mailctl, add_incoming: Add, person_: Person, protocol: str, auth: str
) -> None:
    assert receive(mailctl, add_incoming(protocol, "tls", auth), person_).code == 0


@pytest.mark.parametrize("auth", ["auto", "login-command", "plain", "login"])
@pytest.mark.parametrize("protocol", ["imap", "pop3"])
def test_a_server_with_hashed_passwords(
    mailctl: Mailctl, add_incoming: Add, hashed_dovecot: Dovecot, protocol: str, auth: str
) -> None:
    code = add_incoming(protocol, "tls", auth, server=hashed_dovecot)
    assert receive(mailctl, code, ALICE).code == 0


def test_a_mechanism_that_is_not_offered_is_named_beside_those_that_are(
    mailctl: Mailctl, add_incoming: Add, hashed_dovecot: Dovecot
) -> None:
    code = add_incoming("imap", "tls", "scram-sha-256", server=hashed_dovecot)
    result = receive(mailctl, code, ALICE)
    assert result.code == 18
    assert "PLAIN" in str(steps(result)["auth"]["cause"]).upper()


def test_the_mailbox_step_shows_folders_with_roles_and_changes_nothing(
    mailctl: Mailctl, add_incoming: Add, person: Person, dovecot: Dovecot
) -> None:
    dovecot.deliver(person.address, b"Subject: unseen\r\n\r\nbody\r\n")
    result = receive(mailctl, add_incoming("imap", "tls", "auto"), person)
    evidence = steps(result)["mailbox"]["evidence"]
    roles = {folder["role"] for folder in evidence["folders"] if folder.get("role")}  # type: ignore[index]
    assert {"sent", "drafts", "trash"} <= {str(role).lower() for role in roles}
    used_as = {folder["used_as"] for folder in evidence["folders"] if folder["role"] == "junk"}  # type: ignore[index]
    assert used_as == {"spam"}
    again = steps(receive(mailctl, "in", person))["mailbox"]["evidence"]
    assert again["unseen"] == 1  # type: ignore[index]


def test_a_client_certificate_logs_in_by_external(
    mailctl: Mailctl, add_incoming: Add, ca: CertificateAuthority, dovecot: Dovecot
) -> None:
    pair = ca.client(ALICE.address)
    code = add_incoming(
        "imap", "tls", "external", "--client-cert", str(pair.certificate), "--client-key", str(pair.key)
    )
    result = receive(mailctl, code, ALICE)
    assert result.code == 0, result


@pytest.mark.parametrize("protocol", ["imap", "pop3"])
def test_a_wrong_password_is_exit_12_and_tried_once(
    mailctl: Mailctl, add_incoming: Add, person: Person, dovecot: Dovecot, protocol: str
) -> None:
    code = add_incoming(protocol, "tls", "plain")
    result = receive(mailctl, code, Person(person.address, "wrong-canary-4711"))
    assert result.code == 12
    assert steps(result)["auth"]["status"] == "fail"
    assert steps(result)["mailbox"]["status"] == "skipped"
    assert "canary" not in result.out + result.err


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ("expired", "certificate-expired"),
        ("wrong_host", "certificate-host"),
        ("unknown_ca", "certificate-unknown-ca"),
    ],
)
def test_certificates_that_do_not_hold_are_shown_with_their_reason(
    mailctl: Mailctl, add_incoming: Add, ca: CertificateAuthority, tmp_path: Path, fault: str, reason: str
) -> None:
    trace = tmp_path / "trace.txt"
    pair = {"expired": ca.expired, "wrong_host": ca.wrong_host, "unknown_ca": ca.unknown_authority}[fault]
    with Dovecot(ca=ca, certificate=pair() if callable(pair) else pair) as server:
        code = add_incoming("imap", "tls", "plain", server=server)
        result = receive(mailctl, code, ALICE, "--trace", str(trace))
        log = server.log()
    assert result.code == 11
    step = steps(result)["certificate"]
    assert step["cause"].startswith(trace.read_text(encoding="utf-8").rstrip().rpartition("· ")[2])  # type: ignore[attr-defined]
    assert step["evidence"]["reason"] == reason  # type: ignore[index]
    assert step["evidence"]["not_after"]  # type: ignore[index]
    assert "Login" not in log


def test_verification_off_is_said_on_every_run(mailctl: Mailctl, add_incoming: Add) -> None:
    code = add_incoming("imap", "tls", "plain", "--no-tls-verify")
    result = receive(mailctl, code, ALICE)
    assert result.code == 0
    target = result.json["targets"][0]
    assert target["warnings"] == ["certificate verification is off for this server"]
    assert steps(result)["certificate"]["status"] == "warn"
    assert "verification is off" in mailctl("test", "receive", code, "--depth", "tls").out


def test_a_pin_holds_or_refuses(mailctl: Mailctl, add_incoming: Add) -> None:
    code = add_incoming("imap", "tls", "plain")
    shown = mailctl.must("test", "receive", code, "--depth", "tls", "-o", "json")
    pin = steps(shown)["certificate"]["evidence"]["public_key_sha256"]  # type: ignore[index]
    mailctl.must("server", "edit", code, "--pin", f"sha256:{str(pin).removeprefix('sha256:')}")
    assert receive(mailctl, code, ALICE).code == 0
    mailctl.must("server", "edit", code, "--clear", "pin", "--pin", "sha256:" + "0" * 64)
    refused = receive(mailctl, code, ALICE)
    assert refused.code == 11
    assert steps(refused)["certificate"]["evidence"]["reason"] == "pin-mismatch"  # type: ignore[index]


def test_transcript_and_trace_hold_no_secret(mailctl: Mailctl, add_incoming: Add, tmp_path) -> None:
    import base64

    code = add_incoming("imap", "tls", "plain")
    trace = tmp_path / "trace.txt"
    result = receive(mailctl, code, ALICE, "--transcript", "--trace", str(trace))
    assert result.code == 0
    written = trace.read_text(encoding="utf-8")
    assert "AUTHENTICATE PLAIN" in written
    assert "AUTHENTICATE PLAIN" in result.err
    blob = base64.b64encode(f"\0{ALICE.address}\0{ALICE.password}".encode()).decode()
    for text in (written, result.err, result.out):
        assert ALICE.password not in text
        assert blob not in text
    assert trace.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("option", "value", "said"),
    [
        ("--incoming-host", "nowhere.invalid", "the name nowhere.invalid does not exist"),
        ("--incoming-port", "1", "the connection was refused"),
        ("--pin", "sha256:" + "0" * 64, "none of the pinned ones"),
    ],
)
def test_the_trace_ends_with_why_there_is_no_connection(
    mailctl: Mailctl, add_incoming: Add, tmp_path: Path, option: str, value: str, said: str
) -> None:
    trace = tmp_path / "trace.txt"
    code = add_incoming("imap", "starttls", "plain")
    mailctl.must("server", "edit", code, option, value)
    assert receive(mailctl, code, ALICE, "--trace", str(trace)).code
    assert said in trace.read_text(encoding="utf-8").splitlines()[-1]


def test_depths(mailctl: Mailctl, add_incoming: Add) -> None:
    code = add_incoming("pop3", "starttls", "auto")
    last = {
        depth: list(steps(receive(mailctl, code, ALICE, "--depth", depth)))[-1]
        for depth in ("connect", "tls", "auth", "mailbox")
    }
    assert last == {"connect": "greeting", "tls": "certificate", "auth": "auth", "mailbox": "mailbox"}


def test_a_server_that_is_not_there(mailctl: Mailctl) -> None:
    mailctl.add_server("hq", "--incoming-host", "127.0.0.1", "--incoming-port", "1", "--incoming-security", "tls")
    result = mailctl("test", "receive", "hq", "--depth", "connect", "-o", "json")
    assert result.code == 10
    assert steps(result)["tcp"]["evidence"]["reason"] == "refused"  # type: ignore[index]


def test_a_name_that_does_not_exist(mailctl: Mailctl) -> None:
    mailctl.add_server("hq", "--incoming-host", "nowhere.invalid")
    result = mailctl("test", "receive", "hq", "--depth", "connect", "-o", "json")
    assert result.code == 10
    assert steps(result)["dns"]["status"] == "fail"
