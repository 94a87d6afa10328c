"""POP before SMTP for real: the gate is closed until `test send` has logged in by POP3, and says what it did."""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.servers.certificates import CertificateAuthority
from tests.servers.dovecot import Dovecot
from tests.servers.people import ALICE
from tests.servers.pop_gate import PopGate
from tests.servers.postfix import Postfix

if TYPE_CHECKING:
    from tests.cli.conftest import Mailctl, Result

CANARY = "wrong-canary-4711"
ELSEWHERE = "somebody@elsewhere.test"

pytestmark = pytest.mark.real("postfix")


@dataclass(frozen=True)
class Site:
    """A Postfix that relays for those who have logged in to a Dovecot by POP3."""

    gate: PopGate
    dovecot: Dovecot
    postfix: Postfix


@pytest.fixture(scope="module")
def site(ca: CertificateAuthority) -> Iterator[Site]:
    with (
        PopGate() as gate,
        Dovecot(ca=ca, extra=gate.dovecot_settings) as dovecot,
        Postfix(dovecot=dovecot, extra=gate.postfix_settings) as postfix,
    ):
        dovecot.add_user(ALICE.address, ALICE.password)
        yield Site(gate, dovecot, postfix)


@pytest.fixture
def account(mailctl: Mailctl, site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Mailctl:
    """The system mail account, which opens the gate; its settings."""
    site.gate.close()
    monkeypatch.setenv("POP_PASSWORD", ALICE.password)
    mailctl.must(
        "sysmail", "set", "--address", ALICE.address, "--smtp-host", "localhost",
        "--smtp-port", str(site.postfix.smtp_port), "--smtp-security", "none",
        "--pop-before-smtp", "--pop-host", "localhost", "--pop-port", str(site.dovecot.pop3s_port),
        "--pop-security", "tls", "--pop-ca-file", site.dovecot.ca_file,
        "--pop-username", ALICE.address, "--pop-password-from", "env:POP_PASSWORD",
    )  # fmt: skip
    return mailctl


def try_to_send(mailctl: Mailctl, *options: str) -> Result:
    return mailctl("test", "send", "--to", ELSEWHERE, "--depth", "envelope", "-o", "json", *options)


def steps(result: Result) -> dict[str, dict[str, Any]]:
    return {f"{step['name']}/{step['protocol']}": step for step in result.json["targets"][0]["steps"]}


def test_the_gate_is_closed_without_the_pop3_login(account: Mailctl) -> None:
    account.must("sysmail", "set", "--no-pop-before-smtp")
    result = try_to_send(account)
    assert result.code == 13
    assert steps(result)["envelope/smtp"]["reply"].startswith("554")


def test_the_pop3_login_opens_the_gate_as_a_step_of_its_own(account: Mailctl) -> None:
    result = try_to_send(account)
    assert result.code == 0, result
    found = steps(result)
    assert list(found) == [
        "settings/smtp", "secret/pop3", "pop-before-smtp/pop3", "dns/smtp", "tcp/smtp", "greeting/smtp", "tls/smtp",
        "certificate/smtp", "capabilities/smtp", "auth/smtp", "envelope/smtp",
    ]  # fmt: skip
    gate = found["pop-before-smtp/pop3"]
    assert gate["status"] == "pass"
    assert gate["reply"].startswith("+OK")
    assert found["secret/pop3"]["evidence"] == {
        "source": "env:POP_PASSWORD", "username": ALICE.address, "present": True,
    }  # fmt: skip
    assert found["auth/smtp"]["status"] == "not_applicable"


@pytest.mark.parametrize(("depth", "opens"), [("connect", False), ("tls", False), ("auth", True)])
def test_only_what_goes_as_far_as_logging_in_opens_the_gate(account: Mailctl, depth: str, opens: bool) -> None:
    result = account("test", "send", "--depth", depth, "-o", "json")
    assert result.code == 0, result
    assert ("pop-before-smtp/pop3" in steps(result)) is opens
    account.must("sysmail", "set", "--no-pop-before-smtp")
    assert try_to_send(account).code == (0 if opens else 13)


def test_a_wrong_password_fails_the_step_and_smtp_is_not_contacted(
    account: Mailctl, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("POP_PASSWORD", CANARY)
    result = try_to_send(account, "--transcript", "--trace", str(tmp_path / "trace"))
    assert result.code == 12
    found = steps(result)
    gate = found["pop-before-smtp/pop3"]
    assert gate["status"] == "fail"
    assert gate["evidence"]["stage"] == "auth"
    assert gate["reply"].startswith("-ERR")
    assert gate["remedy"].startswith("check the user name")
    assert {found[f"{name}/smtp"]["cause"] for name in ("dns", "capabilities", "envelope")} == {
        "not run, because pop-before-smtp failed"
    }
    written = (tmp_path / "trace").read_text(encoding="utf-8")
    assert "EHLO" not in written
    assert CANARY not in result.out + result.err + written + account.settings()


def test_a_certificate_that_does_not_hold_names_the_option_for_the_pop3_server(account: Mailctl) -> None:
    account.must("sysmail", "set", "--clear", "pop-ca-file")
    result = try_to_send(account)
    assert result.code == 11
    gate = steps(result)["pop-before-smtp/pop3"]
    assert gate["evidence"]["stage"] == "certificate"
    assert gate["next"] == "mailctl sysmail set --pop-ca-file FILE"


def test_a_port_where_nobody_listens_names_the_option_for_the_pop3_server(account: Mailctl) -> None:
    account.must("sysmail", "set", "--pop-port", "1")
    gate = steps(account("test", "send", "--depth", "auth", "-o", "json"))["pop-before-smtp/pop3"]
    assert (gate["evidence"]["stage"], gate["next"]) == ("tcp", "mailctl sysmail set --pop-port PORT")


def test_a_missing_password_fails_the_secret_step(account: Mailctl, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("POP_PASSWORD")
    result = try_to_send(account)
    assert result.code == 6
    found = steps(result)
    assert found["secret/pop3"]["status"] == "error"
    assert found["pop-before-smtp/pop3"]["cause"] == "not run, because secret failed"


def test_sending_waits_after_the_pop3_login_and_before_smtp(account: Mailctl, monkeypatch: pytest.MonkeyPatch) -> None:
    account.must("sysmail", "set", "--pop-wait", "7")
    monkeypatch.setattr(time, "sleep", lambda seconds: sys.stderr.write(f"waits {seconds}\n"))
    result = try_to_send(account, "--transcript")
    assert result.code == 0, result
    order = re.findall("waits 7|logged in|QUIT|EHLO|RCPT", result.err.replace("Logged in", "logged in"))
    assert order == ["logged in", "QUIT", "waits 7", "EHLO", "RCPT", "QUIT"]
    assert steps(result)["pop-before-smtp/pop3"]["evidence"]["wait"] == 7


def test_receiving_is_that_pop3_server(account: Mailctl) -> None:
    result = account("test", "receive", "-o", "json")
    assert result.code == 0, result
    found = steps(result)
    assert {name.partition("/")[2] for name in found} == {"pop3"}
    assert found["mailbox/pop3"]["status"] == "pass"


def test_a_login_for_sending_excludes_it(account: Mailctl) -> None:
    result = try_to_send(account, "--username", ALICE.address, "--password-from", "env:POP_PASSWORD")
    assert result.code == 4
