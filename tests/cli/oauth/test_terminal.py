"""`mailctl oauth authorize` with a person before a terminal."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
import requests
from tests.cli.terminal.conftest import environment, finish
from tests.servers.people import ALICE

if TYPE_CHECKING:
    import pexpect
    from tests.cli.oauth.conftest import Site

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs pseudo-terminals")

ADDRESS = r"(http://127\.0\.0\.1:\d+/auth\?\S+)\r\n"

Start = Callable[..., "pexpect.spawn[str]"]


@pytest.fixture
def start(site: Site) -> Any:
    """Start `oauth authorize` on a terminal without a display, unless told."""
    pexpect = pytest.importorskip("pexpect", reason="needs a pseudo-terminal")
    children = []

    def spawn(*options: str, **changes: str) -> Any:
        alone = dict.fromkeys(("DISPLAY", "WAYLAND_DISPLAY", "SSH_CONNECTION"), "")
        child = pexpect.spawn(
            sys.executable,
            ["-m", "mailctl", "oauth", "authorize", "sysmail", *options], encoding="utf-8", timeout=30,
            env=environment(MAILCTL_CONFIG=str(site.mailctl.config), **alone | changes),
        )  # fmt: skip
        children.append(child)
        return child

    yield spawn
    for child in children:
        child.close(force=True)


def test_the_address_is_pasted_back_hidden(site: Site, start: Start) -> None:
    child = start("--flow", "paste")
    child.expect(ADDRESS)
    redirect = site.server.sign_in(str(child.match[1]), user=ALICE.address)
    child.expect(r"The address \(not shown\): ")
    child.sendline(redirect)
    code, said = finish(child)
    assert code == 0, said
    assert "authorised sysmail through 'native', by paste" in said
    assert "mailctl test send --to ADDRESS" in said
    assert redirect.partition("code=")[2][:20] not in said
    assert site.grant()["ok"]


def test_without_a_display_a_code_is_entered_elsewhere(site: Site, start: Start) -> None:
    child = start()
    child.expect(r"enter the code\s+(?:\x1b\[[0-9;]*m)?([A-Z0-9]{4}-[A-Z0-9]{4})")
    site.server.approve_device(str(child.match[1]), user=ALICE.address)
    code, said = finish(child)
    assert code == 0, said
    assert site.grant()["flow"] == "device"


def test_with_a_display_the_browser_opens(site: Site, start: Start) -> None:
    child = start(DISPLAY=":0", BROWSER="true")
    child.expect(ADDRESS)
    redirect = site.server.sign_in(str(child.match[1]), user=ALICE.address)
    assert requests.get(redirect, timeout=10).ok
    code, said = finish(child)
    assert code == 0, said
    assert site.grant()["flow"] == "browser"


def test_over_ssh_no_browser_opens_that_nobody_would_see(site: Site, start: Start) -> None:
    child = start("--dry-run", DISPLAY=":0", SSH_CONNECTION="192.0.2.1 1 192.0.2.2 22")
    code, said = finish(child)
    assert code == 0
    assert "by device" in said


def test_nobody_is_waited_for_longer_than_told(site: Site, start: Start) -> None:
    code, said = finish(start("--timeout", "1", DISPLAY=":0", BROWSER="true"))
    assert code == 12
    assert "nobody signed in in time" in said
    assert site.secrets() == {}


def test_an_interrupted_sign_in_leaves_nothing(site: Site, start: Start) -> None:
    child = start(DISPLAY=":0", BROWSER="true")
    child.expect(ADDRESS)
    child.sendintr()
    assert finish(child)[0] == 130
    assert site.secrets() == {}
