"""A planted secret is nowhere to be found after any command has failed or succeeded."""

from __future__ import annotations

import base64
import subprocess
import sys
import urllib.parse
from pathlib import Path

import pytest
from tests.credentials.keyring_doubles import MODULE, Memory

CANARY = "canary/7f3a é secret"
FORMS = [
    CANARY.encode(),
    CANARY.encode("utf-16-le"),
    *(base64.b64encode(b"x" * shift + CANARY.encode())[4:-4] for shift in range(3)),
    urllib.parse.quote(CANARY).encode(),
    CANARY.encode().hex().encode(),
    ascii(CANARY).strip("'").encode(),
]


def assert_clean(written: bytes, where: str) -> None:
    for form in FORMS:
        assert form not in written, where


def assert_files_clean(folder: Path) -> None:
    for path in folder.rglob("*"):
        if path.is_file():
            assert_clean(path.read_bytes(), str(path))


@pytest.mark.parametrize("output", ["table", "json"])
@pytest.mark.parametrize("double", ["Memory", "Chatty", "Broken", "Forgetful", "Stubborn", "Small", "NoSuchClass"])
def test_whatever_the_keyring_does(mailctl, tmp_path: Path, monkeypatch, double: str, output: str) -> None:
    Memory.reset()
    monkeypatch.setenv("MAILCTL_KEYRING_BACKEND", f"{MODULE}.{double}")
    for command in (
        ("set", "relay", "--stdin"),
        ("set", "relay", "--stdin", "--dry-run"),
        ("set", "nobody:x/y", "--stdin"),
        ("status",),
        ("backend", "keyring"),
        ("migrate", "--to", "vault"),
        ("backend", "vault", "--key-file", str(tmp_path / "key")),
        ("migrate", "--to", "vault"),
        ("migrate", "--to", "keyring"),
        ("delete", "relay", "--yes"),
    ):
        result = mailctl("--debug", "secret", *command, "-o", output, stdin=f"{CANARY}\n".encode())
        assert_clean((result.out + result.err).encode(), f"{command}: {result}")
        assert_files_clean(tmp_path)


@pytest.mark.parametrize("how", ["truncated", "another key", "no key", "foreign"])
def test_whatever_is_wrong_with_the_vault(mailctl, tmp_path: Path, how: str) -> None:
    mailctl.must("secret", "backend", "vault", "--key-file", tmp_path / "key")
    mailctl.must("secret", "set", "relay", "--stdin", stdin=CANARY.encode())
    vault, key = tmp_path / "mailctl.vault", tmp_path / "key"
    if how == "truncated":
        vault.write_bytes(vault.read_bytes()[:-9])
    elif how == "foreign":
        import pyrage

        (line,) = [line for line in key.read_text().splitlines() if line.startswith("AGE-")]
        identity = pyrage.x25519.Identity.from_str(line)
        vault.write_bytes(pyrage.encrypt(f'["{CANARY}"'.encode(), [identity.to_public()]))
    else:
        key.unlink()
        if how == "another key":
            mailctl("secret", "backend", "vault", "--key-file", key)
            (tmp_path / "new").mkdir()
    for command in (("status",), ("set", "relay", "--stdin"), ("migrate", "--to", "keyring"), ("delete", "relay")):
        result = mailctl("--debug", "secret", *command, stdin=CANARY.encode())
        assert result.code != 0
        assert_clean((result.out + result.err).encode(), f"{command}: {result}")
    assert_files_clean(tmp_path)


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_neither_arguments_nor_environment_hold_it_while_a_command_is_run(mailctl, tmp_path: Path) -> None:
    seen = tmp_path / "seen"
    (tmp_path / "show.py").write_text(
        "import os\n"
        f"with open({str(seen)!r}, 'ab') as seen:\n"
        "    for process in (os.getpid(), os.getppid()):\n"
        "        for name in ('cmdline', 'environ'):\n"
        "            seen.write(open(f'/proc/{process}/{name}', 'rb').read())\n"
        "print('open sesame')\n"
    )
    run = [sys.executable, "-m", "mailctl", "--config", str(mailctl.config), "secret"]
    opener = f"command:{sys.executable} {tmp_path / 'show.py'}"
    subprocess.run([*run, "backend", "vault", "--passphrase-from", opener], check=True, capture_output=True)
    seen.unlink()
    # The secret is in memory already when the passphrase is asked for.
    subprocess.run([*run, "set", "relay", "--stdin"], check=True, capture_output=True, input=CANARY.encode())
    assert b"show.py" in seen.read_bytes()
    assert b"mailctl" in seen.read_bytes()
    assert_clean(seen.read_bytes(), "arguments and environment")
