"""A round trip that begins at Microsoft Graph, whose word that it accepted a message says nothing of its delivery."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.cli.oauth.conftest import Site
from tests.cli.testing.test_roundtrip import meanwhile, step
from tests.doubles.graph import GraphServer
from tests.servers.authorisation_server import AuthorisationServer
from tests.servers.dovecot import Dovecot
from tests.servers.people import ALICE, Person
from tests.servers.processes import wait_for

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Mailctl

READ = ("--read", "hq", "--incoming-password-from", "env:PASSWORD", "-o", "json", "--incoming-username")


@pytest.fixture
def sysmail(
    mailctl: Mailctl,
    tmp_path: Path,
    authorisation_server: AuthorisationServer,
    graph: GraphServer,
    dovecot: Dovecot,
    person: Person,
    monkeypatch: pytest.MonkeyPatch,
) -> Mailctl:
    """An account that sends by Graph as Alice, and a server whose mailbox of `person` can be read."""
    key_file = tmp_path / "vault.key"
    mailctl.must("secret", "backend", "vault", "--key-file", key_file)
    site = Site(mailctl, authorisation_server, key_file)
    site.add_client("azure", authorisation_server.clients.desktop, "--graph-url", graph.url)
    mailctl.must("sysmail", "set", "--address", ALICE.address, "--oauth-client", "azure", "--graph")
    site.authorise()
    graph.token = site.kept()["access_token"]
    monkeypatch.setenv("PASSWORD", person.password)
    mailctl.must("server", "add", "hq", "--name", "HQ", "--smtp-host", "unused.example.org", "--incoming-protocol",
                 "imap", "--incoming-host", "localhost", "--incoming-port", str(dovecot.imaps_port),
                 "--incoming-security", "tls", "--ca-file", dovecot.ca_file)  # fmt: skip
    return mailctl


def test_what_graph_accepted_is_found(sysmail: Mailctl, graph: GraphServer, dovecot: Dovecot, person: Person) -> None:
    def deliver() -> None:
        wait_for(lambda: bool(graph.sent), "nothing is sent")
        assert graph.sent[0].mime
        # Exchange may give a message another Message-ID.
        mime = graph.sent[0].mime.replace(b"Message-ID: <", b"Message-ID: <another-", 1)
        dovecot.deliver(person.address, mime)

    with meanwhile(deliver):
        result = sysmail("test", "roundtrip", *READ, person.address)
    assert result.code == 0, result
    evidence = step(result, "roundtrip")["evidence"]
    assert evidence["recipient"] == person.address
    assert evidence["message_id_rewritten"] == evidence["message_id"].replace("<", "<another-")
    assert step(result, "message")["protocol"] == "graph"
    assert dovecot.messages(person.address) == []


def test_what_graph_accepted_and_nobody_delivered_is_exit_15(sysmail: Mailctl, person: Person) -> None:
    result = sysmail("test", "roundtrip", *READ, person.address, "--within", "0.3")
    assert result.code == 15, result
    assert step(result, "message")["status"] == "pass"


def test_graph_has_no_mailbox_to_read(sysmail: Mailctl) -> None:
    result = sysmail("test", "roundtrip")
    assert (result.code, "--read" in result.err) == (2, True)
