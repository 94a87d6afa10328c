"""`mailctl sysmail set` on a terminal: what is missing of a login is asked for, hidden."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from .conftest import Spawn, finish

if TYPE_CHECKING:
    from tests.cli.conftest import Mailctl

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs pseudo-terminals")

CANARY = "typed-canary-4711"
ACCOUNT = ("sysmail", "set", "--address", "noreply@example.org", "--smtp-host", "relay.example.org")


@pytest.fixture
def site(mailctl: Mailctl, tmp_path: Path) -> Mailctl:
    mailctl.must("secret", "backend", "vault", "--key-file", tmp_path / "vault.key")
    return mailctl


def secrets(mailctl: Mailctl) -> list[str]:
    return [secret["name"] for secret in mailctl.must("secret", "status", "-o", "json").json["secrets"]]


def test_the_password_is_asked_for_and_not_shown(site: Mailctl, spawn: Spawn) -> None:
    child = spawn(*ACCOUNT, "--smtp-auth", "auto", "--username", "noreply")
    child.expect(r"Password of noreply \(not shown\): ")
    child.sendline(CANARY)
    code, said = finish(child)
    assert code == 0, said
    assert CANARY not in said
    assert secrets(site) == ["sysmail/password"]


def test_the_pop3_password_is_asked_for(site: Mailctl, spawn: Spawn) -> None:
    child = spawn(*ACCOUNT, "--pop-before-smtp", "--pop-host", "pop.example.org", "--pop-username", "gate")
    child.expect(r"POP3 password of gate at pop.example.org \(not shown\): ")
    child.sendline(CANARY)
    assert finish(child)[0] == 0
    assert secrets(site) == ["sysmail/pop-password"]


def test_what_is_known_is_not_asked_for_again(site: Mailctl, spawn: Spawn) -> None:
    site.must(*ACCOUNT, "--smtp-auth", "auto", "--username", "noreply", "--password-stdin", stdin=b"known")
    code, said = finish(spawn("sysmail", "set", "--username", "other", "--sender-name", "X"))
    assert code == 0, said
    assert secrets(site) == ["sysmail/password"]


def test_a_user_name_that_is_missing_is_named(site: Mailctl, spawn: Spawn) -> None:
    code, said = finish(spawn(*ACCOUNT, "--smtp-auth", "auto"))
    assert code == 2
    assert "missing: --username" in said


def test_unset_asks(site: Mailctl, spawn: Spawn) -> None:
    site.must(*ACCOUNT)
    child = spawn("sysmail", "unset")
    child.expect(r"Forget the system mail account \(noreply@example.org\) and its stored secrets\?\s+\[y/N\]: ")
    child.sendline("n")
    assert finish(child)[0] == 1
    assert "[sysmail]" in site.settings()
