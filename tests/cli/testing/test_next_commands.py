"""The command that a remedy names next: there is one, with those options."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from mailctl.model.report import Stage
from mailctl.protocol.remedies.by_graph import GRAPH_ROWS
from mailctl.protocol.remedies.by_provider import PROVIDER_ROWS
from mailctl.protocol.remedies.by_reason import REASON_ROWS
from mailctl.protocol.remedies.by_reply import REPLY_ROWS
from mailctl.protocol.remedies.by_stage import STAGE_REMEDIES

if TYPE_CHECKING:
    from tests.cli.conftest import Mailctl

SENDING_STAGES = {Stage.ENVELOPE, Stage.MESSAGE, Stage.POP_BEFORE_SMTP}


def commands() -> Iterator[str | None]:
    """Yield the next command of every remedy, for each kind of test in which it can come up."""
    rows = (*PROVIDER_ROWS, *REPLY_ROWS, *REASON_ROWS, *GRAPH_ROWS)
    for remedy, protocols, stages in (
        *((row.remedy, set(row.protocols), set(row.stages)) for row in rows),
        *((remedy, set(), {stage}) for stage, remedy in STAGE_REMEDIES.items()),
    ):
        if not protocols or protocols & {"smtp", "graph"}:
            yield remedy.command(
                test="mailctl test send office", edit="mailctl server edit office", side="smtp", domain="example.org"
            )
            yield remedy.command(test="mailctl test send sysmail", edit="mailctl sysmail set", side="smtp")
        if not protocols or "pop3" in protocols:
            yield remedy.command(test="mailctl test send sysmail", edit="mailctl sysmail set", side="pop")
        if (not protocols or protocols & {"imap", "pop3"}) and not (stages and stages <= SENDING_STAGES):
            yield remedy.command(test="mailctl test receive office", edit="mailctl server edit office", side="incoming")


COMMANDS = sorted({command for command in commands() if command})


@pytest.mark.parametrize("command", COMMANDS)
def test_the_next_command_exists_with_its_options(mailctl: Mailctl, command: str) -> None:
    program, *words = shlex.split(command)
    assert program == "mailctl"
    options = [word for word in words if word.startswith("--")]
    depth = next(index for index, word in enumerate([*words, "-"]) if word.startswith("-"))
    path = [word for word in words[:depth] if word not in ("office", "sysmail") or word == words[0]]
    help_page = mailctl(*[word for word in path if word.islower()], "--help")
    assert help_page.code == 0, help_page
    assert [option for option in options if option not in help_page.out] == []
