"""Tokens, codes and verifiers are in the vault, and nowhere else: not in output, logs, files or transcripts."""

from __future__ import annotations

import base64
import json
import logging
import urllib.parse
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

import pytest
from tests.servers.people import ALICE, BOB

if TYPE_CHECKING:
    from tests.cli.conftest import Result
    from tests.cli.oauth.conftest import Site


class Listener:
    """Runs commands, and keeps all that they said and all that must not be said."""

    def __init__(self, site: Site, caplog: pytest.LogCaptureFixture) -> None:
        self.site = site
        self.said: list[str] = []
        self.secrets: set[str] = set()
        caplog.set_level(logging.DEBUG)
        self._caplog = caplog

    def __call__(self, *arguments: str | Path, stdin: bytes = b"") -> Result:
        result = self.site.mailctl("--debug", "--verbose", *arguments, stdin=stdin)
        self.said += [result.out, result.err]
        for text in self.site.secrets().values():
            self.secrets |= {value for name, value in json.loads(text).items() if name in KEPT and value}
        return result

    def require_silence(self, folder: Path) -> None:
        files = [path for path in folder.rglob("*") if path.is_file() and path.suffix not in (".vault", ".key")]
        written = {str(path): path.read_bytes() for path in files}
        written |= {"output": "".join(self.said).encode(), "log": self._caplog.text.encode()}
        assert len(self.secrets) >= len(KEPT)
        for where, text in written.items():
            for secret in self.secrets:
                for form in forms(secret):
                    assert form not in text, where


KEPT = ("access_token", "refresh_token", "verifier")


def forms(secret: str) -> list[bytes]:
    raw = secret.encode()
    shifted = [base64.b64encode(b"x" * shift + raw)[4:-4] for shift in range(3)]
    return [raw, urllib.parse.quote(secret, safe="").encode(), raw.hex().encode(), *shifted]


@pytest.mark.parametrize("output", ["table", "json"])
def test_nothing_secret_is_said_or_written(
    mail_site: Site, tmp_path: Path, caplog: pytest.LogCaptureFixture, output: str
) -> None:
    run = Listener(mail_site, caplog)
    as_told = ("-o", output)
    printed = run("oauth", "authorize", "sysmail", "--print-url", *as_told)
    url = printed.json["url"] if output == "json" else printed.out.strip()
    redirect = mail_site.server.sign_in(url, user=ALICE.address)
    run.secrets |= {parse_qs(urlsplit(redirect).query)["code"][0]}
    assert run("oauth", "authorize", "sysmail", "--resume", *as_told, stdin=redirect.encode()).code == 0
    run("oauth", "authorize", "sysmail", "--resume", *as_told, stdin=redirect.encode())
    trace = tmp_path / "trace.txt"
    assert run("test", "receive", "--transcript", "--trace", trace, *as_told).code == 0
    assert run("test", "send", "--to", BOB.address, "--transcript", *as_told).code == 0
    run("send", "--to", BOB.address, "--subject", "S", "--body", "B", *as_told)
    for command in ("status", "refresh", "setup-script"):
        run("oauth", command, "sysmail", *as_told)
    run("secret", "status", *as_told)
    mail_site.server.revoke_all(ALICE.address)
    assert run("test", "receive", "--transcript", *as_told).code == 12
    assert run("test", "send", "--to", BOB.address, "--transcript", *as_told).code == 12
    for command in ("status", "refresh"):
        assert run("oauth", command, "sysmail", *as_told).code == 12
    run("oauth", "revoke", "sysmail", "--yes", *as_told)
    run.require_silence(tmp_path)
