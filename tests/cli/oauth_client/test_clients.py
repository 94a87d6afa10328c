"""`mailctl oauth client`: registered, shown, edited, deleted; its secrets stay where they belong."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.cli.completion.test_completion import offered

from .conftest import OWN

if TYPE_CHECKING:
    from tests.cli.conftest import Mailctl, Result

ID = ("--client-id", "id")


def client(mailctl: Mailctl, *arguments: str | Path, stdin: bytes = b"") -> Result:
    return mailctl("oauth", "client", *arguments, stdin=stdin)


def shown(mailctl: Mailctl, name: str) -> Any:
    return mailctl.must("oauth", "client", "show", name, "-o", "json").json["client"]


@pytest.fixture
def vault(mailctl: Mailctl, tmp_path: Path) -> Mailctl:
    mailctl.must("secret", "backend", "vault", "--key-file", tmp_path / "vault.key")
    return mailctl


def test_a_client_is_registered_with_its_secret_in_the_backend(vault: Mailctl) -> None:
    result = client(vault, "add", "google", "--provider", "google", *ID, "--client-secret-stdin", "-o", "json",
                    stdin=b"canary-0815\n")  # fmt: skip
    assert result.code == 0, result
    assert result.json["changed"] is True
    assert result.json["client"] == shown(vault, "google") == {
        "name": "google", "provider": "google", "client_id": "id",
        "client_secret": {"reference": "vault:oauth-client:google/secret", "present": True},
        "client_secret_expires": None, "certificate": None, "key": None, "service_account": None,
        "directory_id": None, "authorize_url": None, "token_url": None, "device_url": None, "revoke_url": None,
        "issuer": None, "scopes": [], "graph_url": None,
    }  # fmt: skip
    for path in vault.config.parent.iterdir():
        assert b"canary-0815" not in path.read_bytes(), path


def test_every_field_of_a_custom_client(vault: Mailctl, tmp_path: Path) -> None:
    (tmp_path / "c.pem").touch()
    vault.must(
        "oauth", "client", "add", "own", "--provider", "custom", *ID, *OWN, "--device-url", "https://x.example/d",
        "--revoke-url", "https://x.example/r", "--graph-url", "http://127.0.0.1:8080/v1.0", "--scope", "mail",
        "--scope", "offline_access", "--certificate", tmp_path / "c.pem", "--key-from", "env:KEY",
        "--service-account-from", "file:sa.json",
    )  # fmt: skip
    own = shown(vault, "own")
    assert own["scopes"] == ["mail", "offline_access"]
    assert own["certificate"] == str(tmp_path / "c.pem")
    assert own["key"] == {"reference": "env:KEY", "present": False}
    assert own["service_account"]["reference"] == f"file:{Path.cwd() / 'sa.json'}"
    assert (own["device_url"], own["graph_url"]) == ("https://x.example/d", "http://127.0.0.1:8080/v1.0")


def test_clients_are_listed_in_their_order_with_their_users(site: Mailctl) -> None:
    site.must("server", "add", "g", "--name", "G", "--oauth-client", "google")
    clients = site.must("oauth", "client", "list", "-o", "json").json["clients"]
    assert [entry["name"] for entry in clients] == ["google", "ms", "own", "china"]
    assert clients[0] == shown(site, "google")
    lines = site.must("oauth", "client", "list").out.splitlines()
    assert lines[1].split() == ["google", "google", "id-of-google", "secret", "g"]
    assert "used by        g" in site.must("oauth", "client", "show", "google").out


def test_without_clients_the_list_says_how_to_register_one(mailctl: Mailctl) -> None:
    result = mailctl.must("oauth", "client", "list")
    assert (result.out, "oauth client add" in result.err) == ("", True)
    assert mailctl.must("oauth", "client", "list", "-o", "json").json["clients"] == []


def test_a_client_is_shown_with_its_endpoints_and_never_its_secret(site: Mailctl) -> None:
    told = site.must("oauth", "client", "show", "ms").out
    assert "https://login.microsoftonline.com/contoso/oauth2/v2.0/token" in told
    google = site.must("oauth", "client", "show", "google")
    assert "env:SECRET: there" in google.out
    assert "canary" not in google.out + google.err
    assert "https://login.example.org/authorize" in site.must("oauth", "client", "show", "china").out


def test_edit_without_a_field_says_so(site: Mailctl) -> None:
    result = client(site, "edit", "google", "-o", "json")
    assert (result.code, result.error["message"]) == (2, "name an option: what is to change")


def test_edit_changes_what_is_named_and_clears(site: Mailctl) -> None:
    before = shown(site, "google")
    site.must("oauth", "client", "edit", "google", "--client-id", "new")
    assert shown(site, "google") == {**before, "client_id": "new"}
    site.must("oauth", "client", "edit", "ms", "--clear", "directory-id")
    assert shown(site, "ms")["directory_id"] is None
    assert client(site, "edit", "ms", "--clear", "client_id").code == 2


EXPIRES = "--client-secret-expires"


def test_the_last_day_of_a_secret_is_kept_until_there_is_another(site: Mailctl) -> None:
    edit = ("edit", "ms", "--client-secret-from", "env:SECRET")
    site.must("oauth", "client", *edit, EXPIRES, "2099-12-31")
    assert shown(site, "ms")["client_secret_expires"] == "2099-12-31"
    assert "client_secret_expires = 2099-12-31" in site.settings()
    assert "secret until   2099-12-31" in site.must("oauth", "client", "show", "ms").out
    site.must("oauth", "client", "edit", "ms", "--client-id", "other")
    assert shown(site, "ms")["client_secret_expires"] == "2099-12-31"
    site.must("oauth", "client", *edit)
    assert shown(site, "ms")["client_secret_expires"] is None
    site.must("oauth", "client", *edit, EXPIRES, "2099-12-31")
    site.must("oauth", "client", "edit", "ms", "--clear", "client-secret")
    assert shown(site, "ms")["client_secret_expires"] is None


@pytest.mark.parametrize(("day", "said"), [("2020-01-31", "ended on 2020-01-31"), ("2099-01-31", None)])
def test_the_end_of_a_secret_is_warned_of(site: Mailctl, day: str, said: str | None) -> None:
    result = site.must("oauth", "client", "edit", "ms", "--client-secret-from", "env:SECRET", EXPIRES, day)
    for told in (result, site.must("oauth", "client", "show", "ms")):
        assert ("the secret of 'ms'" in told.err) is (said is not None)
        if said:
            assert said in told.err
            assert "mailctl oauth client edit ms --client-secret-stdin --client-secret-expires YYYY-MM-DD" in told.err


@pytest.mark.parametrize("day", ["31.12.2099", "2099-13-01", "2099-W01-1", "20991231", "soon", ""])
def test_what_is_no_day_is_refused(site: Mailctl, day: str) -> None:
    result = client(site, "edit", "ms", "--client-secret-from", "env:SECRET", EXPIRES, day)
    assert result.code == 2
    assert "is not a date: write it YYYY-MM-DD" in result.err


def test_a_day_may_be_text_in_the_file_and_no_moment(site: Mailctl) -> None:
    site.must("oauth", "client", "edit", "ms", "--client-secret-from", "env:SECRET", EXPIRES, "2099-12-31")
    text = site.config.read_text()
    site.config.write_text(text.replace("= 2099-12-31", '= "2099-12-31"'))
    assert shown(site, "ms")["client_secret_expires"] == "2099-12-31"
    site.config.write_text(text.replace("= 2099-12-31", "= 2099-12-31T12:00:00Z"))
    refused = client(site, "show", "ms")
    assert (refused.code, "is not a date" in refused.err) == (5, True)


def test_a_last_day_without_a_secret_is_refused(site: Mailctl) -> None:
    result = client(site, "edit", "ms", EXPIRES, "2099-12-31")
    assert result.code == 2
    assert "needs --client-secret-stdin or --client-secret-from as well" in result.err


def test_what_changes_nothing_leaves_the_file_alone(site: Mailctl) -> None:
    before = site.config.stat().st_mtime_ns
    result = client(site, "edit", "google", "--client-id", "id-of-google", "-o", "json")
    assert (result.code, result.json["changed"]) == (0, False)
    assert site.config.stat().st_mtime_ns == before


@pytest.mark.parametrize(
    "command",
    [
        ("add", "new", "--provider", "microsoft", *ID),
        ("edit", "google", "--client-id", "new"),
        ("delete", "google"),
    ],
)
def test_a_dry_run_writes_nothing(site: Mailctl, command: tuple[str, ...]) -> None:
    before = site.settings()
    assert client(site, *command, "--dry-run").out.startswith("@@")
    as_json = client(site, *command, "--dry-run", "-o", "json").json
    assert (as_json["dry_run"], as_json["changed"]) == (True, True)
    assert site.settings() == before


def test_a_taken_name_is_a_conflict(site: Mailctl) -> None:
    result = client(site, "add", "google", "--provider", "google", *ID, "-o", "json")
    assert result.code == 4
    assert result.error["code"] == "already-exists"


@pytest.mark.parametrize("command", [("show",), ("edit", "--client-id", "x"), ("delete", "--yes")])
def test_an_unknown_client_is_named_with_near_ones_and_how_to_add_it(site: Mailctl, command: tuple[str, ...]) -> None:
    result = client(site, command[0], "goggle", *command[1:], "-o", "json")
    assert result.code == 3
    assert result.error["message"] == "no OAuth client 'goggle' is registered"
    assert "did you mean google?" in result.error["hint"]
    assert "mailctl oauth client add" in result.error["hint"]


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (("--provider", "google", *ID, "--token-url", "https://x.example/t"), "--token-url: is fixed by the provider"),
        (("--provider", "google", *ID, "--authorize-url", "https://x.example/a"), "--authorize-url"),
        (("--provider", "google", *ID, "--device-url", "https://x.example/a"), "--device-url"),
        (("--provider", "google", *ID, "--revoke-url", "https://x.example/a"), "--revoke-url"),
        (("--provider", "google", *ID, "--directory-id", "x"), "--directory-id: is Microsoft's"),
        (("--provider", "google", *ID, "--graph-url", "https://x.example/"), "--graph-url: is Microsoft's"),
        (("--provider", "microsoft", *ID, "--service-account-from", "env:X"), "--service-account-from: is Google's"),
        (("--provider", "custom", *ID, *OWN, "--directory-id", "x"), "--directory-id: is Microsoft's"),
        (("--provider", "microsoft", *ID, "--client-secret-from", "env:X", "--certificate", "C", "--key-from", "env:K"),
         "and a certificate exclude each other"),
    ],
)  # fmt: skip
def test_what_the_provider_fixes_or_excludes_is_a_conflict(
    mailctl: Mailctl, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: tuple[str, ...], named: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "C").touch()
    result = client(mailctl, "add", "new", *options)
    assert result.code == 4, result
    assert named in result.err
    assert not mailctl.config.exists()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ((), "missing: --provider, --client-id"),
        (("--provider", "google"), "missing: --client-id"),
        (("--provider", "yahoo", *ID), "--provider: 'yahoo' is none of: google, microsoft, custom"),
        (("--provider", "google", "--client-id", "a b"), "--client-id: 'a b'"),
        (("--provider", "custom", *ID), "--token-url: is missing"),
        (("--provider", "custom", *ID, "--token-url", "http://login.example.org/"), "--token-url: 'http://login"),
        (("--provider", "custom", *ID, "--token-url", "ftp://x"), "--token-url"),
        (("--provider", "microsoft", *ID, "--key-from", "env:K"), "--certificate: is missing: a certificate goes with"),
        (("--provider", "microsoft", *ID, "--certificate", "nowhere.pem"), "--certificate: there is no file"),
        (("--provider", "google", *ID, "--client-secret-from", "hunter2"), "not a secret reference"),
        (("--provider", "google", *ID, "--client-secret-from", "env:X", "--client-secret-stdin"), "exclude each other"),
        (("--provider", "google", *ID, "--client-secret-stdin"), "--client-secret-stdin: standard input is empty"),
    ],
)
def test_what_is_missing_or_wrong_is_named_by_its_option(mailctl: Mailctl, options: tuple[str, ...], said: str) -> None:
    result = client(mailctl, "add", "new", *options)
    assert result.code == 2, result
    assert said in result.err
    assert "hunter2" not in result.err
    assert not mailctl.config.exists()


@pytest.mark.parametrize("name", ["a b", "a@b", "a:b", "", "sysmail"])
def test_names_follow_the_rule_of_codes(mailctl: Mailctl, name: str) -> None:
    result = client(mailctl, "add", name, "--provider", "google", *ID)
    assert (result.code, result.err.startswith("error: NAME: ")) == (2, True)


def test_a_secret_becomes_a_certificate_only_when_it_is_cleared(site: Mailctl, tmp_path: Path) -> None:
    (tmp_path / "c.pem").touch()
    certificate = ("--certificate", tmp_path / "c.pem", "--key-from", "env:K")
    site.must("oauth", "client", "edit", "ms", "--client-secret-stdin", stdin=b"canary-1")
    assert client(site, "edit", "ms", *certificate).code == 4
    site.must("oauth", "client", "edit", "ms", *certificate, "--clear", "client-secret")
    names = {secret["name"] for secret in site("secret", "status", "-o", "json").json["secrets"]}
    assert names == {"oauth-client:google/secret", "oauth-client:ms/key"}
    assert site("secret", "status", "-o", "json").json["orphans"] == []


def test_each_secret_has_its_slot(site: Mailctl, tmp_path: Path) -> None:
    (tmp_path / "c.pem").touch()
    site.must("oauth", "client", "edit", "ms", "--certificate", tmp_path / "c.pem", "--key-from", "env:SECRET")
    for slot in ("ms/key", "google/secret", "google/service-account"):
        site.must("secret", "set", f"oauth-client:{slot}", "--stdin", stdin=b"canary")
    assert shown(site, "google")["service_account"]["reference"] == "vault:oauth-client:google/service-account"
    assert shown(site, "ms")["key"]["reference"] == "vault:oauth-client:ms/key"
    site.must("secret", "delete", "oauth-client:google/secret", "--yes")
    assert shown(site, "google")["client_secret"] is None
    assert site("secret", "set", "oauth-client:ms/service-account", "--stdin", stdin=b"x").code == 3


def test_a_google_client_without_its_secret_is_warned_of(site: Mailctl) -> None:
    assert "Google wants the client's secret" in client(site, "edit", "google", "--clear", "client-secret").err
    assert "Google wants" not in client(site, "show", "ms").err


def test_a_deletion_asks_and_takes_the_secrets_along(site: Mailctl) -> None:
    site.must("oauth", "client", "edit", "google", "--client-secret-stdin", stdin=b"canary-2")
    refused = client(site, "delete", "google")
    assert refused.code == 2
    assert "--yes" in refused.err
    result = client(site, "delete", "google", "--yes", "-o", "json")
    assert result.json["deleted"] == ["google"]
    assert client(site, "show", "google").code == 3
    status = site.must("secret", "status", "-o", "json").json
    assert (status["secrets"], status["orphans"]) == ([], [])


def test_a_client_in_use_is_not_deleted_and_its_users_are_named(site: Mailctl) -> None:
    site.must("server", "add", "g", "--name", "G", "--oauth-client", "google")
    site.must("sysmail", "set", "--address", "noreply@example.org", "--oauth-client", "google")
    before = site.settings()
    result = client(site, "delete", "google", "--yes", "-o", "json")
    assert result.code == 4
    assert result.error["users"] == {"google": ["g", "sysmail"]}
    assert "--force" in result.error["hint"]
    assert site.settings() == before


def test_by_force_users_keep_their_hosts_and_that_is_said(site: Mailctl, server: Any, sysmail: Any) -> None:
    site.must("server", "add", "g", "--name", "G", "--oauth-client", "google")
    site.must("sysmail", "set", "--address", "noreply@example.org", "--oauth-client", "google")
    result = client(site, "delete", "google", "--yes", "--force")
    assert result.code == 0, result
    assert "g, sysmail used 'google'" in result.err
    for side in (server("g"), sysmail()):
        assert side["oauth_client"] is None
        assert (side["smtp"]["host"], side["smtp"]["auth"]) == ("smtp.gmail.com", "xoauth2")
    site.must("server", "edit", "g", "--smtp-host", "relay.example.org", "--smtp-auth", "auto")


def test_who_sends_through_graph_cannot_lose_its_client_even_by_force(site: Mailctl) -> None:
    site.must("sysmail", "set", "--address", "noreply@example.org", "--oauth-client", "ms", "--graph")
    before = site.settings()
    result = client(site, "delete", "ms", "--yes", "--force", "-o", "json")
    assert result.code == 4
    assert "Microsoft Graph" in result.error["message"]
    assert site.settings() == before


def test_an_edit_that_contradicts_a_user_is_refused(site: Mailctl) -> None:
    site.must("server", "add", "g", "--name", "G", "--oauth-client", "google")
    before = site.settings()
    result = client(site, "edit", "google", "--provider", "microsoft")
    assert result.code == 4
    assert "servers[0].smtp.host" in result.err
    assert site.settings() == before


def test_names_are_completed(site: Mailctl) -> None:
    line = f"mailctl --config {site.config} oauth client show g"
    assert offered(line) == ["google"]
    assert offered(f"mailctl --config {site.config} server add x --oauth-client o") == ["own"]


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
def test_on_a_terminal_the_secret_is_asked_for_hidden_and_may_be_none(vault: Mailctl) -> None:
    pexpect = pytest.importorskip("pexpect", reason="needs a pseudo-terminal")
    for name, answer in (("typed", "canary-3"), ("public", "")):
        child = pexpect.spawn(
            sys.executable, ["-m", "mailctl", "--config", str(vault.config), "oauth", "client", "add", name,
                             "--provider", "microsoft", *ID],
            env=os.environ | {"TERM": "xterm"}, encoding="utf-8", timeout=30,
        )  # fmt: skip
        child.expect(f"Secret of '{name}' .not shown")
        child.waitnoecho()
        child.sendline(answer)
        child.expect(pexpect.EOF)
        child.close()
        assert child.exitstatus == 0
        assert "canary" not in child.before
    assert shown(vault, "typed")["client_secret"]["present"] is True
    assert shown(vault, "public")["client_secret"] is None


def test_the_file_names_a_doubled_client_at_its_line(site: Mailctl) -> None:
    site.config.write_text(site.settings().replace('name = "ms"', 'name = "google"'), encoding="utf-8")
    result = client(site, "list", "-o", "json")
    assert result.code == 5
    wheres = [problem["where"] for problem in result.error["problems"]]
    assert wheres == ["oauth_clients[0].name", "oauth_clients[1].name"]
    assert all(problem["line"] for problem in result.error["problems"])


def test_comments_at_a_client_stay(site: Mailctl) -> None:
    site.config.write_text(site.settings().replace('name = "ms"', 'name = "ms" # ours'), encoding="utf-8")
    site.must("oauth", "client", "edit", "ms", "--client-id", "new")
    assert 'name = "ms" # ours\n' in site.settings()


def test_an_account_uses_its_client_until_it_loses_it_by_force(site: Mailctl) -> None:
    account = "taro@gmail.com"
    site.must("account", "add", "--username", account, "--preset", "gmail", "--oauth-client", "google")
    assert f"used by        {account}" in site.must("oauth", "client", "show", "google").out
    refused = client(site, "delete", "google", "--yes", "-o", "json")
    assert refused.code == 4
    assert refused.error["users"] == {"google": [account]}
    deleted = site.must("oauth", "client", "delete", "google", "--yes", "--force", "-o", "json").json
    assert deleted["detached"] == [account]
    shown_now = site.must("account", "show", account, "-o", "json").json["account"]
    assert (shown_now["oauth_client"], shown_now["incoming"]["host"]) == (None, "imap.gmail.com")


@pytest.mark.parametrize(
    ("provider", "client_id", "said"),
    [
        ("google", "foo", "'foo' does not look like a client id of Google's: those end in .apps.googleusercontent.com"),
        ("google", "1-a.apps.googleusercontent.com", None),
        ("microsoft", "my-app", "'my-app' does not look like a client id of Microsoft's: those are GUIDs"),
        ("microsoft", "0A1B2C3D-0000-4000-8000-0123456789ab", None),
    ],
)
def test_an_id_that_is_none_of_the_providers_is_warned_of(
    site: Mailctl, provider: str, client_id: str, said: str | None
) -> None:
    result = site.must("oauth", "client", "add", "new", "--provider", provider, "--client-id", client_id)
    assert said in result.err if said else "does not look" not in result.err


def test_a_client_with_endpoints_of_its_own_may_have_any_id(site: Mailctl) -> None:
    options = ("--client-id", "any", "--token-url", "https://login.example.org/token")
    for provider in ("custom", "microsoft"):
        added = site.must("oauth", "client", "add", f"own-{provider}", "--provider", provider, *options)
        assert "does not look" not in added.err


@pytest.mark.parametrize(
    ("command", "registration"),
    [
        (("sysmail", "set", "--address", "a@x.example", "--oauth-client", "google"), "google --provider google"),
        (("server", "add", "x", "--name", "X", "--oauth-client", "ms2"), "ms2 --provider google|microsoft|custom"),
    ],
)
def test_a_client_that_is_missing_is_registered_by_the_command_that_is_named(
    mailctl: Mailctl, command: tuple[str, ...], registration: str
) -> None:
    refused = mailctl(*command)
    assert refused.code == 3
    assert f"`mailctl oauth client add {registration} --client-id ID` adds one" in refused.err


def test_an_account_at_a_provider_names_the_providers_client(mailctl: Mailctl) -> None:
    refused = mailctl("account", "add", "--username", "taro@gmail.com", "--preset", "gmail", "--auth", "oauth2")
    assert refused.code == 3
    assert "`mailctl oauth client add google --provider google --client-id ID` adds one" in refused.err


def test_what_is_to_be_authorised_first_is_the_only_next_step(mailctl: Mailctl) -> None:
    mailctl.must("oauth", "client", "add", "google", "--provider", "google", "--client-id", "id")
    told = mailctl.must("sysmail", "set", "--address", "a@x.example", "--oauth-client", "google").err
    assert told.count("next: ") == 1
    assert "next: `mailctl oauth authorize sysmail`" in told
    options = ("--username", "taro@gmail.com", "--preset", "gmail", "--auth", "oauth2")
    told = mailctl.must("account", "add", *options).err
    assert told.count("next: ") == 1
    assert "next: `mailctl oauth authorize taro@gmail.com`" in told
