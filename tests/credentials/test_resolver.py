"""References to secrets that stay where they are, and what `Secrets` makes of all kinds."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from tests.credentials.keyring_doubles import MODULE, Memory

from mailctl.credentials import Secrets
from mailctl.credentials.command import run_command
from mailctl.errors import InvalidValueError, SecretMissingError, SecretStoreError
from mailctl.model.secret import Secret, parse_secret_ref
from mailctl.model.settings import SecretBackend, SecretOptions

CANARY = "canary-7f3a-secret"
DIFFICULT = ["", "  blank edges ", "\"quoted\" 'twice'", "back\\slash\\n", "pässwörd 密码", "🔑", "two\nlines"]
posix = pytest.mark.skipif(sys.platform == "win32", reason="modes and signals are POSIX's")


@pytest.fixture
def warnings() -> list[str]:
    return []


@pytest.fixture
def secrets(tmp_path: Path, warnings: list[str]) -> Secrets:
    return Secrets(SecretOptions(), tmp_path, warn=warnings.append)


def get(secrets: Secrets, reference: str) -> Secret:
    return secrets.get(parse_secret_ref(reference))


def python(code: str) -> str:
    return f"command:{shlex.join([sys.executable, '-c', code])}"


@pytest.mark.parametrize("text", [text for text in DIFFICULT if text])
def test_difficult_secrets_come_from_variable_file_and_command_as_they_are(
    secrets: Secrets, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    monkeypatch.setenv("RELAY_PASSWORD", text)
    path = tmp_path / "relay"
    path.write_bytes(text.encode())
    path.chmod(0o600)
    copy = "import sys; sys.stdout.buffer.write(open(sys.argv[1], 'rb').read())"
    command = shlex.join([sys.executable, "-c", copy, str(path)])
    for reference in ("env:RELAY_PASSWORD", "file:relay", f"file:{path}", f"command:{command}"):
        assert get(secrets, reference) == Secret(text)


@pytest.mark.parametrize(
    ("raw", "text"),
    [(b"s\n", "s"), (b"s\r\n", "s"), (b"s\n\n", "s\n"), (b"s", "s"), (b" s \n", " s "), (b"s\r", "s\r")],
)
def test_exactly_one_trailing_newline_is_removed(secrets: Secrets, tmp_path: Path, raw: bytes, text: str) -> None:
    path = tmp_path / "relay"
    path.write_bytes(raw)
    path.chmod(0o600)
    assert get(secrets, "file:relay") == Secret(text)
    assert get(secrets, python(f"import sys; sys.stdout.buffer.write({raw!r})")) == Secret(text)


@pytest.mark.parametrize("raw", [b"", b"\n"])
def test_what_is_empty_is_missing(
    secrets: Secrets, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, raw: bytes
) -> None:
    """As a variable is that a CI job was to fill in."""
    path = tmp_path / "relay"
    path.write_bytes(raw)
    path.chmod(0o600)
    monkeypatch.setenv("RELAY_PASSWORD", "")
    for reference in ("env:RELAY_PASSWORD", "file:relay", python(f"print(end={raw.decode()!r})")):
        with pytest.raises(SecretMissingError, match=r"RELAY_PASSWORD is empty|relay is empty|prints is empty"):
            get(secrets, reference)
        assert not secrets.exists(parse_secret_ref(reference))


def test_what_is_not_there_is_missing_and_what_cannot_be_read_is_unavailable(secrets: Secrets, tmp_path: Path) -> None:
    with pytest.raises(SecretMissingError, match="NO_SUCH_VARIABLE is not set"):
        get(secrets, "env:NO_SUCH_VARIABLE")
    with pytest.raises(SecretMissingError, match="does not exist"):
        get(secrets, "file:nothing")
    with pytest.raises(SecretStoreError, match="it is a folder"):
        get(secrets, f"file:{tmp_path}")


@pytest.mark.parametrize(
    ("raw", "said"), [(b"caf\xe9", "UTF-8"), (b"\xef\xbb\xbfs", "byte order mark"), (b"x" * (1024 * 1024 + 1), "bytes")]
)
def test_what_is_no_secret_text_is_refused_and_not_quoted(
    secrets: Secrets, tmp_path: Path, raw: bytes, said: str
) -> None:
    (tmp_path / "relay").write_bytes(raw)
    with pytest.raises(SecretStoreError, match=said) as refused:
        get(secrets, "file:relay")
    assert "caf" not in str(refused.value)
    with pytest.raises(SecretStoreError, match=said):
        get(secrets, python("import sys; sys.stdout.buffer.write(open('relay', 'rb').read())".replace(
            "'relay'", repr(str(tmp_path / "relay")))))  # fmt: skip


@posix
@pytest.mark.parametrize("mode", [0o604, 0o644, 0o602])
def test_a_file_that_everybody_can_read_or_change_is_warned_of(
    secrets: Secrets, tmp_path: Path, warnings: list[str], mode: int
) -> None:
    path = tmp_path / "relay"
    path.write_text("s")
    path.chmod(0o600)
    get(secrets, "file:relay")
    assert warnings == []
    path.chmod(mode)
    assert get(secrets, "file:relay") == Secret("s")
    (warning,) = warnings
    assert f"chmod o= {path}" in warning


@posix
def test_a_pipe_is_read_like_a_file(secrets: Secrets, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe", 0o600)
    writer = subprocess.Popen(["sh", "-c", f"printf s > {shlex.quote(str(tmp_path / 'pipe'))}"])
    assert get(secrets, "file:pipe") == Secret("s")
    assert writer.wait(10) == 0


def test_a_command_gets_its_words_as_a_shell_would_split_them_and_no_shell(secrets: Secrets) -> None:
    printed = get(secrets, python("import sys; print(sys.argv[1:])") + " a 'b  c' \"$HOME\" d\\ e ';' '*'")
    assert printed == Secret("['a', 'b  c', '$HOME', 'd e', ';', '*']")


def test_a_command_gets_the_environment_and_an_empty_standard_input(
    secrets: Secrets, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIVEN", "on")
    assert get(secrets, python("import os, sys; print(os.environ['GIVEN'] + repr(sys.stdin.read()))")) == Secret("on''")


def test_a_command_that_fails_is_told_by_program_and_code_without_its_arguments_or_output(secrets: Secrets) -> None:
    code = f"import sys; print('{CANARY}'); print('trace: {CANARY}\\nno such entry', file=sys.stderr); sys.exit(7)"
    with pytest.raises(SecretMissingError) as refused:
        get(secrets, python(code))
    assert refused.value.message == f"the secret's command '{sys.executable}' exited with 7: no such entry"


def test_the_secret_is_cut_out_of_what_a_failing_command_complains_of(secrets: Secrets) -> None:
    code = f"import sys; print('{CANARY}'); print('+ echo {CANARY}', file=sys.stderr); sys.exit(1)"
    with pytest.raises(SecretMissingError) as refused:
        get(secrets, python(code))
    assert refused.value.message.endswith("exited with 1: + echo …")


def test_a_command_that_complains_and_succeeds_gives_its_secret(secrets: Secrets) -> None:
    assert get(secrets, python("import sys; print('hm', file=sys.stderr); print('s')")) == Secret("s")


@posix
def test_a_command_that_was_killed_is_told_by_its_signal(secrets: Secrets) -> None:
    with pytest.raises(SecretMissingError, match="was ended by signal 9"):
        get(secrets, "command:sh -c 'kill -9 $$'")


def test_a_command_that_does_not_end_is_stopped_at_the_deadline() -> None:
    command = shlex.join([sys.executable, "-c", "import threading; threading.Event().wait()"])
    with pytest.raises(SecretStoreError, match=r"did not end within 0\.5 s, and was stopped"):
        run_command(command, deadline_seconds=0.5)


def test_a_command_that_prints_without_end_is_stopped() -> None:
    code = "import sys\nwhile True: sys.stdout.write('x' * 65536)"
    with pytest.raises(SecretStoreError, match="more than 1048576 bytes"):
        run_command(shlex.join([sys.executable, "-c", code]), deadline_seconds=30)


@posix
def test_a_child_that_the_command_leaves_behind_does_not_hold_up_the_secret(secrets: Secrets, tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    assert get(secrets, f"command:sh -c 'sleep 60 & echo $! > {pid}; echo s'") == Secret("s")
    os.kill(int(pid.read_text()), 15)


@pytest.mark.parametrize("command", ["no-such-program-here x", "'unbalanced"])
def test_a_command_that_cannot_be_run_is_unavailable(secrets: Secrets, command: str) -> None:
    with pytest.raises(SecretStoreError):
        get(secrets, f"command:{command}")


def test_what_was_stored_is_found_and_owned_and_others_entries_are_left_alone(
    secrets: Secrets, monkeypatch: pytest.MonkeyPatch
) -> None:
    Memory.reset()
    monkeypatch.setenv("MAILCTL_KEYRING_BACKEND", f"{MODULE}.Memory")
    Memory.entries["other", "user/with/slashes"] = "theirs"
    secrets = secrets.with_options(SecretOptions(namespace="0a1b"))
    ours, theirs = secrets.store("sysmail/password", Secret("s")), parse_secret_ref("keyring:other/user/with/slashes")
    assert str(ours) == "keyring:mailctl-0a1b/sysmail/password"
    assert (secrets.owns(ours), secrets.owns(theirs)) == (True, False)
    assert secrets.get(theirs) == Secret("theirs")
    assert secrets.delete(theirs) is False
    assert secrets.exists(theirs)
    assert secrets.delete(ours) is True
    with pytest.raises(SecretMissingError, match="keyring:mailctl-0a1b/sysmail/password"):
        secrets.get(ours)


def test_two_settings_files_do_not_share_an_entry(secrets: Secrets, monkeypatch: pytest.MonkeyPatch) -> None:
    Memory.reset()
    monkeypatch.setenv("MAILCTL_KEYRING_BACKEND", f"{MODULE}.Memory")
    one, two = (secrets.with_options(SecretOptions(namespace=namespace)) for namespace in ("one", "two"))
    one.store("relay", Secret("1"))
    two.store("relay", Secret("2"))
    assert one.get(one.reference("relay")) == Secret("1")
    assert not one.owns(two.reference("relay"))


def test_a_vault_needs_to_be_told_how_it_is_opened(secrets: Secrets) -> None:
    with pytest.raises(SecretStoreError, match="nothing says how the vault is opened"):
        get(secrets, "vault:relay")
    within = secrets.with_options(SecretOptions(backend=SecretBackend.VAULT, passphrase_from="vault:x"))
    with pytest.raises(InvalidValueError, match="cannot be kept in the vault itself"):
        within.open_store()


@posix
def test_no_core_is_dumped_once_secrets_are_around() -> None:
    code = (
        "import resource; from pathlib import Path; from mailctl.credentials import Secrets;"
        "from mailctl.model.settings import SecretOptions;"
        "hard = resource.getrlimit(resource.RLIMIT_CORE)[1];"
        "resource.setrlimit(resource.RLIMIT_CORE, (hard, hard)); Secrets(SecretOptions(), Path('.'));"
        "print(resource.getrlimit(resource.RLIMIT_CORE)[0])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout == "0\n"


def test_the_keyring_library_is_loaded_only_for_a_keyring_reference(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from mailctl.credentials import Secrets;"
        "from mailctl.model.secret import parse_secret_ref; from mailctl.model.settings import SecretOptions;"
        "Secrets(SecretOptions(), Path('.')).get(parse_secret_ref('env:RELAY'));"
        "print({'keyring', 'secretstorage', 'pyrage', 'subprocess'} & set(sys.modules))"
    )
    environment = os.environ | {"RELAY": "s"}
    run = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert run.stdout == "set()\n"
