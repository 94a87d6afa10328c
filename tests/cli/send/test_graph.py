"""A system mail account that sends through Microsoft Graph, with tokens of a real authorisation server."""

from __future__ import annotations

import io
import json
from email import message_from_bytes
from typing import TYPE_CHECKING, Any

import pytest
from tests.cli.oauth.conftest import Site
from tests.doubles.graph import REQUEST_ID, GraphServer, refused, throttled
from tests.servers.authorisation_server import AuthorisationServer
from tests.servers.people import ALICE, BOB

from mailctl.sendmail.submission import run as run_sendmail

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Mailctl, Result

SEND = ("send", "--to", BOB.address, "--subject", "Disk full", "--body", "It is.", "-o", "json")
DENIED = refused(403, "ErrorAccessDenied", "Access is denied. Check credentials and try again.")


@pytest.fixture
def site(mailctl: Mailctl, tmp_path: Path, authorisation_server: AuthorisationServer, graph: GraphServer) -> Site:
    """An account that sends by Graph as Alice, through an OAuth client of its own; nothing is authorised."""
    key_file = tmp_path / "vault.key"
    mailctl.must("secret", "backend", "vault", "--key-file", key_file)
    site = Site(mailctl, authorisation_server, key_file)
    site.add_client("azure", authorisation_server.clients.desktop, "--graph-url", graph.url)
    mailctl.must("sysmail", "set", "--address", ALICE.address, "--oauth-client", "azure", "--graph")
    return site


@pytest.fixture
def mailbox(site: Site, graph: GraphServer) -> Mailctl:
    """The account, authorised; Graph takes its token."""
    site.authorise()
    graph.token = site.kept()["access_token"]
    return site.mailctl


def steps(result: Result) -> dict[str, dict[str, Any]]:
    return {step["name"]: step for step in result.json["targets"][0]["steps"]}


def test_a_message_is_sent(mailbox: Mailctl, graph: GraphServer) -> None:
    sent = mailbox.must(*SEND).json
    assert graph.calls() == ["POST /me/sendMail"]
    (taken,) = graph.sent
    assert taken.mime is not None
    message = message_from_bytes(taken.mime)
    assert (message["From"], message["To"], message["Message-ID"]) == (ALICE.address, BOB.address, sent["message_id"])
    assert sent["accepted"] == [BOB.address]
    assert sent["queue_id"] == REQUEST_ID


def test_an_application_sends_for_the_mailbox(site: Site, graph: GraphServer) -> None:
    site.add_client("daemon", site.server.clients.service, "--graph-url", graph.url, scopes=("mail",))
    site.mailctl.must("sysmail", "set", "--oauth-client", "daemon")
    site.mailctl.must("oauth", "authorize", "sysmail", "--flow", "client-credentials")
    graph.token = site.kept()["access_token"]
    site.mailctl.must(*SEND)
    assert graph.calls() == [f"POST /users/{ALICE.address}/sendMail"]


def test_addresses_beyond_ascii_need_nothing_of_the_settings(mailbox: Mailctl, graph: GraphServer) -> None:
    mailbox.must("send", "--to", "山田@example.org", "--subject", "S", "--body", "B")
    assert len(graph.sent) == 1


def test_a_limit_is_waited_out(mailbox: Mailctl, graph: GraphServer) -> None:
    graph.script("POST", "/sendMail", throttled(1))
    mailbox.must(*SEND)
    assert graph.calls() == ["POST /me/sendMail"] * 2
    assert len(graph.sent) == 1


def test_what_graph_refuses_is_told_with_what_to_do(mailbox: Mailctl, graph: GraphServer) -> None:
    graph.script("POST", "/sendMail", DENIED)
    result = mailbox(*SEND)
    assert result.code == 12, result
    error = result.error
    assert "ErrorAccessDenied" in error["message"]
    assert "Mail.Send" in error["hint"]
    assert (error["protocol"], error["stage"], error["graph_code"]) == ("graph", "message", "ErrorAccessDenied")
    assert error["code"] != error["graph_code"]


def test_recipients_whom_graph_takes_for_none_are_told(mailbox: Mailctl, graph: GraphServer) -> None:
    graph.script("POST", "/sendMail", refused(400, "ErrorInvalidRecipients", "At least one recipient isn't valid."))
    result = mailbox(*SEND)
    assert result.code == 13, result
    assert "ErrorInvalidRecipients" in result.error["message"]


def test_a_token_that_graph_refuses_is_not_used_again(mailbox: Mailctl, site: Site, graph: GraphServer) -> None:
    before = graph.token
    graph.token = "another"
    result = mailbox(*SEND)
    assert result.code == 12, result
    assert site.kept()["access_token"] != before


def test_a_token_that_ends_in_the_middle_of_a_batch_is_replaced_once(
    mailbox: Mailctl, site: Site, graph: GraphServer, tmp_path: Path
) -> None:
    stale = graph.token
    graph.takes = lambda token: token != stale or not graph.sent
    batch = tmp_path / "batch.jsonl"
    batch.write_text(f'{{"to": "{BOB.address}", "subject": "S", "body": "B"}}\n' * 3)
    before = len(site.server.requests)
    result = mailbox.must("send", "--batch", batch, "-o", "json")
    told = [json.loads(line) for line in result.out.splitlines()]
    assert [line["accepted"] for line in told] == [[BOB.address]] * 3
    assert len(graph.sent) == 3
    assert len(site.server.requests) == before + 1
    assert site.kept()["access_token"] != stale


def test_a_grant_that_was_revoked_meanwhile_is_told_as_such(mailbox: Mailctl, site: Site, graph: GraphServer) -> None:
    graph.token = "no longer"
    site.server.revoke_all(ALICE.address)
    result = mailbox(*SEND)
    assert result.code == 12, result
    assert "the authorisation of sysmail is broken" in result.error["message"]
    assert result.error["authorise"] == "mailctl oauth authorize sysmail"
    assert graph.sent == []
    assert site.grant()["condition"] == "broken"


def test_without_a_grant_nothing_is_contacted(site: Site, graph: GraphServer) -> None:
    result = site.mailctl(*SEND)
    assert result.code == 12, result
    assert result.error["authorise"] == "mailctl oauth authorize sysmail"
    assert graph.requests == []


def test_a_rehearsal_shows_the_route(site: Site, graph: GraphServer) -> None:
    route = site.mailctl.must(*SEND, "--dry-run").json["route"]
    assert (route["protocol"], route["oauth_client"], route["username"]) == ("graph", "azure", ALICE.address)
    assert (route["host"], route["port"]) == ("localhost", graph.port)
    shown = site.mailctl.must(*SEND[:-2], "--dry-run").out
    assert "Microsoft Graph (graph), with the OAuth client 'azure'" in shown
    assert ALICE.address in shown
    assert graph.requests == []


def test_a_batch_goes_through_one_connection(mailbox: Mailctl, graph: GraphServer, tmp_path: Path) -> None:
    batch = tmp_path / "batch.jsonl"
    line = f'{{"to": "{BOB.address}", "subject": "S", "body": "B"}}\n'
    batch.write_text(line * 3)
    graph.script("POST", "/sendMail", DENIED)
    result = mailbox("send", "--batch", batch, "-o", "json")
    assert result.code == 12, result
    assert len(graph.sent) == 2
    assert graph.connections == 1


def sendmail(mailctl: Mailctl) -> int:
    message = io.BytesIO(b"Subject: cron\n\nIt ran.\n")
    return run_sendmail(["-C", str(mailctl.config), BOB.address], message)


def test_sendmail_goes_the_same_way(mailbox: Mailctl, graph: GraphServer) -> None:
    assert sendmail(mailbox) == 0
    (taken,) = graph.sent
    assert taken.mime is not None
    assert message_from_bytes(taken.mime)["Bcc"] == BOB.address


def test_sendmail_without_a_grant_has_no_permission(site: Site) -> None:
    assert sendmail(site.mailctl) == 77


def test_the_test_goes_through_its_stages_in_order(mailbox: Mailctl, graph: GraphServer) -> None:
    found = steps(mailbox.must("test", "send", "--to", BOB.address, "-o", "json"))
    assert list(found) == ["settings", "secret", "dns", "tcp", "tls", "certificate", "auth", "message"]
    assert {step["protocol"] for step in found.values()} == {"graph"}
    assert [name for name, step in found.items() if step["status"] != "pass"] == ["tls", "certificate"]
    assert found["tls"]["status"] == "not_applicable"
    assert found["secret"]["evidence"]["source"] == "the grant of sysmail"
    assert found["auth"]["evidence"]["mailbox"] == ALICE.address
    assert found["message"]["evidence"]["delivered"] == "unknown: accepted is not delivered"
    assert graph.calls() == ["GET /me", "POST /me/sendMail"]


def test_the_test_tells_people_that_accepted_is_not_delivered(mailbox: Mailctl) -> None:
    assert "accepted is not delivered" in mailbox.must("test", "send", "--to", BOB.address).out


@pytest.mark.parametrize(("depth", "last"), [("connect", "tcp"), ("tls", "certificate"), ("auth", "auth")])
def test_the_test_stops_where_it_is_told_to(mailbox: Mailctl, graph: GraphServer, depth: str, last: str) -> None:
    found = steps(mailbox.must("test", "send", "--depth", depth, "-o", "json"))
    assert list(found)[-1] == last
    assert graph.sent == []


def test_the_test_of_what_is_not_authorised_ends_at_the_secret(site: Site, graph: GraphServer) -> None:
    result = site.mailctl("test", "send", "--depth", "auth", "-o", "json")
    assert result.code == 12, result
    secret = steps(result)["secret"]
    assert (secret["status"], secret["next"]) == ("error", "mailctl oauth authorize sysmail")
    assert graph.requests == []


def test_the_test_explains_what_graph_refuses(mailbox: Mailctl, graph: GraphServer) -> None:
    graph.script("POST", "/sendMail", DENIED)
    result = mailbox("test", "send", "--to", BOB.address, "-o", "json")
    assert result.code == 12, result
    message = steps(result)["message"]
    assert message["status"] == "fail"
    assert "Mail.Send" in message["remedy"]
    assert "ErrorAccessDenied" in message["reply"]


def test_the_test_names_no_option_of_a_server_that_there_is_not(site: Site, graph: GraphServer) -> None:
    site.mailctl.must("oauth", "client", "edit", "azure", "--graph-url", "https://graph.invalid/v1.0")
    result = site.mailctl("test", "send", "--depth", "connect", "-o", "json")
    dns = steps(result)["dns"]
    assert (result.code, dns["status"]) == (10, "fail")
    assert "--" not in dns["next"]


def test_graph_has_no_envelope_and_nothing_to_receive(mailbox: Mailctl) -> None:
    envelope = mailbox("test", "send", "--depth", "envelope", "--to", BOB.address)
    assert envelope.code == 2
    assert "no envelope" in envelope.err
    receive = mailbox("test", "receive")
    assert receive.code == 2
    assert "is for sending alone" in receive.err
