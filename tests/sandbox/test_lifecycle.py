"""How a sandbox begins, is found, and ends."""

from __future__ import annotations

import json
import os
import smtplib
import socket
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from mailctl.errors import ConflictError, MailctlError
from mailctl.sandbox import open_sandbox

posix_only = pytest.mark.skipif(os.name != "posix", reason="modes are POSIX's")


def test_the_port_file_says_how_it_is_reached_and_holds_no_password(tmp_path):
    port_file = tmp_path / "ports.json"
    with open_sandbox(port_file) as sandbox:
        text = port_file.read_text(encoding="utf-8")
        announced = json.loads(text)
        first = announced["logins"][0]
        password = Path(first["password_file"]).read_text(encoding="utf-8")

        assert announced["schema_version"] == 1
        assert announced["host"] == "127.0.0.1"
        assert announced["ports"].keys() == {"smtp", "smtps", "imap", "imaps", "pop3", "pop3s"}
        assert announced["ca_file"] == str(sandbox.ca_file)
        assert first["username"] == "alice@sandbox.test"
        assert password == sandbox.logins[0].password.reveal()
        assert all(login.password.reveal() not in text for login in sandbox.logins)
    assert not port_file.exists()


@posix_only
def test_what_it_writes_is_for_its_owner_alone(tmp_path):
    port_file = tmp_path / "ports.json"
    with open_sandbox(port_file) as sandbox:
        assert stat.S_IMODE(port_file.stat().st_mode) == 0o600
        assert stat.S_IMODE(sandbox.folder.stat().st_mode) == 0o700
        for login in sandbox.logins:
            assert stat.S_IMODE(login.password_file.stat().st_mode) == 0o600


def test_its_folder_goes_and_its_ports_close_at_the_end_even_with_clients_connected():
    with open_sandbox() as sandbox:
        client = socket.create_connection((sandbox.host, sandbox.ports["imap"]), timeout=10)
        client.recv(4096)
        assert sandbox.ca_file.parent == sandbox.folder
    assert not sandbox.folder.exists()
    try:
        left = client.recv(4096)
    except ConnectionResetError:
        left = b""
    client.close()
    assert left == b""
    for port in sandbox.ports.values():
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection((sandbox.host, port), timeout=10)


def test_two_run_side_by_side_with_mail_and_passwords_of_their_own():
    with open_sandbox() as one, open_sandbox() as other:
        assert set(one.ports.values()).isdisjoint(other.ports.values())
        assert one.logins[0].password != other.logins[0].password


def test_the_port_file_of_a_sandbox_that_was_killed_is_replaced(tmp_path):
    port_file = tmp_path / "ports.json"
    with open_sandbox(port_file):
        stale = port_file.read_text(encoding="utf-8")
    port_file.write_text(stale, encoding="utf-8")
    with open_sandbox(port_file):
        assert port_file.read_text(encoding="utf-8") != stale


def test_a_file_of_something_else_is_not_overwritten(tmp_path):
    port_file = tmp_path / "precious.json"
    port_file.write_text('{"mine": true}')
    with pytest.raises(ConflictError, match="precious"), open_sandbox(port_file):
        pytest.fail("it must not start")
    assert port_file.read_text() == '{"mine": true}'


@pytest.mark.parametrize("package", ["aiosmtpd", "twisted"])
def test_without_the_extra_it_says_what_to_install(package, monkeypatch):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MailctlError, match=package) as caught, open_sandbox():
        pytest.fail("it must not start")
    assert caught.value.hint == "pip install 'mailctl[sandbox]'"


def test_importing_it_imports_no_server():
    heavy = "{'twisted', 'aiosmtpd', 'asyncio', 'cryptography'}"
    code = f"import sys, mailctl.sandbox; sys.exit(', '.join({heavy} & sys.modules.keys()) or None)"
    finished = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert finished.stderr == ""


def test_a_client_s_mistakes_are_not_printed(capfd):
    with open_sandbox() as sandbox:
        with smtplib.SMTP(sandbox.host, sandbox.ports["smtp"]) as smtp:
            smtp.docmd("NONSENSE")
        for protocol in ("imap", "pop3", "imaps"):
            with socket.create_connection((sandbox.host, sandbox.ports[protocol]), timeout=10) as client:
                client.sendall(b"\x16\x03 \xff\xfe nonsense\r\n" * 3)
                client.shutdown(socket.SHUT_WR)
                while client.recv(4096):
                    pass
    assert capfd.readouterr() == ("", "")
