"""`server discover` on a terminal: what is found is saved when a person agrees."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest
from tests.doubles.dns import DnsServer

from .conftest import Spawn, finish

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs pseudo-terminals")


@pytest.fixture
def offline() -> dict[str, str]:
    """The environment of a machine without a network."""
    with DnsServer({}) as gone:
        pass
    proxies = ("HTTPS_PROXY", "HTTP_PROXY", "https_proxy", "http_proxy")
    return {"MAILCTL_NAMESERVER": gone.place, **dict.fromkeys(proxies, f"http://{gone.place}")}


@pytest.mark.parametrize(("answer", "code"), [("y", 0), ("n", 1), ("", 1)])
def test_a_person_agrees_or_nothing_is_saved(
    spawn: Spawn, config: Path, offline: dict[str, str], answer: str, code: int
) -> None:
    child = spawn("server", "discover", "ann@gmail.com", "--timeout", "0.3", "--save", "g", **offline)
    child.expect(r"Save it as 'g' \(Gmail and Google Workspace\)\? \[y/N\]: ")
    child.sendline(answer)
    ended, said = finish(child)
    assert ended == code, said
    assert ("added 'g'" in said, config.exists()) == (code == 0, code == 0)


def test_tables_fit_the_screen(spawn: Spawn, offline: dict[str, str]) -> None:
    code, said = finish(spawn("server", "discover", "ann@gmail.com", "--timeout", "0.3", **offline))
    assert code == 0, said
    assert max(len(line) for line in said.splitlines()) <= 80 + len("\x1b[1m\x1b[0m")


def test_findings_fit_the_screen(spawn: Spawn, offline: dict[str, str]) -> None:
    code, said = finish(spawn("--no-color", "doctor", "--timeout", "0.3", columns=60, **offline))
    assert code == 1
    wide = [line.strip() for line in said.splitlines() if len(line) > 60]
    assert not [
        line for line in wide if " " in line and not re.fullmatch("`[^`]*`|next: .*", line)
    ]  # commands stay whole


def test_a_command_that_a_finding_names_is_one_line_on_any_screen(spawn: Spawn) -> None:
    _, said = finish(spawn("--no-color", "doctor", "--offline", columns=40))
    assert "next: mailctl server add" in [line.strip() for line in said.splitlines()]
