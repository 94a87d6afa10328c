"""`mailctl secret delete`."""

from __future__ import annotations

from pathlib import Path

from tests.credentials.keyring_doubles import MODULE, Memory


def test_a_secret_goes_with_its_name(mailctl, keyring) -> None:
    mailctl.must("secret", "set", "relay", "--stdin", stdin=b"s")
    mailctl.must("secret", "set", "other", "--stdin", stdin=b"s")
    result = mailctl.must("secret", "delete", "relay", "--yes", "-o", "json")
    assert result.json == {"schema_version": 1, "changed": True, "secret": {"name": "relay"}}
    assert [user for _, user in keyring] == ["other"]
    assert [secret["name"] for secret in mailctl.must("secret", "status", "-o", "json").json["secrets"]] == ["other"]


def test_without_a_terminal_deletion_needs_yes(mailctl, keyring) -> None:
    mailctl.must("secret", "set", "relay", "--stdin", stdin=b"s")
    result = mailctl("secret", "delete", "relay")
    assert result.code == 2
    assert "--yes" in result.err
    assert len(keyring) == 1


def test_a_dry_run_deletes_nothing(mailctl, keyring) -> None:
    mailctl.must("secret", "set", "relay", "--stdin", stdin=b"s")
    before = mailctl.settings()
    result = mailctl.must("secret", "delete", "relay", "--dry-run")
    assert '-relay = "keyring:' in result.out
    assert (mailctl.settings(), len(keyring)) == (before, 1)


def test_an_unknown_name_is_not_found(mailctl, keyring) -> None:
    assert mailctl("secret", "delete", "nothing", "--yes").code == 3
    assert mailctl("secret", "delete", "server:x/client-key-passphrase", "--yes").code == 3


def test_a_borrowed_secret_stays_where_it_is(mailctl, keyring, tmp_path: Path) -> None:
    keyring["another program", "user"] = "theirs"
    given = tmp_path / "given"
    given.write_text("s")
    given.chmod(0o600)
    mailctl.config.write_text(
        '[secrets.named]\nfile = "file:given"\nkeyring = "keyring:another program/user"\n', encoding="utf-8"
    )
    mailctl.must("secret", "delete", "file", "--yes")
    mailctl.must("secret", "delete", "keyring", "--yes")
    assert given.read_text() == "s"
    assert keyring == {("another program", "user"): "theirs"}
    assert mailctl.must("secret", "status", "-o", "json").json["secrets"] == []


def test_a_secret_that_another_entry_uses_is_a_conflict(mailctl, keyring, tmp_path: Path) -> None:
    stored = mailctl.must("secret", "set", "shared", "--stdin", "-o", "json", stdin=b"s")
    for name in ("cert.pem", "key.pem"):
        (tmp_path / name).write_text("")
    mailctl.add_server(
        "hq", "--client-cert", str(tmp_path / "cert.pem"), "--client-key", str(tmp_path / "key.pem"),
        "--client-key-passphrase-from", stored.json["secret"]["reference"],
    )  # fmt: skip
    result = mailctl("secret", "delete", "shared", "--yes", "-o", "json")
    assert result.code == 4
    assert result.error["users"] == ["server:hq/client-key-passphrase"]
    assert len(keyring) == 1


def test_whose_a_secret_is_is_told(mailctl, keyring) -> None:
    mailctl.must(
        "sysmail", "set", "--address", "a@example.org", "--smtp-host", "mail.example.org", "--smtp-auth", "plain",
        "--username", "a", "--password-stdin", stdin=b"s",
    )  # fmt: skip
    asked = mailctl("secret", "delete", "sysmail/password")
    assert asked.code == 2
    assert "sysmail uses it. Delete the secret 'sysmail/password'?" in asked.err
    rehearsed = mailctl.must("secret", "delete", "sysmail/password", "--dry-run")
    assert "sysmail would be without it" in rehearsed.err
    assert len(keyring) == 1
    deleted = mailctl.must("secret", "delete", "sysmail/password", "--yes")
    assert "warning: sysmail used it, and is without it now" in " ".join(deleted.err.split())
    assert keyring == {}


def test_whose_a_grant_is_is_told(mailctl, keyring) -> None:
    mailctl.config.write_text('[secrets.grants]\n"bob@example.org" = "keyring:mailctl/x"\n', encoding="utf-8")
    result = mailctl("secret", "delete", "oauth/bob@example.org")
    assert "bob@example.org uses it." in result.err


def test_a_secret_that_cannot_be_deleted_is_named_as_an_orphan(mailctl, keyring, monkeypatch) -> None:
    stored = mailctl.must("secret", "set", "relay", "--stdin", "-o", "json", stdin=b"s")
    monkeypatch.setenv("MAILCTL_KEYRING_BACKEND", f"{MODULE}.Stubborn")
    result = mailctl("secret", "delete", "relay", "--yes", "-o", "json")
    assert result.code == 6
    assert result.error["orphans"] == [stored.json["secret"]["reference"]]
    assert "relay" not in mailctl.settings()
    assert list(Memory.entries.values()) == ["s"]


def test_an_orphan_is_listed_and_can_be_deleted(mailctl, tmp_path: Path) -> None:
    mailctl.must("secret", "backend", "vault", "--key-file", tmp_path / "key")
    chosen = mailctl.settings()
    mailctl.must("secret", "set", "relay", "--stdin", stdin=b"s")
    mailctl.config.write_text(chosen, encoding="utf-8")
    assert mailctl.must("secret", "status", "-o", "json").json["orphans"] == ["vault:relay"]
    assert mailctl.must("secret", "delete", "relay", "--yes").err == "deleted 'relay'\n"
    assert mailctl.must("secret", "status", "-o", "json").json["orphans"] == []
    assert mailctl("secret", "delete", "relay", "--yes").code == 3
