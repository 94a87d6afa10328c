"""`mailctl account pop3`: where mail is collected from, in the settings."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.cli.conftest import Mailctl

TARO = "taro@example.org"
SIDES = ("--incoming-protocol", "imap", "--incoming-host", "imap.example.org", "--smtp-host", "smtp.example.org")
OLD = ("--host", "pop.old.example", "--username", "taro", "--into", "旧メール", "--password-from", "env:OLD")


@pytest.fixture
def taro(mailctl: Mailctl, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("TARO", "env-canary-4711")
    mailctl.must("account", "add", TARO, "--username", TARO, "--password-from", "env:TARO", *SIDES)
    return TARO


def sources(mailctl: Mailctl, address: str = TARO) -> list[dict[str, object]]:
    return mailctl.must("account", "pop3", "list", address, "-o", "json").json["pop3"]


def test_a_mailbox_is_added_with_what_follows_from_its_host(mailctl: Mailctl, taro: str) -> None:
    result = mailctl.must("account", "pop3", "add", taro, "旧", *OLD)
    assert "taro@example.org collects from '旧'" in result.err
    assert sources(mailctl) == [
        {
            "name": "旧", "host": "pop.old.example", "port": 995, "security": "tls", "auth": "auto", "apop": False,
            "timeout": 10, "username": "taro", "password": "env:OLD", "into": "旧メール", "delete_after_days": None,
            "tls": {
                "verify": True, "ca_file": None, "pins": [], "client_cert": None, "client_key": None,
                "client_key_passphrase": None,
            },
            "collected": 0, "last_collected_at": None,
        }
    ]  # fmt: skip
    assert '[[accounts.pop3]]\nname = "旧"\nhost = "pop.old.example"\n' in mailctl.settings()


def test_the_list_says_what_becomes_of_the_mail(mailctl: Mailctl, taro: str) -> None:
    assert "collects from nowhere" in mailctl.must("account", "pop3", "list", taro).err
    mailctl.must("account", "pop3", "add", taro, "old", *OLD)
    mailctl.must("account", "pop3", "add", taro, "older", *OLD, "--username", "t", "--delete-after", "30")
    assert mailctl.must("account", "pop3", "list", taro).out == (
        "NAME   MAILBOX                  INTO      ON THE SERVER          COLLECTED  LAST\n"
        "old    taro at pop.old.example  旧メール  kept                   0          never\n"
        "older  t at pop.old.example     旧メール  deleted after 30 days  0          never\n"
    )


def test_a_changed_mailbox_keeps_what_was_not_named(mailctl: Mailctl, taro: str) -> None:
    mailctl.must("account", "pop3", "add", taro, "old", *OLD, "--delete-after", "7")
    mailctl.must("account", "pop3", "edit", taro, "old", "--into", "inbox", "--name", "new", "--security", "starttls")
    [source] = sources(mailctl)
    assert (source["name"], source["into"], source["port"]) == ("new", "INBOX", 110)
    assert (source["delete_after_days"], source["password"]) == (7, "env:OLD")
    mailctl.must("account", "pop3", "edit", taro, "new", "--keep")
    assert sources(mailctl)[0]["delete_after_days"] is None
    before = mailctl.settings()
    result = mailctl.must("account", "pop3", "edit", taro, "new", "--keep", "-o", "json").json
    assert result["changed"] is False
    assert mailctl.settings() == before


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("add", TARO, "x", "--host", "h.example"), 2, "missing: --username, --into"),
        (("add", TARO, "x", *OLD[:-2], "--username", "t"), 2, "missing: --password-stdin or --password-from"),
        (("add", TARO, "x", *OLD, "--keep", "--delete-after", "3"), 2, "exclude each other"),
        (("add", TARO, "x", *OLD, "--delete-after", "-3"), 2, "--delete-after: '-3' is no whole number of days"),
        (("add", TARO, "x", *OLD, "--delete-after", "9999"), 2, "more than 3650 days"),
        (("add", TARO, "x", *OLD, "--apop", "--auth", "plain"), 4, "APOP excludes an incoming authentication"),
        (("add", TARO, "old", *OLD), 4, "collects from a mailbox 'old' already"),
        (("add", TARO, "x", *OLD), 4, "collects from taro at pop.old.example already, as 'old'"),
        (("edit", TARO, "old"), 2, "name an option: what is to change"),
        (("edit", TARO, "odl", "--keep"), 3, "did you mean old?"),
        (("delete", TARO, "none", "--yes"), 3, "no POP3 mailbox named 'none'"),
        (("delete", TARO, "old"), 2, "--yes"),
        (("collect", TARO, "none"), 3, "no POP3 mailbox named 'none'"),
        (("add", "hanako@example.org", "x", *OLD), 3, "no account"),
    ],
)
def test_what_is_wrong_is_named(mailctl: Mailctl, taro: str, arguments: tuple[str, ...], code: int, said: str) -> None:
    mailctl.must("account", "pop3", "add", taro, "old", *OLD)
    before = mailctl.settings()
    result = mailctl("account", "pop3", *arguments)
    assert (result.code, said in result.err) == (code, True), result.err
    assert mailctl.settings() == before


def test_nothing_is_collected_where_there_is_nowhere_from(mailctl: Mailctl, taro: str) -> None:
    result = mailctl("account", "pop3", "collect", taro)
    assert result.code == 2
    assert "mailctl account pop3 add taro@example.org" in result.err


def test_a_mailbox_behind_pop3_has_no_folder_to_collect_into(mailctl: Mailctl) -> None:
    mailctl.must(
        "account", "add", TARO, "--username", TARO, "--password-from", "env:TARO", *SIDES, "--incoming-protocol", "pop3"
    )  # fmt: skip
    result = mailctl("account", "pop3", "add", TARO, "old", *OLD)
    assert result.code == 2
    assert "read over POP3, which has no folders" in result.err


def test_a_dry_run_shows_the_difference_and_writes_nothing(mailctl: Mailctl, taro: str) -> None:
    before = mailctl.settings()
    result = mailctl.must("account", "pop3", "add", taro, "old", *OLD, "--dry-run")
    assert "+[[accounts.pop3]]" in result.out
    assert mailctl.settings() == before


def test_a_given_password_is_stored_and_goes_with_its_mailbox(
    mailctl: Mailctl, taro: str, keyring: dict[tuple[str, str], str]
) -> None:
    mailctl.must("account", "pop3", "add", taro, "old", *OLD[:-2], "--password-stdin", stdin=b"s3cret-pop\n")
    assert list(keyring.values()) == ["s3cret-pop"]
    assert "s3cret-pop" not in mailctl.settings()
    listed = mailctl.must("secret", "status", "-o", "json").json["secrets"]
    assert "account:taro@example.org/pop3/old/password" in [secret["name"] for secret in listed]
    shown = mailctl.must("account", "show", taro, "-o", "json").json["account"]
    assert shown["password"]["reference"] == "env:TARO"
    assert "old: taro at pop.old.example, into 旧メール" in mailctl.must("account", "show", taro).out
    mailctl.must("secret", "set", "account:taro@example.org/pop3/old/password", "--stdin", stdin=b"an0ther\n")
    assert "an0ther" in keyring.values()
    mailctl.must("account", "pop3", "delete", taro, "old", "--yes")
    assert list(keyring.values()) == []
    assert sources(mailctl) == []


def test_an_edited_account_keeps_where_it_collects_from(mailctl: Mailctl, taro: str) -> None:
    mailctl.must("account", "pop3", "add", taro, "old", *OLD)
    mailctl.must("account", "edit", taro, "--display-name", "Taro", "--address", "t@example.org")
    assert [source["name"] for source in sources(mailctl, "t@example.org")] == ["old"]
