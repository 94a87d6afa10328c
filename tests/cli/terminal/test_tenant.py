"""Tenants and requests for support on a terminal: passwords asked for, tables in plain cells, nothing sent unasked."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.doubles.scripted import ScriptedServer
from tests.doubles.smtp import SmtpServer

from .conftest import Spawn, finish

if TYPE_CHECKING:
    from tests.cli.conftest import Mailctl

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs pseudo-terminals")

CANARY = "typed-canary-4711"
ACME = ("tenant", "add", "acme", "--name", "Acme")


@pytest.fixture
def site(mailctl: Mailctl, tmp_path: Path) -> Mailctl:
    mailctl.must("secret", "backend", "vault", "--key-file", tmp_path / "vault.key")
    mailctl.must("sysmail", "set", "--address", "noreply@example.org", "--smtp-host", "relay.example.org")
    return mailctl


def test_the_password_of_a_server_of_its_own_is_asked_for(site: Mailctl, spawn: Spawn) -> None:
    child = spawn(*ACME, "--smtp-host", "mail.acme.example", "--smtp-auth", "auto", "--username", "it")
    child.expect(r"Password of it \(not shown\): ")
    child.sendline(CANARY)
    code, said = finish(child)
    assert code == 0, said
    assert CANARY not in said
    status = site.must("secret", "status", "-o", "json").json
    assert [secret["name"] for secret in status["secrets"]] == ["tenant:acme/password"]


@pytest.mark.parametrize("columns", [60, 80])
def test_what_is_in_force_fits_the_screen_with_its_commands_whole(site: Mailctl, spawn: Spawn, columns: int) -> None:
    site.must("oauth", "client", "add", "ms", "--provider", "microsoft", "--client-id", "id")
    site.must(*ACME, "--address", "a@acme.example", "--graph", "--oauth-client", "ms")
    code, said = finish(spawn("tenant", "show", "acme", columns=columns, NO_COLOR="1"))
    assert code == 0, said
    assert "Not granted: nobody" in said
    command = "`mailctl oauth authorize tenant:acme`"
    assert command in said
    assert max(len(line) for line in said.splitlines() if command not in line) <= columns


def test_deleting_asks(site: Mailctl, spawn: Spawn) -> None:
    site.must(*ACME)
    child = spawn("tenant", "delete", "acme")
    child.expect(r"Delete the tenant 'acme' \(Acme\) and its stored secrets\? \[y/N\]: ")
    child.sendline("")
    assert finish(child)[0] == 1
    assert "[[tenants]]" in site.settings()


@pytest.mark.parametrize(("answer", "code", "sent"), [("y", 0, 1), ("n", 1, 0)])
def test_a_request_is_shown_and_then_asked_about(
    site: Mailctl, spawn: Spawn, answer: str, code: int, sent: int
) -> None:
    site.must("support", "set", "--address", "help@example.org", "--attach-system-info")
    with ScriptedServer(SmtpServer(security="none").script) as server:
        site.must("sysmail", "set", "--smtp-host", "127.0.0.1", "--smtp-port", str(server.port), "--smtp-security",
                  "none")  # fmt: skip
        child = spawn("support", "request", "--subject", "Late", "--body", "Since 9:00.")
        child.expect("last tests")
        child.expect(r"Send this to help@example.org\? \[y/N\]: ")
        child.sendline(answer)
        assert finish(child)[0] == code
        assert len(server.messages) == sent
