"""Sending in a tenant's name: every row of the precedence, on the real Postfix, Graph, and scripted servers."""

from __future__ import annotations

import base64
import email
import email.policy
import io
import re
from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.cli.oauth.conftest import Site
from tests.doubles.graph import GraphServer
from tests.doubles.scripted import ScriptedServer
from tests.doubles.smtp import SmtpServer, ehlo_reply
from tests.servers.authorisation_server import AuthorisationServer
from tests.servers.dovecot import Dovecot
from tests.servers.people import ALICE, BOB, Person
from tests.servers.postfix import Postfix
from tests.servers.processes import wait_for

from mailctl.sendmail.submission import run as run_sendmail

if TYPE_CHECKING:
    from tests.cli.conftest import Mailctl, Result

NOTE = ("--subject", "Note", "--body", "hello")
PLAIN = ehlo_reply(b"AUTH PLAIN")


@pytest.fixture
def real_site(mailctl: Mailctl, postfix: Postfix, monkeypatch: pytest.MonkeyPatch) -> Mailctl:
    """The global sender logs in as Alice; `own` sends through a server of its own as Bob, `lean` has none."""
    monkeypatch.setenv("GLOBAL_PASSWORD", ALICE.password)
    monkeypatch.setenv("TENANT_PASSWORD", BOB.password)
    monkeypatch.delenv("MAILCTL_TENANT", raising=False)
    mailctl.must(
        "sysmail", "set", "--address", ALICE.address, "--sender-name", "Global", "--smtp-host", "localhost",
        "--smtp-port", str(postfix.submission_port), "--smtp-security", "starttls", "--smtp-auth", "plain",
        "--username", ALICE.address, "--password-from", "env:GLOBAL_PASSWORD", "--ca-file", postfix.ca_file,
    )  # fmt: skip
    mailctl.must("tenant", "add", "lean", "--name", "Lean", "--address", "lean@example.test")
    mailctl.must(
        "tenant", "add", "own", "--name", "Own", "--address", BOB.address, "--sender-name", "Own", "--smtp-host",
        "localhost", "--smtp-port", str(postfix.smtps_port), "--smtp-security", "tls", "--smtp-auth", "plain",
        "--username", BOB.address, "--password-from", "env:TENANT_PASSWORD", "--ca-file", postfix.ca_file,
    )  # fmt: skip
    return mailctl


def logged_in(postfix: Postfix, queue_id: str) -> str:
    """Return who logged in to Postfix to send a message."""
    found = re.search(rf"{queue_id}: client=.*sasl_username=(\S+)", postfix.log())
    assert found
    return found[1]


def arrived(dovecot: Dovecot, person: Person) -> EmailMessage:
    wait_for(lambda: len(dovecot.messages(person.address)) == 1, "delivery")
    message = email.message_from_bytes(dovecot.messages(person.address)[0], policy=email.policy.default)
    assert isinstance(message, EmailMessage)
    return message


@pytest.mark.parametrize(
    ("options", "sender", "return_path", "login"),
    [
        ((), f"Global <{ALICE.address}>", ALICE.address, ALICE.address),
        (("--tenant", "lean"), "Global <lean@example.test>", "lean@example.test", ALICE.address),
        (("--tenant", "own"), f"Own <{BOB.address}>", BOB.address, BOB.address),
    ],
)
def test_a_message_goes_out_in_the_right_name_by_the_right_login(
    real_site: Mailctl, postfix: Postfix, dovecot: Dovecot, person: Person, options: tuple[str, ...], sender: str,
    return_path: str, login: str,
) -> None:  # fmt: skip
    sent = real_site.must("send", *options, "--to", person.address, *NOTE, "-o", "json").json
    message = arrived(dovecot, person)
    assert message["From"] == sender
    assert message["Return-Path"] == f"<{return_path}>"
    assert logged_in(postfix, sent["queue_id"]) == login


def test_a_rehearsal_says_who_sends_through_whose_server(real_site: Mailctl) -> None:
    routes = {
        code: real_site.must("send", "--tenant", code, "--to", "a@example.org", *NOTE, "--dry-run", "-o", "json").json
        for code in ("lean", "own")
    }
    lean, own = routes["lean"]["route"], routes["own"]["route"]
    assert (lean["origin"], lean["lent_by"], lean["username"]) == ("tenant:lean", "sysmail", ALICE.address)
    assert (own["origin"], own["lent_by"], own["username"]) == ("tenant:own", None, BOB.address)
    assert "tenant:lean, through a dedicated server of sysmail" in real_site.must(
        "send", "--tenant", "lean", "--to", "a@example.org", *NOTE, "--dry-run"
    ).out  # fmt: skip


def test_a_batch_goes_out_for_a_tenant(real_site: Mailctl, dovecot: Dovecot, person: Person, tmp_path: Path) -> None:
    batch = tmp_path / "batch.jsonl"
    batch.write_text(f'{{"to": "{person.address}", "subject": "Note", "body": "hello"}}\n')
    real_site.must("send", "--tenant", "own", "--batch", batch)
    assert arrived(dovecot, person)["From"] == f"Own <{BOB.address}>"


@pytest.mark.parametrize(
    ("arguments", "environment", "sender"),
    [
        ((), {}, ALICE.address),
        (("--tenant", "own"), {}, BOB.address),
        ((), {"MAILCTL_TENANT": "own"}, BOB.address),
        (("-f", BOB.address), {}, BOB.address),
        (("-f", "lean@example.test"), {}, "lean@example.test"),
        (("-f", BOB.address, "--tenant", "lean"), {}, "lean@example.test"),
        (("-f", "nobody@example.test"), {}, ALICE.address),
    ],
)
def test_sendmail_chooses_a_tenant_by_option_by_environment_and_by_the_envelopes_sender(
    real_site: Mailctl, dovecot: Dovecot, person: Person, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...],
    environment: dict[str, str], sender: str,
) -> None:  # fmt: skip
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    message = io.BytesIO(b"Subject: Note\n\nhello\n")
    assert run_sendmail(["-C", str(real_site.config), *arguments, person.address], message) == 0
    found = re.search(r"[^<\s]+@[^>\s]+", str(arrived(dovecot, person)["From"]))
    assert found
    assert found[0] == sender


def test_an_empty_code_is_nobodys(real_site: Mailctl) -> None:
    """Such as that of a variable which a script has not set: the global sender is not to stand in."""
    assert real_site("send", "--tenant", "", "--to", "a@example.org", *NOTE).code == 3
    assert run_sendmail(["-C", str(real_site.config), "--tenant", "", "a@example.org"], io.BytesIO(b"\n\n")) == 67
    assert real_site("support", "request", "--tenant", "", "--subject", "x", "--body", "x").code == 3


def test_sendmail_takes_no_tenant_where_several_have_the_address(
    real_site: Mailctl, dovecot: Dovecot, person: Person
) -> None:
    real_site.must("tenant", "edit", "lean", "--address", BOB.address)
    message = io.BytesIO(b"Subject: Note\n\nhello\n")
    assert run_sendmail(["-C", str(real_site.config), "-f", BOB.address, person.address], message) == 0
    assert ALICE.address in str(arrived(dovecot, person)["From"])


@pytest.fixture
def sides() -> Iterator[dict[str, ScriptedServer]]:
    """The global server, and a tenant's own."""
    server = SmtpServer(security="none", ehlo=PLAIN)
    with ScriptedServer(server.script) as of_all, ScriptedServer(server.script) as own:
        yield {"global": of_all, "tenant": own}


def set_up(mailctl: Mailctl, sides: dict[str, ScriptedServer], *, system_mail: str, own: bool) -> None:
    text = "schema_version = 1\n"
    senders = {"tenant": ("[[tenants]]", "tenants", 'code = "acme"\nname = "Acme"\n')}
    if system_mail != "none":
        active = str(system_mail == "active").lower()
        senders["global"] = ("[sysmail]", "sysmail", f"active = {active}\n")
    for side, (header, table, fields) in senders.items():
        text += f'{header}\n{fields}address = "{side}@example.org"\n'
        if side == "global" or own:
            text += (
                f'username = "{side}"\npassword = "env:{side.upper()}_PASSWORD"\n[{table}.smtp]\nhost = "127.0.0.1"\n'
                f'port = {sides[side].port}\nsecurity = "none"\nauth = "plain"\n'
            )
    mailctl.config.touch(mode=0o600)
    mailctl.config.write_text(text)


@pytest.mark.parametrize("own", [False, True])
@pytest.mark.parametrize("system_mail", ["none", "inactive"])
def test_without_an_active_global_sender_no_tenant_sends_and_nobody_is_contacted(
    mailctl: Mailctl, sides: dict[str, ScriptedServer], system_mail: str, own: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("GLOBAL_PASSWORD", "TENANT_PASSWORD"):
        monkeypatch.setenv(name, "secret")
    set_up(mailctl, sides, system_mail=system_mail, own=own)
    refused = mailctl("send", "--tenant", "acme", "--to", "a@example.org", *NOTE, "-o", "json")
    assert (refused.code, refused.error["code"]) == (7, "sending-disabled")
    assert run_sendmail(["-C", str(mailctl.config), "--tenant", "acme", "a@example.org"], io.BytesIO(b"\n\n")) == 69
    assert not sides["global"].connections
    assert not sides["tenant"].connections
    assert "nothing is sent for any tenant" in mailctl.must("tenant", "list").err


@pytest.mark.parametrize("own", [False, True])
def test_each_server_gets_its_own_login_and_nothing_of_the_other(
    mailctl: Mailctl, sides: dict[str, ScriptedServer], own: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GLOBAL_PASSWORD", "global-canary")
    monkeypatch.setenv("TENANT_PASSWORD", "tenant-canary")
    set_up(mailctl, sides, system_mail="active", own=own)
    mailctl.must("send", "--tenant", "acme", "--to", "a@example.org", *NOTE)
    used, unused = ("tenant", "global") if own else ("global", "tenant")
    login = base64.b64encode(f"\0{used}\0{used}-canary".encode())
    assert b"AUTH PLAIN " + login in sides[used].received
    assert not sides[unused].connections


def test_a_graph_tenant_beside_a_password_tenant(
    real_site: Mailctl, authorisation_server: AuthorisationServer, graph: GraphServer, dovecot: Dovecot,
    person: Person, tmp_path: Path,
) -> None:  # fmt: skip
    real_site.must("secret", "backend", "vault", "--key-file", tmp_path / "vault.key")
    site = Site(real_site, authorisation_server, tmp_path / "vault.key")
    site.add_client("azure", authorisation_server.clients.desktop, "--graph-url", graph.url)
    added = real_site.must("tenant", "add", "cloud", "--name", "Cloud", "--address", ALICE.address, "--graph",
                           "--oauth-client", "azure")  # fmt: skip
    assert "next: `mailctl oauth authorize tenant:cloud`" in added.err
    refused = real_site("send", "--tenant", "cloud", "--to", person.address, *NOTE)
    assert refused.code == 12
    assert "tenant:cloud" in refused.err
    site.authorise("tenant:cloud")
    graph.token = site.kept("tenant:cloud")["access_token"]
    real_site.must("send", "--tenant", "cloud", "--to", person.address, *NOTE)
    assert graph.calls() == ["POST /me/sendMail"]
    real_site.must("send", "--tenant", "own", "--to", person.address, *NOTE)
    assert arrived(dovecot, person)["From"] == f"Own <{BOB.address}>"
    assert graph.calls() == ["POST /me/sendMail"]
    real_site.must("tenant", "edit", "cloud", "--code", "sky")
    real_site.must("send", "--tenant", "sky", "--to", person.address, *NOTE)
    real_site.must("tenant", "delete", "sky", "--yes")
    assert "oauth/tenant:cloud" not in site.secrets()


def test_a_tenant_without_a_server_sends_by_the_global_authorisation(
    mailctl: Mailctl, authorisation_server: AuthorisationServer, graph: GraphServer, tmp_path: Path
) -> None:
    mailctl.must("secret", "backend", "vault", "--key-file", tmp_path / "vault.key")
    site = Site(mailctl, authorisation_server, tmp_path / "vault.key")
    site.add_client("azure", authorisation_server.clients.desktop, "--graph-url", graph.url)
    mailctl.must("sysmail", "set", "--address", ALICE.address, "--oauth-client", "azure", "--graph")
    mailctl.must("tenant", "add", "lean", "--name", "Lean", "--sender-name", "Lean")
    site.authorise()
    graph.token = site.kept()["access_token"]
    mailctl.must("send", "--tenant", "lean", "--to", BOB.address, *NOTE)
    (taken,) = graph.sent
    assert taken.mime
    assert email.message_from_bytes(taken.mime)["From"] == f"Lean <{ALICE.address}>"
    refused = mailctl("oauth", "authorize", "tenant:lean", "--print-url")
    assert refused.code == 2


def steps(result: Result) -> dict[str, str]:
    return {step["name"]: step["status"] for step in result.json["targets"][0]["steps"]}


@pytest.mark.parametrize("code", ["lean", "own"])
def test_a_tenant_is_tested_with_the_login_that_sends_for_it(real_site: Mailctl, person: Person, code: str) -> None:
    tested = real_site.must("test", "send", f"tenant:{code}", "--to", person.address, "-o", "json")
    assert tested.json["targets"][0]["target"] == f"tenant:{code}"
    assert steps(tested)["message"] == "pass"
    real_site.must("sysmail", "deactivate")
    tested = real_site.must("test", "send", f"tenant:{code}", "--to", person.address, "-o", "json")
    assert steps(tested)["settings"] == "warn"


def test_receiving_is_that_of_the_tenants_catalogue_server(
    real_site: Mailctl, postfix: Postfix, dovecot: Dovecot
) -> None:
    real_site.must(
        "server", "add", "hq", "--name", "HQ", "--smtp-host", "localhost", "--smtp-port", str(postfix.smtps_port),
        "--smtp-security", "tls", "--smtp-auth", "plain", "--incoming-protocol", "imap", "--incoming-host",
        "localhost", "--incoming-port", str(dovecot.imaps_port), "--incoming-security", "tls", "--ca-file",
        dovecot.ca_file,
    )  # fmt: skip
    real_site.must("tenant", "edit", "own", "--server", "hq")
    tested = real_site.must("test", "receive", "tenant:own", "-o", "json")
    assert steps(tested)["mailbox"] == "pass"
    assert real_site("test", "receive", "tenant:nope").code == 3


def test_all_tests_include_tenants_with_a_server_of_their_own(real_site: Mailctl) -> None:
    tested = real_site.must("test", "all", "-o", "json").json
    assert [(target["target"], target["ok"]) for target in tested["targets"]] == [
        ("sysmail", True),
        ("tenant:own", True),
    ]
