"""Logins by the token of a grant, to a real Dovecot and Postfix that ask the authorisation server about it."""

from __future__ import annotations

import datetime as dt
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.cli.oauth.conftest import MAIL
from tests.servers.dovecot import Dovecot
from tests.servers.people import ALICE, BOB

if TYPE_CHECKING:
    from tests.cli.conftest import Result
    from tests.cli.oauth.conftest import Site


def steps(result: Result) -> dict[str, Any]:
    return {step["name"]: step for step in result.json["targets"][0]["steps"]}


def use_pop3(site: Site, dovecot: Dovecot) -> None:
    site.mailctl.must(
        "server", "edit", "office", "--incoming-protocol", "pop3", "--incoming-host", "localhost",
        "--incoming-port", str(dovecot.pop3s_port), "--incoming-security", "tls",
    )  # fmt: skip


@pytest.mark.parametrize("mechanism", ["xoauth2", "oauthbearer"])
@pytest.mark.parametrize("protocol", ["imap", "pop3"])
@pytest.mark.parametrize("depth", ["auth", "mailbox"])
def test_the_mailbox_is_opened_by_the_token(
    mail_site: Site, oauth_dovecot: Dovecot, protocol: str, mechanism: str, depth: str
) -> None:
    if protocol == "pop3":
        use_pop3(mail_site, oauth_dovecot)
    mail_site.mailctl.must("server", "edit", "office", "--incoming-auth", mechanism)
    mail_site.authorise()
    result = mail_site.mailctl("test", "receive", "--depth", depth, "-o", "json")
    assert result.code == 0, result
    assert steps(result)["auth"]["evidence"]["mechanism"] == mechanism


@pytest.mark.parametrize("mechanism", ["xoauth2", "oauthbearer"])
def test_a_message_is_sent_by_the_token(mail_site: Site, oauth_dovecot: Dovecot, mechanism: str) -> None:
    mail_site.mailctl.must("server", "edit", "office", "--smtp-auth", mechanism)
    mail_site.authorise()
    result = mail_site.mailctl("test", "send", "--to", BOB.address, "-o", "json")
    assert result.code == 0, result
    assert steps(result)["auth"]["evidence"]["mechanism"] == mechanism
    sent = mail_site.mailctl.must("send", "--to", BOB.address, "--subject", "S", "--body", "B", "-o", "json").json
    assert sent["accepted"] == [BOB.address]


def test_the_secret_step_tells_of_the_token_and_never_shows_it(mail_site: Site) -> None:
    mail_site.authorise()
    secret = steps(mail_site.mailctl("test", "send", "--depth", "auth", "-o", "json"))["secret"]
    assert secret["status"] == "pass"
    assert secret["evidence"] == {
        "source": "the grant of sysmail",
        "username": ALICE.address,
        "present": True,
        "token_expires_at": mail_site.grant()["token_expires_at"],
        "token_renewed": False,
        "scopes": [MAIL, "offline_access"],
    }
    assert mail_site.kept()["access_token"] not in json.dumps(secret)


def test_the_end_of_a_grant_is_in_the_evidence_the_metrics_and_warned_of(
    mail_site: Site, use_client: Callable[..., None]
) -> None:
    day = dt.datetime.now(dt.UTC).date() + dt.timedelta(days=10)
    use_client("desktop", mail_site.server.clients.desktop, "--client-secret-expires", str(day))
    mail_site.authorise()
    secret = steps(mail_site.mailctl("test", "send", "--depth", "auth", "-o", "json"))["secret"]
    assert secret["evidence"]["grant_ends_at"] == f"{day}T23:59:59+00:00"
    assert secret["status"] == "warn"
    assert f"ends on {day}" in secret["cause"]
    metrics = mail_site.mailctl("test", "send", "--depth", "auth", "-o", "prometheus").out
    labels = '{target="sysmail",test="send",protocol="smtp"}'
    end = dt.datetime.combine(day, dt.time(23, 59, 59), dt.UTC).timestamp()
    assert f"mailctl_grant_expiry_timestamp_seconds{labels} {end:.0f}\n" in metrics


def test_everything_is_tested_with_the_grants_that_there_are(mail_site: Site) -> None:
    mail_site.authorise()
    mail_site.authorise("office", "--username", BOB.address, user=BOB.address)
    result = mail_site.mailctl("test", "all", "-o", "json")
    assert result.code == 0, result
    for target in result.json["targets"]:
        passed = {(step["protocol"], step["name"]) for step in target["steps"] if step["status"] == "pass"}
        assert {("smtp", "auth"), ("imap", "auth"), ("imap", "mailbox")} <= passed
    assert [target["target"] for target in result.json["targets"]] == ["office", "sysmail"]


def test_a_mailbox_of_a_server_is_tested_by_its_own_grant(mail_site: Site) -> None:
    mail_site.authorise("office", "--username", BOB.address, user=BOB.address)
    result = mail_site.mailctl("test", "receive", "office", "--username", BOB.address, "-o", "json")
    assert result.code == 0, result
    other = mail_site.mailctl("test", "receive", "office", "--username", ALICE.address, "-o", "json")
    assert other.code == 12
    assert steps(other)["secret"]["next"] == f"mailctl oauth authorize office --username {ALICE.address}"


def test_what_is_not_authorised_says_how_to(mail_site: Site) -> None:
    tested = mail_site.mailctl("test", "send", "--to", BOB.address, "-o", "json")
    assert tested.code == 12
    step = steps(tested)["secret"]
    assert (step["status"], step["next"]) == ("error", "mailctl oauth authorize sysmail")
    assert steps(tested)["dns"]["status"] == "skipped"
    sent = mail_site.mailctl("send", "--to", BOB.address, "--subject", "S", "--body", "B", "-o", "json")
    assert sent.code == 12
    assert "mailctl oauth authorize sysmail" in sent.error["hint"]


def test_a_token_that_is_over_is_renewed_on_the_way(mail_site: Site) -> None:
    mail_site.authorise()
    first = mail_site.kept()["access_token"]
    mail_site.keep({"expires_at": time.time() - 1})
    result = mail_site.mailctl("test", "send", "--depth", "auth", "-o", "json")
    assert result.code == 0, result
    assert steps(result)["secret"]["evidence"]["token_renewed"] is True
    assert mail_site.kept()["access_token"] != first


@pytest.mark.parametrize("protocol", ["imap", "pop3", "smtp"])
def test_a_token_that_is_refused_is_told_by_the_challenge_and_not_used_again(
    mail_site: Site, oauth_dovecot: Dovecot, protocol: str
) -> None:
    if protocol == "pop3":
        use_pop3(mail_site, oauth_dovecot)
    mail_site.authorise()
    mail_site.server.expire_access_tokens(ALICE.address)  # though it was to live for an hour
    command = ["send"] if protocol == "smtp" else ["receive"]
    refused = mail_site.mailctl("test", *command, "--depth", "auth", "-o", "json")
    assert refused.code == 12
    step = steps(refused)["auth"]
    assert step["status"] == "fail"
    assert step["evidence"]["attempts"] == 1
    assert step["next"] == "mailctl oauth refresh sysmail"
    if protocol == "imap":
        assert "status" in step["evidence"]["challenge"]
        assert "access token" in step["cause"]
    again = mail_site.mailctl("test", *command, "--depth", "auth", "-o", "json")
    assert again.code == 0, again


def test_the_token_of_another_mailbox_is_refused(mail_site: Site) -> None:
    mail_site.authorise(user=BOB.address)
    result = mail_site.mailctl("test", "receive", "-o", "json")
    assert result.code == 12
    assert "another mailbox" in steps(result)["auth"]["cause"]


def test_a_grant_that_was_revoked_is_told_alike_by_all(mail_site: Site) -> None:
    mail_site.authorise()
    mail_site.server.revoke_all(ALICE.address)
    assert mail_site.grant()["ok"]  # nobody has told us yet
    assert mail_site.mailctl("test", "receive", "--depth", "auth").code == 12
    tested = mail_site.mailctl("test", "send", "--to", BOB.address, "-o", "json")
    assert tested.code == 12
    assert steps(tested)["secret"]["next"] == "mailctl oauth authorize sysmail"
    assert "invalid_grant" in steps(tested)["secret"]["cause"]
    sent = mail_site.mailctl("send", "--to", BOB.address, "--subject", "S", "--body", "B", "-o", "json")
    assert sent.code == 12
    assert mail_site.status() == (12, [mail_site.grant()])
    assert mail_site.grant()["condition"] == "broken"
    assert "address = " in mail_site.mailctl.settings()
    mail_site.authorise()
    assert mail_site.mailctl("test", "send", "--to", BOB.address).code == 0


def test_an_application_logs_in_to_the_mailbox_that_it_may_open(
    mail_site: Site, use_client: Callable[..., None]
) -> None:
    use_client("service", mail_site.server.clients.service, scopes=(MAIL,))
    mail_site.mailctl.must("oauth", "authorize", "sysmail", "--flow", "client-credentials")
    assert mail_site.mailctl("test", "receive").code == 0
    assert mail_site.mailctl("test", "send", "--to", BOB.address).code == 0


def test_a_service_account_logs_in_to_any_mailbox(
    mail_site: Site, use_client: Callable[..., None], account_file: Path
) -> None:
    account = mail_site.server.clients.service_account
    use_client("workspace", account, "--service-account-from", f"file:{account_file}", scopes=(MAIL,))
    office = ("office", "--username", BOB.address)
    mail_site.mailctl.must("oauth", "authorize", *office, "--flow", "service-account")
    assert mail_site.mailctl("test", "receive", *office).code == 0


def test_a_batch_goes_through_one_login(mail_site: Site, tmp_path: Path) -> None:
    mail_site.authorise()
    batch = tmp_path / "batch.jsonl"
    line = json.dumps({"to": [BOB.address], "subject": "S", "body": "B"})
    batch.write_text(f"{line}\n{line}\n")
    assert mail_site.mailctl("send", "--batch", batch).code == 0


def test_sendmail_logs_in_by_the_token(mail_site: Site) -> None:
    message = b"From: x\nSubject: S\n\nB\n"
    refused = mail_site.mailctl("sendmail", BOB.address, stdin=message)
    assert refused.code == 77
    assert "mailctl oauth authorize sysmail" in refused.err
    mail_site.authorise()
    assert mail_site.mailctl("sendmail", BOB.address, stdin=message).code == 0
