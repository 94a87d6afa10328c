"""`mailctl sysmail show | activate | deactivate | unset`: never set, active, inactive."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.cli.conftest import Mailctl

Show = Callable[[], dict[str, Any]]


@pytest.fixture
def account(site: Mailctl) -> Mailctl:
    site.must(
        "sysmail", "set", "--address", "noreply@example.org", "--sender-name", "本社", "--server", "hq",
        "--username", "noreply", "--password-from", "env:PASSWORD",
    )  # fmt: skip
    return site


def test_before_the_first_set_all_but_the_state_is_null(mailctl: Mailctl) -> None:
    assert mailctl.must("sysmail", "show").out == "sysmail  never set\n"
    result = mailctl.must("sysmail", "show", "-o", "json")
    assert result.json["schema_version"] == 1
    shown = result.json["sysmail"]
    assert shown.pop("state") == "never-set"
    assert set(shown) > {"address", "server", "username", "password", "smtp", "tls", "pop_before_smtp"}
    assert set(shown.values()) == {None}
    assert not mailctl.config.exists()


def test_the_state_comes_first(account: Mailctl) -> None:
    assert account.must("sysmail", "show").out == (
        "sysmail  active\n"
        "  from           本社 <noreply@example.org>\n"
        "  envelope from  noreply@example.org\n"
        "  utf-8 headers  no\n"
        "  server         'hq' of the catalogue: smtp smtp.example.org:465 tls\n"
        "                 time-out 10 s\n"
        "  login          noreply by plain\n"
        "  secret         sysmail/password at env:PASSWORD: there\n"
    )
    account.must("sysmail", "deactivate")
    assert account.must("sysmail", "show").out.startswith("sysmail  inactive\n")


def test_a_dedicated_server_with_pop_before_smtp(site: Mailctl) -> None:
    site.must(
        "sysmail", "set", "--address", "noreply@example.org", "--smtp-host", "relay.example.org",
        "--smtp-security", "none", "--reply-to", "help@example.org", "--local-recipient", "root@example.org",
        "--pop-before-smtp", "--pop-host", "pop.example.org", "--pop-username", "gate", "--pop-wait", "3", "--apop",
        "--pop-password-from", "env:PASSWORD",
    )  # fmt: skip
    assert site.must("sysmail", "show").out == (
        "sysmail  active\n"
        "  from             noreply@example.org\n"
        "  reply to         help@example.org\n"
        "  envelope from    noreply@example.org\n"
        "  local recipient  root@example.org gets mail for names without a domain\n"
        "  utf-8 headers    no\n"
        "  server           dedicated: smtp relay.example.org:25 none\n"
        "                   time-out 10 s\n"
        "  pop before smtp  apop pop.example.org:995 tls, as gate\n"
        "                   waits 3 s before sending, time-out 10 s\n"
        "  secret           sysmail/pop-password at env:PASSWORD: there\n"
    )


def test_switching_off_and_on_keeps_everything_else(account: Mailctl, show: Show) -> None:
    before = show()
    off = account.must("sysmail", "deactivate", "-o", "json").json
    assert (off["changed"], off["sysmail"]["state"]) == (True, "inactive")
    assert account.must("sysmail", "deactivate", "-o", "json").json["changed"] is False
    account.must("sysmail", "activate")
    assert show() == before


@pytest.mark.parametrize("command", ["activate", "deactivate"])
def test_what_was_never_set_cannot_be_switched(mailctl: Mailctl, command: str) -> None:
    result = mailctl("sysmail", command, "-o", "json")
    assert result.code == 3
    assert result.error["code"] == "not-found"
    assert not mailctl.config.exists()


def test_a_dry_run_switches_nothing(account: Mailctl, show: Show) -> None:
    result = account.must("sysmail", "deactivate", "--dry-run")
    assert "active" in result.out
    assert show()["state"] == "active"


def test_unset_asks_or_takes_yes(account: Mailctl, show: Show) -> None:
    before = account.settings()
    refused = account("sysmail", "unset")
    assert refused.code == 2
    assert "--yes" in refused.err
    assert "noreply@example.org" in refused.err
    assert account.must("sysmail", "unset", "--dry-run", "-o", "json").json["changed"] is True
    assert account.settings() == before
    assert account.must("sysmail", "unset", "--yes", "-o", "json").json["sysmail"]["state"] == "never-set"
    assert show()["state"] == "never-set"
    assert "[sysmail]" not in account.settings()


def test_unsetting_what_was_never_set_changes_nothing(mailctl: Mailctl) -> None:
    result = mailctl("sysmail", "unset")
    assert (result.code, result.err) == (0, "nothing to change: the account was never set\n")
