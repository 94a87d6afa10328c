"""What servers say is explained by the whole command: each reply of the table, said by a scripted server."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest
from tests.doubles.dns import DnsServer, resolving_by
from tests.doubles.imap import ImapServer, capability_reply
from tests.doubles.pop3 import Pop3Server
from tests.doubles.scripted import ScriptedServer
from tests.doubles.smtp import SmtpServer
from tests.doubles.steps import Part, Say
from tests.protocol.test_remedies import SAID

from mailctl.model.report import Stage
from mailctl.protocol.reasons import Reason

if TYPE_CHECKING:
    from tests.cli.conftest import Mailctl

Row = tuple[str, str, Stage, Reason, str, str]
REPLIES: list[Row] = [row for row in SAID if row[1] != "graph" and row[4] and "challenge: " not in row[4]]
"""Error challenges of XOAUTH2 are said in `tests/transport/test_oauth_logins.py`, Graph's answers in its own tests."""

HOSTS = sorted({host for host, *_ in REPLIES})


@pytest.fixture(scope="module")
def _every_host_is_here() -> Iterator[None]:
    """Let the names of providers lead to this machine."""
    with (
        DnsServer({host: {"A": ["127.0.0.1"]} for host in HOSTS}) as server,
        resolving_by(server),
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setenv("MAILCTL_NAMESERVER", server.place)
        patch.setenv("PASSWORD", "Tr0ub4dor & 3")
        yield


def on_the_wire(protocol: str, reply: str) -> bytes:
    """Return a reply as the server says it, line after line; an IMAP command has a tag of its own."""
    text = re.sub(r"^\w+ (?=NO|BAD)", "<tag> ", reply) if protocol == "imap" else reply
    lines = text.split("\n")
    if protocol == "smtp" and len(lines) > 1:
        lines = [line[:3] + "-" + line[4:] for line in lines[:-1]] + [lines[-1][:3] + " " + lines[-1][4:]]
    return "".join(f"{line}\r\n" for line in lines).encode()


def server_that_says(protocol: str, stage: Stage, reason: Reason, said: bytes) -> SmtpServer | ImapServer | Pop3Server:
    if protocol == "imap":
        points: dict[str, Any] = {Stage.AUTH: {"authenticate": said}, Stage.MAILBOX: {"examine": said}}[stage]
        return ImapServer(security="none", **points)
    if protocol == "pop3":
        return Pop3Server(security="none", auth=said)
    message: Part = (Say(b"354 go\r\n"), said) if reason is not Reason.MESSAGE_REFUSED else said
    deviations: dict[Stage, dict[str, Any]] = {
        Stage.GREETING: {"greeting": said},
        Stage.TLS: {"starttls": said, "security": "starttls"},
        Stage.AUTH: {"auth": said},
        Stage.ENVELOPE: {"mail" if reason is Reason.SENDER_REFUSED else "rcpt": said},
        Stage.MESSAGE: {"data": message},
    }
    return SmtpServer(**{"security": "none"} | deviations[stage])


@pytest.mark.usefixtures("_every_host_is_here")
@pytest.mark.parametrize(
    ("host", "protocol", "stage", "reason", "reply", "expected"), REPLIES, ids=[r[4][:50] for r in REPLIES]
)
def test_the_reply_is_shown_with_its_cause_and_remedy(
    mailctl: Mailctl, host: str, protocol: str, stage: Stage, reason: Reason, reply: str, expected: str
) -> None:
    double = server_that_says(protocol, stage, reason, on_the_wire(protocol, reply))
    sides = {
        True: ("--smtp-host", host, "--smtp-auth", "plain", "--incoming-protocol", "imap", "--incoming-host", "x.test"),
        False: ("--incoming-protocol", protocol, "--incoming-host", host, "--incoming-auth", "plain",
                "--smtp-host", "x.test"),
    }[protocol == "smtp"]  # fmt: skip
    side = "smtp" if protocol == "smtp" else "incoming"
    with ScriptedServer(double.script) as server:
        mailctl.must(
            "server", "add", "hq", "--name", "HQ", *sides, f"--{side}-port", str(server.port),
            f"--{side}-security", double.security,
        )  # fmt: skip
        login = ("--username", "ann@example.com", "--password-from", "env:PASSWORD")
        depth = {Stage.GREETING: "tls", Stage.TLS: "tls", Stage.ENVELOPE: "envelope", Stage.MESSAGE: "message"}
        result = (
            mailctl(
                "test",
                "send",
                "hq",
                "--depth",
                depth.get(stage, "auth"),
                "--to",
                "bob@example.net",
                *login,
                "-o",
                "json",
            )
            if side == "smtp"
            else mailctl("test", "receive", "hq", *login, "-o", "json")
        )
    [step] = [step for step in result.json["targets"][0]["steps"] if step["status"] == "fail"]
    assert step["name"] == stage
    assert re.search(expected, f"{step['cause']} - {step['remedy']}", re.DOTALL)
    said = re.sub(r"^\w+ (?=NO|BAD)", "", reply) if protocol == "imap" else reply
    assert " ".join(re.sub(r"(?m)^(\d\d\d)-", r"\1 ", step["reply"]).split()) == " ".join(
        re.sub(r"(?m)^(\d\d\d)-", r"\1 ", said).split()
    )
    assert result.code in (11, 12, 13, 14)


@pytest.mark.parametrize("stage", [Stage.AUTH, Stage.ENVELOPE, Stage.MESSAGE])
@pytest.mark.usefixtures("_every_host_is_here")
def test_words_that_nobody_knows_still_lead_somewhere(mailctl: Mailctl, stage: Stage) -> None:
    reason = Reason.SENDER_REFUSED if stage is Stage.ENVELOPE else Reason.MESSAGE_REFUSED
    double = server_that_says("smtp", stage, reason, b"599 9.9.9 frobnication denied\r\n")
    with ScriptedServer(double.script) as server:
        mailctl.add_server(
            "hq", "--smtp-host", "mail.example.com", "--smtp-port", str(server.port), "--smtp-security", "none",
            "--smtp-auth", "plain",
        )  # fmt: skip
        result = mailctl(
            "test", "send", "hq", "--to", "bob@example.net", "--username", "ann@example.com",
            "--password-from", "env:PASSWORD", "-o", "json",
        )  # fmt: skip
    step = next(step for step in result.json["targets"][0]["steps"] if step["status"] == "fail")
    expected = Stage.MESSAGE if stage is Stage.ENVELOPE else stage
    assert (step["name"], step["reply"]) == (expected, "599 9.9.9 frobnication denied")
    assert step["cause"]
    assert step["remedy"]
    assert step["next"].startswith("mailctl test send hq")


@pytest.mark.usefixtures("_every_host_is_here")
def test_a_token_that_is_accepted_and_good_for_nothing_is_explained_by_the_refusal(mailctl: Mailctl) -> None:
    refusal = b"<tag> BAD User is authenticated but not connected.\r\n"
    double = ImapServer(security="none", capability=capability_reply(b"SASL-IR", b"AUTH=XOAUTH2"), list=refusal)
    with ScriptedServer(double.script) as server:
        mailctl.add_server(
            "hq", "--incoming-host", "mail.example.com", "--incoming-port", str(server.port),
            "--incoming-security", "none", "--incoming-auth", "xoauth2",
        )  # fmt: skip
        result = mailctl(
            "test", "receive", "hq", "--username", "ann@example.com", "--password-from", "env:PASSWORD", "-o", "json"
        )
    [step] = [step for step in result.json["targets"][0]["steps"] if step["status"] == "fail"]
    assert (result.code, step["name"], step["reply"]) == (12, "auth", "BAD User is authenticated but not connected.")
    assert "no right on this mailbox" in step["cause"]
