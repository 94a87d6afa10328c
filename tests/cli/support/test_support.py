"""`mailctl support`: whom to ask, what goes with a request, and nothing of it a secret."""

from __future__ import annotations

import email
import email.policy
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.doubles.scripted import ScriptedServer
from tests.doubles.smtp import SmtpServer
from tests.servers.dovecot import Dovecot
from tests.servers.people import Person
from tests.servers.postfix import Postfix
from tests.servers.processes import wait_for

if TYPE_CHECKING:
    from tests.cli.conftest import Mailctl

REQUEST = ("support", "request", "--subject", "遅延", "--body", "Since 9:00.")
CANARY = "canary-7f3a"


@pytest.fixture
def site(mailctl: Mailctl, postfix: Postfix, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Mailctl:
    """An organisation that sends by the real Postfix, and a tenant without a server; references lead to a canary."""
    monkeypatch.setenv(CANARY.upper().replace("-", "_"), CANARY)
    secret = tmp_path / f"{CANARY}-file"
    secret.write_text(CANARY, encoding="utf-8")
    secret.chmod(0o600)
    mailctl.must(
        "sysmail", "set", "--address", "noreply@example.test", "--smtp-host", "localhost", "--smtp-port",
        str(postfix.smtp_port), "--smtp-security", "starttls", "--ca-file", postfix.ca_file,
    )  # fmt: skip
    mailctl.must("tenant", "add", "acme", "--name", "Acme", "--address", "acme@example.test")
    login = ("--smtp-host", "mail.globex.example", "--smtp-auth", "auto", "--username", "it")
    mailctl.must("tenant", "add", "globex", "--name", "Globex Secretive", *login, "--password-from", f"file:{secret}")
    return mailctl


def support(mailctl: Mailctl) -> dict[str, Any]:
    found = mailctl.must("support", "show", "-o", "json").json["support"]
    assert isinstance(found, dict)
    return found


def attached(mailctl: Mailctl, *options: str) -> dict[str, Any]:
    """Return the system information that a request would carry."""
    found = json.loads(mailctl.must(*REQUEST, *options, "--dry-run", "-o", "json").json["system_info"])
    assert isinstance(found, dict)
    return found


def test_the_options_are_off_until_they_are_set(site: Mailctl) -> None:
    assert support(site) == {"address": None, "tenant_addresses": False, "attach_system_info": False}
    changed = site.must("support", "set", "--address", "help@example.test", "--attach-system-info", "-o", "json").json
    assert changed["changed"] is True
    assert changed["support"] == support(site)
    assert support(site) == {"address": "help@example.test", "tenant_addresses": False, "attach_system_info": True}
    assert site.must("support", "show").out == (
        "support\n  address   help@example.test\n  tenants   have none of their own\n  attached  system information\n"
    )
    assert site.must("support", "set", "--attach-system-info", "-o", "json").json["changed"] is False
    site.must("support", "set", "--clear", "address", "--no-attach-system-info")
    assert support(site)["address"] is None


def test_a_dry_run_of_set_writes_nothing(site: Mailctl) -> None:
    before = site.settings()
    assert '+address = "help@example.test"' in site.must("support", "set", "--address", "help@example.test",
                                                         "--dry-run").out  # fmt: skip
    assert site.settings() == before
    assert site("support", "set").code == 2
    assert "--address: 'nobody' is not an address" in site("support", "set", "--address", "nobody").err


def test_without_an_address_nobody_can_be_asked(site: Mailctl) -> None:
    refused = site(*REQUEST, "--yes", "-o", "json")
    assert refused.code == 3
    assert "mailctl support set --address ADDRESS" in refused.error["hint"]


@pytest.mark.parametrize("missing", ["--subject", "--body"])
def test_what_is_missing_is_named(site: Mailctl, missing: str) -> None:
    site.must("support", "set", "--address", "help@example.test")
    given = {"--subject": "Late", "--body": "Since 9:00."}
    del given[missing]
    refused = site("support", "request", *(word for pair in given.items() for word in pair), "--yes", "-o", "json")
    assert (refused.code, refused.error["missing"]) == (2, [missing])


def test_a_request_is_shown_and_sent_only_where_somebody_agrees(site: Mailctl, monkeypatch: pytest.MonkeyPatch) -> None:
    site.must("support", "set", "--address", "help@example.test", "--attach-system-info")
    with ScriptedServer(SmtpServer(security="none").script) as server:
        site.must("sysmail", "set", "--smtp-host", "127.0.0.1", "--smtp-port", str(server.port), "--smtp-security",
                  "none", "--clear", "ca-file")  # fmt: skip
        refused = site(*REQUEST)
        assert refused.code == 2
        assert "--yes" in refused.err
        site.must(*REQUEST, "--dry-run")
        assert not server.connections
        sent = site.must(*REQUEST, "--yes")
        assert len(server.messages) == 1
    for said in ("help@example.test", "遅延", "Since 9:00.", "system-information.json", "CPython", "--dry-run"):
        assert said in sent.err


def test_a_request_is_summed_up_on_one_screen_before_it_is_sent_and_shown_whole_on_demand(
    site: Mailctl, tmp_path: Path
) -> None:
    site.must("support", "set", "--address", "help@example.test", "--attach-system-info")
    assert site("test", "send", "tenant:globex", "--depth", "connect", "--timeout", "0.2").code == 10
    text = tmp_path / "text.txt"
    text.write_text("".join(f"line {number}\n" for number in range(100)), encoding="utf-8")
    request = ("support", "request", "--subject", "Late", "--body-file", text)
    refused = site(*request)
    assert refused.code == 2
    shown = refused.err
    assert len(shown.splitlines()) <= 24
    assert "line 0\n" in shown
    assert "line 99" not in shown
    assert "… and 92 more lines\n" in shown
    assert "  settings    without any secret: 0 servers, 0 OAuth clients, the system mail account;" in shown
    assert "  last tests  1 failed: tenant:globex\n" in shown
    assert site("test", "all", "--timeout", "0.2").code
    assert "tenant:globex (send), tenant:globex (all)" in " ".join(site(*request).err.split())
    for_tenant = site(*request, "--tenant", "acme").err
    assert "  settings    without any secret: the tenant's own\n" in for_tenant
    assert "  last tests  none\n" in for_tenant
    rehearsed = site.must(*request, "--dry-run").out
    assert "line 99\n" in rehearsed
    assert '"last_tests"' in rehearsed


def test_a_request_as_it_arrives(site: Mailctl, dovecot: Dovecot, person: Person, tmp_path: Path) -> None:
    log = tmp_path / "ログ.txt"
    log.write_text("late", encoding="utf-8")
    site.must("support", "set", "--address", person.address, "--attach-system-info")
    site.must(*REQUEST, "--attach", log, "--yes")
    wait_for(lambda: len(dovecot.messages(person.address)) == 1, "delivery")
    message = email.message_from_bytes(dovecot.messages(person.address)[0], policy=email.policy.default)
    assert (message["Subject"], message["From"], message["To"]) == ("遅延", "noreply@example.test", person.address)
    parts = {part.get_filename(): part for part in message.walk() if part.get_filename()}
    assert set(parts) == {"ログ.txt", "system-information.json"}
    facts = json.loads(parts["system-information.json"].get_content())
    assert facts["settings"]["sysmail"]["smtp"]["host"] == "localhost"
    assert {"mailctl", "platform", "python", "tls_library", "settings", "last_tests"} <= facts.keys()


def test_a_request_may_say_the_same_in_html(site: Mailctl, tmp_path: Path) -> None:
    site.must("support", "set", "--address", "help@example.net")
    page = tmp_path / "page.html"
    page.write_text("<p>Since <b>9:00</b>.</p>", encoding="utf-8")
    shown = site.must(*REQUEST, "--html-file", page, "--dry-run").out
    assert "html      25 bytes" in shown
    assert "<p>Since <b>9:00</b>.</p>" in shown
    message = email.message_from_string(
        site.must(*REQUEST, "--html-file", page, "--dry-run", "-o", "json").json["message"]
    )
    assert [part.get_content_type() for part in message.walk()] == ["multipart/alternative", "text/plain", "text/html"]


def test_a_tenant_asks_in_its_own_name_and_about_itself_alone(site: Mailctl, dovecot: Dovecot, person: Person) -> None:
    site.must("support", "set", "--address", "help@example.test", "--tenant-addresses", "--attach-system-info")
    site.must("tenant", "edit", "acme", "--support-address", person.address)
    site.must(*REQUEST, "--tenant", "acme", "--yes")
    wait_for(lambda: len(dovecot.messages(person.address)) == 1, "delivery")
    message = email.message_from_bytes(dovecot.messages(person.address)[0], policy=email.policy.default)
    assert message["From"] == "acme@example.test"
    facts = attached(site, "--tenant", "acme")
    assert facts["settings"]["tenant"]["code"] == "acme"
    assert "Globex" not in json.dumps(facts)
    assert "localhost" not in json.dumps(facts["settings"])


def test_an_older_address_of_a_tenant_is_not_used_while_tenants_may_have_none(site: Mailctl) -> None:
    site.must("support", "set", "--address", "help@example.test", "--tenant-addresses")
    site.must("tenant", "edit", "acme", "--support-address", "own@acme.example")
    own = ("--tenant", "acme", "--dry-run", "-o", "json")
    assert site.must(*REQUEST, *own).json["recipients"] == ["own@acme.example"]
    changed = site.must("support", "set", "--no-tenant-addresses")
    assert "have one, unused: acme" in changed.err
    assert site.must(*REQUEST, *own).json["recipients"] == ["help@example.test"]
    shown = site.must("tenant", "show", "acme", "-o", "json").json["tenant"]
    assert shown["effective"]["support_address"] == {"value": "help@example.test", "from": "global"}
    assert "the support address is not used" in site.must("tenant", "show", "acme").err
    assert site("tenant", "edit", "acme", "--support-address", "new@acme.example").code == 4
    site.must("tenant", "edit", "acme", "--sender-name", "Acme")
    site.must("tenant", "edit", "acme", "--clear", "support-address")


def test_while_sending_is_off_nothing_is_asked(site: Mailctl) -> None:
    site.must("support", "set", "--address", "help@example.test")
    site.must("sysmail", "deactivate")
    assert site(*REQUEST, "--yes").code == 7


def test_a_refused_address_is_told(site: Mailctl, dovecot: Dovecot) -> None:
    site.must("support", "set", "--address", "nobody@example.test")
    refused = site(*REQUEST, "--yes", "-o", "json")
    assert refused.code == 13


def test_system_information_is_attached_as_the_options_say(site: Mailctl) -> None:
    site.must("support", "set", "--address", "help@example.test")

    def has_facts(*options: str) -> bool:
        return site.must(*REQUEST, *options, "--dry-run", "-o", "json").json["system_info"] is not None

    assert (has_facts(), has_facts("--system-info")) == (False, True)
    site.must("support", "set", "--attach-system-info")
    assert (has_facts(), has_facts("--no-system-info")) == (True, False)


def test_of_references_to_secrets_there_is_the_kind_alone(site: Mailctl, monkeypatch: pytest.MonkeyPatch) -> None:
    site.must("support", "set", "--address", "help@example.test", "--attach-system-info")
    site.must("oauth", "client", "add", "office", "--provider", "microsoft", "--client-id", "id",
              "--client-secret-from", "env:CANARY_7F3A")  # fmt: skip
    site.must("sysmail", "set", "--smtp-auth", "auto", "--username", "u", "--password-from",
              f"command:pass show {CANARY}")  # fmt: skip
    facts = attached(site)
    assert facts["settings"]["sysmail"]["password"] == "command:…"
    assert facts["settings"]["oauth_clients"][0]["client_secret"] == "env:…"
    assert facts["settings"]["number_of_tenants"] == 2
    assert attached(site, "--tenant", "globex")["settings"]["tenant"]["password"] == "file:…"
    for options in ((), ("--tenant", "globex")):
        assert "canary" not in json.dumps(attached(site, *options)).lower()


def test_the_results_of_a_server_that_is_gone_are_no_other_servers(site: Mailctl) -> None:
    """A code may be used again: what was found of the server that had it before says nothing of the new one."""
    site.must("support", "set", "--address", "help@example.test", "--attach-system-info")
    gone = ("--smtp-port", "1", "--smtp-security", "none", "--smtp-host", "127.0.0.1", "--incoming-host", "127.0.0.1")
    site.add_server("old", *gone)
    assert site("test", "send", "old", "--depth", "connect").code == 10
    assert "old" in {result["target"] for result in attached(site)["last_tests"]}
    site.must("server", "delete", "old", "--yes")
    site("test", "send", "tenant:globex", "--depth", "connect", "--timeout", "0.2")
    site.add_server("old", *gone)
    assert "old" not in {result["target"] for result in attached(site)["last_tests"]}


def test_what_the_last_tests_found_goes_with_a_request(site: Mailctl, person: Person) -> None:
    site.must("support", "set", "--address", "help@example.test", "--attach-system-info")
    site.must("test", "send", "--to", person.address)
    assert site("test", "send", "tenant:globex", "--depth", "connect", "--timeout", "0.2").code == 10
    assert site("test", "send", "tenant:acme", "--to", "nobody@example.test").code == 13
    by_target = {result["target"]: result for result in attached(site)["last_tests"]}
    assert list(by_target) == ["sysmail", "tenant:globex", "tenant:acme"]
    assert by_target["sysmail"]["ok"] is True
    assert by_target["sysmail"]["steps"][-1] == "smtp message pass"
    failed = by_target["tenant:acme"]["steps"][-1]
    assert failed.startswith("smtp ")
    assert " fail: " in failed
    assert "the server said: 550" in failed
    assert [result["target"] for result in attached(site, "--tenant", "acme")["last_tests"]] == ["tenant:acme"]
    site.must("tenant", "delete", "globex", "--yes")
    assert "tenant:globex" not in {result["target"] for result in attached(site)["last_tests"]}


def test_a_later_result_takes_the_place_of_an_earlier_one(site: Mailctl, person: Person) -> None:
    site.must("support", "set", "--address", "help@example.test", "--attach-system-info")
    for recipient in ("nobody@example.test", person.address):
        result = site("test", "send", "--to", recipient)
    assert result.code == 0
    assert [found["ok"] for found in attached(site)["last_tests"]] == [True]
