"""Lists of mail on a terminal: a message a line, as wide as the screen, what is new in bold."""

from __future__ import annotations

import datetime as dt
import sys
from email.utils import format_datetime
from typing import TYPE_CHECKING

import pytest
from rich.cells import cell_len
from tests.servers.dovecot import Dovecot
from tests.servers.people import Person

from .conftest import Spawn, finish

if TYPE_CHECKING:
    from tests.cli.conftest import Mailctl

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs pseudo-terminals")

BOLD, PLAIN = "\x1b[1m", "\x1b[0m"
LONG = "会議の議題と、それについての長い説明、誰も最後まで読まない" * 3


@pytest.fixture
def owner(mailctl: Mailctl, dovecot: Dovecot, person: Person, monkeypatch: pytest.MonkeyPatch) -> str:
    """Somebody with an account that has a message, and one without any."""
    monkeypatch.setenv("PASSWORD", person.password)
    second = f"second.{person.address}"
    dovecot.add_user(second, person.password)
    for address in (person.address, second):
        mailctl.must(
            "account", "add", address, "--username", address, "--owner", "taro", "--password-from", "env:PASSWORD",
            "--incoming-protocol", "imap", "--incoming-host", "127.0.0.1", "--incoming-port", str(dovecot.imap_port),
            "--incoming-security", "none", "--smtp-host", "127.0.0.1", "--smtp-security", "none",
        )  # fmt: skip
    for number in range(3):
        date = dt.datetime(2001, 2, 3, 4, number, tzinfo=dt.UTC)
        references = " ".join(f"<{earlier}@x>" for earlier in range(number))
        header = f"Message-ID: <{number}@x>\r\nReferences: {references}\r\nDate: {format_datetime(date)}\r\n"
        text = f"{header}From: {LONG} <a@example.org>\r\nSubject: {LONG}\r\n\r\n"
        dovecot.deliver(person.address, text.encode())
    return "taro"


@pytest.mark.parametrize("columns", [60, 80, 120])
def test_a_message_is_a_line_of_the_screen(spawn: Spawn, owner: str, columns: int) -> None:
    code, said = finish(spawn("mail", "list", "--owner", owner, "--threads", columns=columns))
    assert code == 0, said
    lines = [line.replace(BOLD, "").replace(PLAIN, "") for line in said.splitlines()]
    assert [line.split()[0] for line in lines] == ["NFA", "N", "N", "N"]
    assert max(map(cell_len, lines)) <= columns
    assert len({cell_len(line[: line.index("2001-02-03")]) for line in lines[1:]}) == 1
    assert [line.count("└") for line in lines[1:]] == [0, 1, 1]
    assert all("…" in line for line in lines[1:])


def test_what_nobody_has_seen_is_bold(spawn: Spawn, owner: str) -> None:
    _, said = finish(spawn("mail", "list", "--owner", owner))
    assert all(line.startswith(BOLD) for line in said.splitlines())
    _, said = finish(spawn("--no-color", "mail", "list", "--owner", owner))
    assert "\x1b" not in said


def test_folders_fit_the_screen(spawn: Spawn, owner: str) -> None:
    code, said = finish(spawn("--no-color", "mail", "folders", "--owner", owner, columns=60))
    assert code == 0, said
    assert max(map(cell_len, said.splitlines())) <= 60
