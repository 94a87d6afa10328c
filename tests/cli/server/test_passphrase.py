"""The passphrase of a client key: stored with its server, never in the file, gone with its server."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.cli.conftest import Mailctl

CANARY = "canary-passphrase-4711"


@pytest.fixture
def with_vault(mailctl: Mailctl, tmp_path: Path) -> Mailctl:
    mailctl.must("secret", "backend", "vault", "--key-file", tmp_path / "vault.key")
    for name in ("c.pem", "k.pem"):
        (tmp_path / name).touch()
    return mailctl


def add(mailctl: Mailctl, tmp_path: Path, *options: str) -> None:
    mailctl.must(
        "server", "add", "hq", "--name", "HQ", "--preset", "gmail", "--client-cert", tmp_path / "c.pem",
        "--client-key", tmp_path / "k.pem", "--client-key-passphrase-stdin", *options, stdin=CANARY.encode() + b"\n",
    )  # fmt: skip


def names(mailctl: Mailctl) -> list[str]:
    return [secret["name"] for secret in mailctl("secret", "status", "-o", "json").json["secrets"]]


def test_it_is_stored_and_referred_to(with_vault: Mailctl, tmp_path: Path) -> None:
    add(with_vault, tmp_path)
    server = with_vault.must("server", "show", "hq", "-o", "json").json["server"]
    assert server["tls"]["client_key_passphrase"] == "vault:server:hq/client-key-passphrase"
    assert names(with_vault) == ["server:hq/client-key-passphrase"]
    assert all(CANARY.encode() not in file.read_bytes() for file in tmp_path.iterdir() if file.is_file())


def test_it_goes_with_its_server(with_vault: Mailctl, tmp_path: Path) -> None:
    add(with_vault, tmp_path)
    with_vault.must("server", "delete", "hq", "--yes")
    status = with_vault.must("secret", "status", "-o", "json").json
    assert (status["secrets"], status["orphans"]) == ([], [])


def test_a_refused_server_leaves_no_secret_behind(with_vault: Mailctl, tmp_path: Path) -> None:
    result = with_vault(
        "server", "add", "hq", "--name", " ", "--preset", "gmail", "--client-cert", tmp_path / "c.pem",
        "--client-key", tmp_path / "k.pem", "--client-key-passphrase-stdin", stdin=CANARY.encode(),
    )  # fmt: skip
    assert result.code == 2
    assert with_vault.must("secret", "status", "-o", "json").json["orphans"] == []


def test_a_dry_run_stores_nothing(with_vault: Mailctl, tmp_path: Path) -> None:
    add(with_vault, tmp_path, "--dry-run")
    status = with_vault.must("secret", "status", "-o", "json").json
    assert (status["secrets"], status["orphans"]) == ([], [])


def test_two_ways_at_once_are_refused(with_vault: Mailctl, tmp_path: Path) -> None:
    result = with_vault(
        "server", "add", "hq", "--name", "HQ", "--preset", "gmail", "--client-cert", tmp_path / "c.pem",
        "--client-key", tmp_path / "k.pem", "--client-key-passphrase-stdin", "--client-key-passphrase-from", "env:X",
        stdin=b"x",
    )  # fmt: skip
    assert result.code == 2
