"""`mailctl mail folders` on the real Dovecot, with and without LIST-STATUS, and on a scripted server."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
from imapclient import IMAPClient
from tests.cli.mail.conftest import PASSWORD
from tests.doubles.imap import capability_reply
from tests.servers.dovecot import Dovecot

if TYPE_CHECKING:
    from tests.cli.conftest import Mailctl
    from tests.cli.mail.conftest import AddMailbox

NAMES = ["2024", 'a "quoted" \\ name', "R&D", "プロジェクト/会議"]


def folders_of(mailctl: Mailctl, address: str) -> dict[str, tuple[str | None, int | None, int | None]]:
    folders = mailctl.must("mail", "folders", address, "-o", "json").json["folders"]
    assert {folder["account"] for folder in folders} == {address}
    return {folder["folder"]: (folder["role"], folder["messages"], folder["unseen"]) for folder in folders}


def fill(server: Dovecot, address: str) -> None:
    """Create folders of odd names with two messages each, one of them seen."""
    with IMAPClient("127.0.0.1", server.imap_port, ssl=False) as client:
        client.login(address, PASSWORD)
        for name in NAMES:
            client.create_folder(name)
            client.append(name, b"Subject: x\r\n\r\n")
            client.append(name, b"Subject: y\r\n\r\n", flags=[rb"\Seen"])


@pytest.mark.parametrize("kind", ["dovecot", "bare_dovecot"])
def test_folders_have_their_roles_and_counts(
    mailctl: Mailctl, add_mailbox: AddMailbox, request: pytest.FixtureRequest, kind: str
) -> None:
    server: Dovecot = request.getfixturevalue(kind)
    address = add_mailbox(server=server)
    fill(server, address)
    server.deliver(address, b"Subject: new\r\n\r\n")
    found = folders_of(mailctl, address)
    assert found["INBOX"] == ("inbox", 1, 1)
    assert found["Junk"] == ("spam", 0, 0)
    assert {name: found[name] for name in NAMES} == dict.fromkeys(NAMES, (None, 2, 1))
    assert list(found)[:6] == ["INBOX", "Drafts", "Sent", "Junk", "Trash", "Archive"]


def test_the_table_has_its_numbers_below_each_other(
    mailctl: Mailctl, add_mailbox: AddMailbox, dovecot: Dovecot
) -> None:
    address = add_mailbox()
    for _ in range(12):
        dovecot.deliver(address, b"Subject: new\r\n\r\n")
    assert mailctl.must("mail", "folders", address).out.splitlines()[:3] == [
        "FOLDER   ROLE     MESSAGES  UNSEEN",
        "INBOX    inbox          12      12",
        "Drafts   drafts          0       0",
    ]


def test_all_accounts_of_an_owner_are_shown(mailctl: Mailctl, add_mailbox: AddMailbox) -> None:
    first, second = add_mailbox(), add_mailbox()
    lines = mailctl.must("mail", "folders", "--owner", "taro").out.splitlines()
    assert [line.split()[-1] for line in lines] == ["ACCOUNT", *[first] * 6, *[second] * 6]


def test_a_folder_that_may_not_be_looked_at_has_no_counts(mailctl: Mailctl, scripted: Callable[..., Any]) -> None:
    with scripted(status=b"<tag> NO [NOPERM] not here\r\n"):
        assert folders_of(mailctl, "ann@example.org") == {"INBOX": ("inbox", None, None), "Junk": ("spam", None, None)}
        assert mailctl.must("mail", "folders", "ann@example.org").out.splitlines()[1].split() == ["INBOX", "inbox"]


def test_names_come_in_any_form(mailctl: Mailctl, scripted: Callable[..., Any]) -> None:
    listed = b'* LIST () "/" {3}\r\nR&-\r\n* LIST () "/" inbox\r\n* LIST (\\Noselect) "/" x\r\n<tag> OK listed\r\n'
    counted = (
        b"* STATUS {3}\r\nR&- (MESSAGES 3 UNSEEN 1)\r\n* STATUS Inbox (UNSEEN 2)\r\n* STATUS other (MESSAGES 9)\r\n"
        b"<tag> OK done\r\n"
    )
    with scripted(list=listed, status=counted):
        assert folders_of(mailctl, "ann@example.org") == {"inbox": ("inbox", None, 2), "R&": (None, 3, 1)}


@pytest.mark.parametrize(
    "status",
    [
        b"* STATUS\r\n<tag> OK done\r\n",
        b"* STATUS INBOX (MESSAGES\r\n<tag> OK done\r\n",
        b"* STATUS INBOX (MESSAGES many)\r\n<tag> OK done\r\n",
        b"* STATUS {5}\r\nINBOX\r\n<tag> OK done\r\n",
    ],
)
def test_a_malformed_count_is_an_error_or_none(mailctl: Mailctl, scripted: Callable[..., Any], status: bytes) -> None:
    with scripted(status=status):
        result = mailctl("mail", "folders", "ann@example.org", "-o", "json")
        if result.code:
            assert (result.code, result.error["reason"]) == (18, "malformed-reply")
        else:
            assert {folder["messages"] for folder in result.json["folders"]} == {None}


def test_a_server_that_lists_nothing_says_why(mailctl: Mailctl, scripted: Callable[..., Any]) -> None:
    capability = capability_reply(b"AUTH=PLAIN", b"SASL-IR", b"LIST-EXTENDED", b"LIST-STATUS")
    with scripted(capability=capability, list=b"<tag> NO [NOPERM] not for you\r\n") as double:
        result = mailctl("mail", "folders", "ann@example.org", "-o", "json")
        assert result.code == 13
        assert result.error["reply"] == "NO [NOPERM] not for you"
        assert b"RETURN (STATUS (MESSAGES UNSEEN))" in double.before_tls
