"""`mailctl doctor`: each finding provoked on a machine that is well but for it; nothing is ever changed."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.doubles.dns import DnsServer, resolving_by
from tests.servers.secret_service import SecretService

if TYPE_CHECKING:
    from tests.cli.conftest import Mailctl
    from tests.servers.certificates import CertificateAuthority

Found = Callable[..., list[tuple[str, str]]]


@pytest.fixture
def listener() -> Iterator[int]:
    """A port at which somebody listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.fixture
def machine(
    mailctl: Mailctl,
    tmp_path: Path,
    listener: int,
    monkeypatch: pytest.MonkeyPatch,
    ca: CertificateAuthority,
) -> Iterator[Mailctl]:
    """A machine that is well: a vault, a server that listens, a name server that answers."""
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("SSL_CERT_FILE", str(ca.ca_file))
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path / "none"))
    (tmp_path / "keys").mkdir()
    mailctl.must("secret", "backend", "vault", "--key-file", tmp_path / "keys" / "vault.key")
    mailctl.add_server(
        "hq", "--smtp-host", "127.0.0.1", "--smtp-port", str(listener), "--smtp-security", "tls",
        "--incoming-host", "127.0.0.1", "--incoming-port", str(listener), "--incoming-security", "tls",
    )  # fmt: skip
    with DnsServer({".": {"NS": ["a.root-servers.test."]}}) as dns:
        monkeypatch.setenv("MAILCTL_NAMESERVER", dns.place)
        yield mailctl


@pytest.fixture
def found(machine: Mailctl) -> Found:
    """Return check and verdict of all that is more than a note, and the exit code as the last."""

    def found(*options: str) -> list[tuple[str, str]]:
        result = machine("doctor", *options, "-o", "json")
        findings = result.json["findings"]
        amiss = [(entry["check"], entry["verdict"]) for entry in findings if entry["verdict"] in ("warning", "problem")]
        assert result.json["ok"] is (result.code == 0)
        assert result.code == (1 if "problem" in dict(map(reversed, amiss)) else 0)
        return amiss

    return found


def finding(machine: Mailctl, check: str, verdict: str, *options: str) -> dict[str, Any]:
    findings = machine("doctor", *options, "-o", "json").json["findings"]
    return next(entry for entry in findings if (entry["check"], entry["verdict"]) == (check, verdict))


def test_a_machine_that_is_well(machine: Mailctl, found: Found, listener: int) -> None:
    before = machine.config.read_bytes(), machine.config.stat().st_mtime_ns
    result = machine.must("doctor")
    lines = [line.split() for line in result.out.splitlines()]
    assert [line[1] for line in lines[:-2] if line[0] == "ok"][:8] == [
        "settings", "secret-store", "clock", "authorities", "python", "tls", "resolver", "ports",
    ]  # fmt: skip
    assert f"1 of 1 endpoints take connections (ports {listener})" in result.out
    assert result.out.endswith("nothing to mend\n")
    assert found() == []
    assert (machine.config.read_bytes(), machine.config.stat().st_mtime_ns) == before


def test_offline_nothing_leaves_the_machine(machine: Mailctl, monkeypatch: pytest.MonkeyPatch) -> None:
    with DnsServer({}) as dns:
        monkeypatch.setenv("MAILCTL_NAMESERVER", dns.place)
        checks = {entry["check"] for entry in machine("doctor", "--offline", "-o", "json").json["findings"]}
        assert dns.asked == []
    assert "network" in checks
    assert not checks & {"resolver", "ports"}


def test_a_settings_file_that_is_broken_is_a_finding_and_the_rest_is_looked_at(machine: Mailctl, found: Found) -> None:
    machine.config.write_text("servers = 7\n")
    assert found() == [("settings", "problem")]
    assert finding(machine, "settings", "problem")["next"] == "mailctl config validate"


def test_rights_that_are_too_wide(machine: Mailctl, found: Found, tmp_path: Path) -> None:
    machine.config.chmod(0o666)
    machine.config.with_name("mailctl.toml.undo").chmod(0o644)
    assert found() == [("settings", "warning")] * 2
    (tmp_path / "keys" / "vault.key").chmod(0o644)
    assert ("secret-store", "problem") in found()


def test_a_linked_settings_file_is_said(machine: Mailctl, tmp_path: Path) -> None:
    real = tmp_path / "real.toml"
    machine.config.rename(real)
    machine.config.symlink_to(real)
    assert f"a link to {real}" in finding(machine, "settings", "ok")["said"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_a_settings_file_of_somebody_else(machine: Mailctl, found: Found) -> None:
    os.chown(machine.config, 65534, -1)
    assert found() == [("settings", "warning")]


def test_a_vault_that_cannot_be_opened(machine: Mailctl, found: Found, tmp_path: Path) -> None:
    machine.must("secret", "set", "relay", "--stdin", stdin=b"canary-4711")
    (tmp_path / "keys" / "vault.key").unlink()
    assert found() == [("secret-store", "problem")]


def test_a_secret_that_is_not_there(machine: Mailctl, found: Found, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RELAY", "canary-4711")
    machine.must(
        "sysmail", "set", "--address", "a@example.org", "--smtp-host", "127.0.0.1", "--smtp-port", "1",
        "--smtp-security", "tls", "--smtp-auth", "plain", "--username", "a", "--password-from", "env:RELAY",
    )  # fmt: skip
    monkeypatch.delenv("RELAY")
    assert ("secrets", "problem") in found("--offline")
    found_missing = finding(machine, "secrets", "problem")
    assert (found_missing["remedy"], found_missing["next"]) == ("set RELAY and run it again", None)


def test_a_secret_that_mailctl_stored_and_that_is_gone(machine: Mailctl, found: Found, tmp_path: Path) -> None:
    machine.must("server", "edit", "hq", "--smtp-auth", "plain")
    machine.must(
        "sysmail", "set", "--address", "a@example.org", "--server", "hq", "--username", "a", "--password-stdin",
        stdin=b"canary-4711",
    )  # fmt: skip
    (tmp_path / "mailctl.vault").unlink()
    assert ("secrets", "problem") in found("--offline")
    assert finding(machine, "secrets", "problem")["next"] == "mailctl secret set sysmail/password"


def test_a_login_that_the_settings_hold_no_password_of(machine: Mailctl, found: Found) -> None:
    machine.must("server", "edit", "hq", "--smtp-auth", "plain")
    machine.must(
        "sysmail", "set", "--address", "a@example.org", "--server", "hq", "--username", "a", "--password-stdin",
        stdin=b"canary-4711",
    )  # fmt: skip
    assert found("--offline") == []
    machine.must("secret", "delete", "sysmail/password", "--yes")
    assert found("--offline") == [("logins", "problem")]
    lacking = finding(machine, "logins", "problem")
    assert "sysmail" in lacking["said"]
    assert "password" in lacking["said"]
    machine.must(*lacking["next"].split()[1:], stdin=b"canary-4711")
    assert found("--offline") == []


def test_a_login_that_is_switched_off_may_lack_its_password(machine: Mailctl, found: Found) -> None:
    machine.must("server", "edit", "hq", "--smtp-auth", "plain")
    machine.must(
        "sysmail", "set", "--address", "a@example.org", "--server", "hq", "--username", "a", "--password-stdin",
        stdin=b"canary-4711",
    )  # fmt: skip
    machine.must("sysmail", "deactivate")
    machine.must("secret", "delete", "sysmail/password", "--yes")
    assert found("--offline") == [("logins", "warning")]


def test_a_mailbox_that_nobody_has_authorised(machine: Mailctl, found: Found) -> None:
    machine.must("oauth", "client", "add", "g", "--provider", "google", "--client-id", "x")
    machine.must("sysmail", "set", "--address", "a@example.org", "--oauth-client", "g", "--username", "a@example.org")
    assert found("--offline") == [("grants", "problem")]
    assert finding(machine, "grants", "problem")["next"] == "mailctl oauth authorize sysmail"


def test_a_secret_that_nothing_names(machine: Mailctl, found: Found) -> None:
    before = machine.config.read_bytes()
    machine.must("secret", "set", "relay", "--stdin", stdin=b"canary-4711")
    machine.config.write_bytes(before)
    assert found() == [("secrets", "warning")]
    command = finding(machine, "secrets", "warning")["next"]
    assert command == "mailctl secret delete relay"
    machine.must(*command.split()[1:], "--yes")
    assert found() == []


def test_a_machine_without_a_keyring_needs_none_while_nothing_is_stored(mailctl: Mailctl, headless: Path) -> None:
    del headless
    result = mailctl("doctor", "--offline", "-o", "json")
    verdicts = {entry["check"]: entry["verdict"] for entry in result.json["findings"]}
    assert (result.code, verdicts["secret-store"], verdicts["settings"]) == (0, "warning", "note")


@pytest.mark.real("keyring")
def test_a_locked_keyring_that_is_needed(mailctl: Mailctl, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("MAILCTL_KEYRING_BACKEND", "PYTHON_KEYRING_BACKEND"):
        monkeypatch.delenv(name, raising=False)
    with SecretService() as service:
        for name, value in service.environment.items():
            monkeypatch.setenv(name, value)
        mailctl.must("secret", "set", "relay", "--stdin", stdin=b"canary-4711")
        assert ("secret-store", "ok") in verdicts(mailctl)
        service.lock()
        assert ("secret-store", "problem") in verdicts(mailctl)
        assert "the keyring is locked" in finding(mailctl, "secret-store", "problem")["said"]


def verdicts(machine: Mailctl) -> list[tuple[str, str]]:
    findings = machine("doctor", "--offline", "-o", "json").json["findings"]
    return [(entry["check"], entry["verdict"]) for entry in findings]


def test_a_port_at_which_nobody_listens(machine: Mailctl, found: Found) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    machine.must("server", "edit", "hq", "--incoming-port", str(port))
    assert found() == [("ports", "problem")]
    unreached = finding(machine, "ports", "problem")
    assert unreached["said"] == f"hq: port {port} of 127.0.0.1: the connection was refused (127.0.0.1)"
    assert unreached["next"] == "mailctl server edit hq --incoming-port PORT"


def test_a_name_that_is_misspelled_is_told_with_whose_it_is_and_how_it_is_mended(
    machine: Mailctl, found: Found, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine.must("server", "edit", "hq", "--smtp-host", "smpt.example.org")
    login = ("--username", "ann", "--password-from", "env:HOME")
    machine.must("account", "add", "ann@example.org", "--server", "hq", *login)
    with DnsServer({".": {"NS": ["a.root-servers.test."]}}) as dns, resolving_by(dns):
        monkeypatch.setenv("MAILCTL_NAMESERVER", dns.place)
        assert found() == [("ports", "problem")]
        unresolved = finding(machine, "ports", "problem")
    assert unresolved["said"] == f"hq: the name smpt.example.org does not exist (asked: {dns.place})"
    assert unresolved["next"] == "mailctl server edit hq --smtp-host HOST"


def test_names_that_fail_because_the_resolver_does_are_no_findings_of_their_own(
    machine: Mailctl, found: Found, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine.must("server", "edit", "hq", "--smtp-host", "smtp.example.org", "--incoming-host", "imap.example.org")
    with DnsServer({}) as gone:
        pass
    monkeypatch.setenv("MAILCTL_NAMESERVER", gone.place)
    with DnsServer({}) as dns, resolving_by(dns):
        assert found("--timeout", "2") == [("resolver", "problem")]
        said = finding(machine, "ports", "note", "--timeout", "2")["said"]
    assert said == "not tried, for their names could not be resolved: smtp.example.org, imap.example.org"


def test_names_of_the_internet_where_no_server_knows_them_are_one_finding(
    machine: Mailctl, found: Found, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine.must("server", "edit", "hq", "--smtp-host", "smtp.example.org", "--incoming-host", "imap.example.org")
    with DnsServer({}) as dns, resolving_by(dns):
        monkeypatch.setenv("MAILCTL_NAMESERVER", dns.place)
        assert found() == [("resolver", "warning"), ("ports", "problem")]
        said = finding(machine, "ports", "problem")["said"]
    assert said == "names that are not known here: smtp.example.org, imap.example.org"


def test_name_servers_that_do_not_answer(machine: Mailctl, found: Found, monkeypatch: pytest.MonkeyPatch) -> None:
    with DnsServer({}) as gone:
        pass
    monkeypatch.setenv("MAILCTL_NAMESERVER", gone.place)
    assert found("--timeout", "0.5") == [("resolver", "problem")]
    monkeypatch.setenv("MAILCTL_NAMESERVER", "dns.example.org")
    assert found() == [("resolver", "problem")]


def test_a_time_for_the_network_that_is_shorter_than_the_settings_take_to_be_looked_through(machine: Mailctl) -> None:
    server = machine.config.read_text(encoding="utf-8").partition("[[servers]]")[2]
    servers = "".join(
        "[[servers]]" + server.replace('"hq"', f'"s{number}"').replace("127.0.0.1", f"s{number}.example.org")
        for number in range(8_000)
    )
    with machine.config.open("a", encoding="utf-8") as settings:
        settings.write(servers)
    result = machine("doctor", "--timeout", "0.1", "-o", "json")
    assert result.code in (0, 1), result
    assert "7971 more endpoints were not tried" in result.out


def test_no_authorities(machine: Mailctl, found: Found, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    empty = tmp_path / "empty.pem"
    empty.write_text("")
    monkeypatch.setenv("SSL_CERT_FILE", str(empty))
    assert found() == [("authorities", "problem")]
    assert "SSL_CERT_FILE" in finding(machine, "authorities", "problem")["said"]


def test_a_clock_that_was_never_set(machine: Mailctl, found: Found, monkeypatch: pytest.MonkeyPatch) -> None:
    del machine
    monkeypatch.setattr(time, "time", lambda: 1_000_000.0)
    assert found() == [("clock", "problem")]


def test_the_credentials_of_a_proxy_are_not_shown(machine: Mailctl, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://ann:canary-4711@proxy.example.org:3128")
    result = machine("doctor", "--offline")
    assert "proxy.example.org:3128" in result.out
    assert "canary" not in result.out + result.err
