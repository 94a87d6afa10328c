"""`mailctl test send` against a real Postfix: every security and mechanism, every depth, and what fails."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.servers.dovecot import Dovecot
from tests.servers.people import ALICE, BOB, Person

if TYPE_CHECKING:
    from tests.cli.conftest import Mailctl, Result
    from tests.cli.testing.conftest import Add

MECHANISMS = ("plain", "login", "cram-md5", "digest-md5", "scram-sha-1", "scram-sha-256", "auto")


def send(mailctl: Mailctl, code: str, sender: Person, *options: str, password: str | None = None) -> Result:
    secret = (sender.password if password is None else password).encode()
    return mailctl(
        "test", "send", code, "--username", sender.address, "--password-stdin", "-o", "json", *options, stdin=secret
    )


def statuses(result: Result) -> dict[str, str]:
    return {step["name"]: step["status"] for step in result.json["targets"][0]["steps"]}


@pytest.mark.parametrize("mechanism", MECHANISMS)
@pytest.mark.parametrize("security", ["none", "starttls", "tls"])
def test_a_message_is_sent_over_every_security_and_mechanism(
    mailctl: Mailctl, add_smtp: Add, dovecot: Dovecot, person: Person, security: str, mechanism: str
) -> None:
    code = add_smtp(security, mechanism)
    result = send(mailctl, code, ALICE, "--to", person.address)
    assert result.code == 0, result
    target = result.json["targets"][0]
    steps = {step["name"]: step for step in target["steps"]}
    assert steps["auth"]["evidence"]["attempts"] == 1
    if mechanism != "auto":
        assert steps["auth"]["evidence"]["mechanism"].lower() == mechanism
    assert steps["message"]["evidence"]["queue_id"]
    message = dovecot.await_message(person, steps["message"]["evidence"]["message_id"])
    assert b"Auto-Submitted: auto-generated" in message


def test_the_steps_come_in_their_order(mailctl: Mailctl, add_smtp: Add) -> None:
    result = send(mailctl, add_smtp("starttls", "auto"), ALICE, "--to", ALICE.address, "--depth", "envelope")
    assert statuses(result) == dict.fromkeys(
        ["settings", "secret", "dns", "tcp", "greeting", "tls", "certificate", "capabilities", "auth", "envelope"],
        "pass",
    )
    target = result.json["targets"][0]
    assert (result.json["schema_version"], result.json["ok"]) == (1, True)
    assert (target["target"], target["ok"], target["exit_code"]) == ("out", True, 0)
    assert set(target["steps"][0]) == {
        "name", "protocol", "status", "duration_ms", "evidence", "reply", "cause", "remedy", "next",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("depth", "last"),
    [("connect", "greeting"), ("tls", "certificate"), ("auth", "auth"), ("envelope", "envelope")],
)
def test_depth_stops_early_and_sends_nothing(
    mailctl: Mailctl, add_smtp: Add, dovecot: Dovecot, person: Person, depth: str, last: str
) -> None:
    result = send(mailctl, add_smtp("starttls", "auto"), ALICE, "--to", person.address, "--depth", depth)
    assert result.code == 0
    assert list(statuses(result))[-1] == last
    assert dovecot.messages(person.address) == []


def test_without_tls_its_steps_do_not_apply(mailctl: Mailctl, add_smtp: Add) -> None:
    code = add_smtp("none", "none")
    result = mailctl("test", "send", code, "--to", ALICE.address, "--from", BOB.address, "-o", "json")
    assert result.code == 0
    found = statuses(result)
    assert {name for name, status in found.items() if status == "not_applicable"} == {
        "secret", "tls", "certificate", "auth",
    }  # fmt: skip


def test_a_wrong_password_is_said_with_the_servers_words(mailctl: Mailctl, add_smtp: Add) -> None:
    code = add_smtp("starttls", "plain")
    result = send(mailctl, code, ALICE, "--to", ALICE.address, password="wrong-canary-4711")
    assert result.code == 12
    steps = {step["name"]: step for step in result.json["targets"][0]["steps"]}
    assert steps["auth"]["status"] == "fail"
    assert steps["auth"]["reply"].startswith("535 5.7.8")
    assert steps["auth"]["remedy"]
    assert steps["auth"]["next"].startswith("mailctl ")
    assert steps["auth"]["evidence"]["attempts"] == 1
    assert (steps["message"]["status"], steps["message"]["cause"]) == ("skipped", "not run, because auth failed")
    assert "canary" not in result.out + result.err


def test_a_refused_recipient_is_exit_13(mailctl: Mailctl, add_smtp: Add) -> None:
    result = send(mailctl, add_smtp("tls", "auto"), ALICE, "--to", "nobody@example.test", "--depth", "envelope")
    assert result.code == 13
    assert result.json["targets"][0]["steps"][-1]["reply"].startswith("550")


def test_a_deferred_recipient_is_exit_14(mailctl: Mailctl, add_smtp: Add) -> None:
    result = send(mailctl, add_smtp("tls", "auto"), ALICE, "--to", "later@example.test", "--depth", "envelope")
    assert result.code == 14


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        (["--username", "x@example.test", "--password-stdin"], 2, "--to"),
        (["--to", "a@example.test"], 2, "--username"),
        (["--to", "a@example.test", "--username", "x", "--password-stdin"], 2, "--from"),
        (["--to", "nobody", "--username", "x@example.test", "--password-stdin"], 2, "is not an address"),
        (["--depth", "mailbox"], 2, "'mailbox' is none of: connect, tls, auth, envelope, message"),
        (["--to", "a@b.c", "--username", "a@b.c", "--password-stdin", "--password-from", "env:X"], 2, "exclude"),
        (["--to", "a@b.c", "--username", "a@b.c"], 2, "--password-stdin or --password-from"),
        (
            ["--to", "a@b.c", "--username", "a@b.c"],
            2,
            "hint: such as --password-stdin < FILE, --password-from env:NAME",
        ),
        (["--to", "a@b.c", "--password-stdin"], 2, "--username"),
        (["--to", "a@b.c", "--username", "a@b.c", "--password-from", "hunter2"], 2, "not a secret reference"),
        (["--depth", "tls", "--fail-on", "never"], 2, "--fail-on"),
    ],
)
def test_what_is_missing_or_wrong_is_named_before_connecting(
    mailctl: Mailctl, options: list[str], code: int, said: str
) -> None:
    mailctl.add_server(
        "hq", "--smtp-auth", "plain", "--smtp-host", "127.0.0.1", "--smtp-port", "9", "--smtp-security", "tls"
    )
    result = mailctl("test", "send", "hq", *options, stdin=b"secret")
    assert result.code == code
    assert said in result.err
    assert result.out == ""


def test_a_login_where_none_is_used_is_a_conflict(mailctl: Mailctl) -> None:
    mailctl.add_server("hq")
    result = mailctl("test", "send", "hq", "--to", "a@b.c", "--username", "a@b.c", "--password-stdin", stdin=b"x")
    assert result.code == 4
    assert "the SMTP authentication of 'hq' is none" in result.err


def test_an_unset_variable_fails_the_secret_step(mailctl: Mailctl, add_smtp: Add) -> None:
    code = add_smtp("tls", "plain")
    result = mailctl("test", "send", code, "--to", "a@b.c", "--username", "a@b.c", "--password-from", "env:NOWHERE",
                     "-o", "json")  # fmt: skip
    assert result.code == 6
    steps = {step["name"]: step for step in result.json["targets"][0]["steps"]}
    assert steps["secret"]["status"] == "error"
    assert "NOWHERE" in steps["secret"]["cause"]
    assert steps["dns"]["status"] == "skipped"


def test_the_certificate_that_ends_soon_is_a_warning(mailctl: Mailctl, add_smtp: Add) -> None:
    code = add_smtp("tls", "none")
    common = ("test", "send", code, "--depth", "tls", "--min-cert-days", "10000000")
    assert mailctl(*common).code == 0
    result = mailctl(*common, "--fail-on", "warn", "-o", "json")
    assert result.code == 16
    assert statuses(result)["certificate"] == "warn"


def test_the_report_for_people_opens_the_failure(mailctl: Mailctl, add_smtp: Add) -> None:
    code = add_smtp("tls", "plain")
    mailctl.must("server", "edit", code, "--smtp-security", "starttls")
    result = mailctl("test", "send", code, "--depth", "tls", "--timeout", "2")
    lines = result.out.splitlines()
    assert result.code != 0
    assert lines[0] == "sending through out (Out)"
    assert any(line.startswith("  FAIL  greeting") for line in lines)
    assert any(line.startswith("  what to do") for line in lines)
    assert lines[-1].startswith("failed: sending through out at greeting (exit code ")


def test_an_unknown_target_is_exit_3(mailctl: Mailctl) -> None:
    assert mailctl("test", "send", "nowhere", "--depth", "tls").code == 3


def test_a_tenants_code_or_an_owners_name_alone_is_told_the_target_that_it_may_mean(mailctl: Mailctl) -> None:
    mailctl.add_server("hq")
    mailctl.must("tenant", "add", "globex", "--name", "Globex")
    mailctl.must(
        "account", "add", "bob@example.org", "--owner", "bob", "--server", "hq", "--username", "bob",
        "--password-from", "env:PW",
    )  # fmt: skip
    for given, meant in (("globex", "tenant:globex"), ("Bob", "bob@example.org")):
        result = mailctl("test", "send", given, "-o", "json")
        assert (result.code, result.error["hint"]) == (3, f"did you mean {meant}?")
