"""`mailctl test send|receive` for the system mail account: its own server, its own login, active or not."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.servers.dovecot import Dovecot
from tests.servers.people import ALICE, BOB, Person
from tests.servers.postfix import Postfix

if TYPE_CHECKING:
    from tests.cli.conftest import Mailctl, Result


def steps(result: Result) -> dict[str, dict[str, Any]]:
    return {step["name"]: step for step in result.json["targets"][0]["steps"]}


@pytest.fixture
def catalogue(mailctl: Mailctl, postfix: Postfix, dovecot: Dovecot, monkeypatch: pytest.MonkeyPatch) -> Mailctl:
    """A catalogue server on Postfix and Dovecot, through which the account sends with ALICE's login."""
    monkeypatch.setenv("SYSMAIL_PASSWORD", ALICE.password)
    mailctl.must(
        "server", "add", "hq", "--name", "HQ", "--smtp-host", "localhost", "--smtp-port", str(postfix.submission_port),
        "--smtp-security", "starttls", "--smtp-auth", "auto", "--incoming-protocol", "imap", "--incoming-host",
        "localhost", "--incoming-port", str(dovecot.imaps_port), "--incoming-security", "tls",
        "--ca-file", dovecot.ca_file,
    )  # fmt: skip
    mailctl.must(
        "sysmail", "set", "--address", ALICE.address, "--server", "hq", "--username", ALICE.address,
        "--password-from", "env:SYSMAIL_PASSWORD",
    )  # fmt: skip
    return mailctl


def test_it_is_the_default_and_sends_with_its_stored_login(
    catalogue: Mailctl, dovecot: Dovecot, person: Person
) -> None:
    result = catalogue("test", "send", "--to", person.address, "-o", "json")
    assert result.code == 0, result
    assert result.json["targets"][0]["target"] == "sysmail"
    found = steps(result)
    assert found["secret"]["evidence"] == {
        "source": "env:SYSMAIL_PASSWORD", "username": ALICE.address, "present": True,
    }  # fmt: skip
    assert found["message"]["status"] == "pass"
    assert {step["protocol"] for step in found.values()} == {"smtp"}


def test_the_sender_is_its_address_and_bounces_go_where_it_says(catalogue: Mailctl) -> None:
    catalogue.must("sysmail", "set", "--envelope-from", BOB.address)
    evidence = steps(catalogue("test", "send", "--to", ALICE.address, "--depth", "envelope", "-o", "json"))
    assert evidence["envelope"]["evidence"]["sender"] == BOB.address
    given = catalogue("test", "send", "--to", BOB.address, "--from", ALICE.address, "--depth", "envelope", "-o", "json")
    assert steps(given)["envelope"]["evidence"]["sender"] == ALICE.address


def test_another_login_may_be_given(catalogue: Mailctl) -> None:
    result = catalogue(
        "test", "send", "sysmail", "--depth", "auth", "--username", BOB.address, "--password-stdin", "-o", "json",
        stdin=BOB.password.encode(),
    )  # fmt: skip
    assert result.code == 0, result
    assert steps(result)["secret"]["evidence"]["username"] == BOB.address


def test_receiving_is_the_catalogue_servers_incoming_side_with_the_sending_login(catalogue: Mailctl) -> None:
    result = catalogue("test", "receive", "-o", "json")
    assert result.code == 0, result
    found = steps(result)
    assert found["settings"]["evidence"]["protocol"] == "imap"
    assert found["secret"]["evidence"]["source"] == "env:SYSMAIL_PASSWORD"
    assert found["mailbox"]["status"] == "pass"


def test_while_inactive_tests_run_with_a_warning(catalogue: Mailctl) -> None:
    catalogue.must("sysmail", "deactivate")
    common = ("test", "send", "--to", ALICE.address, "--depth", "envelope")
    result = catalogue(*common, "-o", "json")
    assert result.code == 0, result
    found = steps(result)
    assert (found["settings"]["status"], found["envelope"]["status"]) == ("warn", "pass")
    assert "inactive" in found["settings"]["cause"]
    assert "mailctl sysmail activate" in found["settings"]["remedy"]
    assert "inactive" in result.json["targets"][0]["warnings"][0]
    assert catalogue(*common, "--fail-on", "warn").code == 16


def test_utf8_headers_are_used_only_where_the_account_says_so_as_in_sending(catalogue: Mailctl) -> None:
    common = ("test", "send", "--to", "山田太郎@example.test", "--depth", "envelope", "-o", "json")
    refused = catalogue(*common)
    assert refused.code == 18
    assert steps(refused)["envelope"]["evidence"]["reason"] == "smtputf8-not-set"
    assert "mailctl sysmail set --smtputf8" in steps(refused)["envelope"]["remedy"]
    catalogue.must("sysmail", "set", "--smtputf8")
    assert steps(catalogue(*common))["envelope"]["evidence"].get("reason") != "smtputf8-not-set"


def test_people_see_whom_it_is_about(catalogue: Mailctl) -> None:
    lines = catalogue("test", "send", "--to", ALICE.address, "--depth", "envelope").out.splitlines()
    assert lines[0] == f"sending through sysmail ({ALICE.address})"
    assert lines[-1].startswith("passed: sending through sysmail in ")


def test_what_is_to_be_changed_is_the_catalogue_server(catalogue: Mailctl, postfix: Postfix) -> None:
    catalogue.must("server", "edit", "hq", "--smtp-port", str(postfix.submission_port), "--smtp-security", "tls")
    result = catalogue("test", "send", "--depth", "tls", "-o", "json")
    assert result.code == 11
    failed = next(step for step in result.json["targets"][0]["steps"] if step["status"] == "fail")
    assert failed["next"] == "mailctl server edit hq --smtp-security starttls"


def test_a_relative_ca_file_is_found_from_the_settings_folder(
    mailctl: Mailctl, postfix: Postfix, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "ca.pem").write_bytes(Path(postfix.ca_file).read_bytes())
    mailctl.must(
        "sysmail", "set", "--address", ALICE.address, "--smtp-host", "localhost", "--smtp-security", "tls",
        "--smtp-port", str(postfix.smtps_port), "--ca-file", tmp_path / "ca.pem",
    )  # fmt: skip
    text = mailctl.settings().replace(str(tmp_path / "ca.pem"), "ca.pem")
    mailctl.config.write_text(text, encoding="utf-8")
    monkeypatch.chdir("/")
    assert mailctl("test", "send", "--depth", "tls").code == 0


def test_the_stored_password_shows_nowhere(catalogue: Mailctl, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trace = tmp_path / "trace"
    result = catalogue(
        "--debug", "test", "send", "--to", ALICE.address, "--depth", "envelope", "--transcript", "--trace", trace
    )
    assert result.code == 0
    said = result.out + result.err + trace.read_text(encoding="utf-8") + catalogue.settings()
    blob = base64.b64encode(f"\0{ALICE.address}\0{ALICE.password}".encode()).decode()
    assert ALICE.password not in said
    assert blob not in said


def test_a_secret_that_is_gone_fails_its_step(catalogue: Mailctl, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SYSMAIL_PASSWORD")
    result = catalogue("test", "send", "--depth", "auth", "-o", "json")
    assert result.code == 6
    assert steps(result)["secret"]["status"] == "error"


def test_a_login_that_is_not_set_fails_the_secret_step(mailctl: Mailctl, postfix: Postfix) -> None:
    mailctl.add_server("hq")
    mailctl.must("sysmail", "set", "--address", ALICE.address, "--server", "hq")
    mailctl.must("server", "edit", "hq", "--smtp-auth", "auto")
    for side in ("send", "receive"):
        result = mailctl("test", side, "--depth", "auth", "-o", "json")
        assert result.code == 6
        assert "sysmail has no login" in steps(result)["secret"]["cause"]


def test_a_dedicated_server_alone_has_nothing_to_receive_from(mailctl: Mailctl) -> None:
    mailctl.must("sysmail", "set", "--address", ALICE.address, "--smtp-host", "relay.example.org")
    result = mailctl("test", "receive")
    assert result.code == 2
    assert "nothing to receive from" in result.err


@pytest.mark.parametrize("side", ["send", "receive"])
def test_an_account_that_was_never_set_is_not_there(mailctl: Mailctl, side: str) -> None:
    result = mailctl("test", side, "--depth", "tls", "-o", "json")
    assert result.code == 3
    assert result.error["message"] == "the system mail account was never set"


def test_an_encrypted_key_without_its_passphrase_fails_the_secret_step(mailctl: Mailctl, tmp_path: Path) -> None:
    for name in ("c.pem", "k.pem"):
        (tmp_path / name).touch()
    mailctl.must(
        "sysmail", "set", "--address", ALICE.address, "--smtp-host", "127.0.0.1", "--client-cert", tmp_path / "c.pem",
        "--client-key", tmp_path / "k.pem", "--client-key-passphrase-from", "env:NOWHERE",
    )  # fmt: skip
    result = mailctl("test", "send", "--depth", "tls", "-o", "json")
    assert result.code == 6
    found = steps(result)
    assert found["secret"]["status"] == "error"
    assert found["dns"]["cause"] == "not run, because secret failed"
