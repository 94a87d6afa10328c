"""The real Secret Service, as the keyring library sees it from a program of its own."""

from __future__ import annotations

import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from tests.servers.secret_service import SecretService, environment_without_bus

SECRET = " “käy” \\ 日本 "


def run_keyring(*arguments: str, environment: dict[str, str], stdin: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "keyring", *arguments],
        env=environment | {"PYTHONUTF8": "1"},
        input=stdin,
        capture_output=True,
        encoding="utf-8",
        timeout=30,
        check=False,
    )


def test_a_secret_is_kept_between_programs(secret_service: SecretService) -> None:
    kept = run_keyring("set", "mailctl-test", "alice", environment=secret_service.environment, stdin=SECRET)
    assert kept.returncode == 0, kept.stderr
    found = run_keyring("get", "mailctl-test", "alice", environment=secret_service.environment)
    assert found.stdout == f"{SECRET}\n"


@pytest.mark.real("keyring")
def test_a_locked_keyring_gives_nothing_and_says_so() -> None:
    with SecretService() as service:
        run_keyring("set", "mailctl-test", "alice", environment=service.environment, stdin=SECRET)
        service.lock()
        found = run_keyring("get", "mailctl-test", "alice", environment=service.environment)
    assert "KeyringLocked" in found.stderr


@pytest.mark.real("keyring")
def test_without_a_login_there_is_no_keyring_to_write_to() -> None:
    with SecretService(unlocked=False) as service:
        kept = run_keyring("set", "mailctl-test", "alice", environment=service.environment, stdin=SECRET)
    assert "Prompt dismissed" in kept.stderr


@pytest.mark.real("keyring")
def test_a_suspended_service_never_answers() -> None:
    from jeepney import DBusAddress, new_method_call
    from jeepney.io.blocking import open_dbus_connection

    interface = "org.freedesktop.Secret.Service"
    secrets = DBusAddress("/org/freedesktop/secrets", bus_name="org.freedesktop.secrets", interface=interface)
    with (
        SecretService() as service,
        closing(open_dbus_connection(service.environment["DBUS_SESSION_BUS_ADDRESS"])) as connection,
    ):
        question = new_method_call(secrets, "ReadAlias", "s", ("default",))
        assert connection.send_and_get_reply(question, timeout=30).body != ("/",)
        service.suspend()
        with pytest.raises(TimeoutError):
            connection.send_and_get_reply(question, timeout=0.5)


@pytest.mark.real("keyring")
def test_a_bus_can_have_no_keyring_on_it() -> None:
    with SecretService(keyring=False) as service:
        kept = run_keyring("set", "mailctl-test", "alice", environment=service.environment, stdin=SECRET)
    assert "NoKeyringError" in kept.stderr


@pytest.mark.real("keyring")
def test_a_machine_can_have_no_bus(tmp_path: Path) -> None:
    kept = run_keyring("set", "mailctl-test", "alice", environment=environment_without_bus(tmp_path), stdin=SECRET)
    assert "NoKeyringError" in kept.stderr
