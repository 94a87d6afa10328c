"""Shell completion, asked as the shells' own scripts ask: words in the environment, candidates on standard output."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.cli.conftest import Mailctl


def complete(shell: str, line: str, **environment: str) -> str:
    """Return what a shell is offered for the last word of a line, which may be empty."""
    words = line.split(" ")
    asked = {
        "_MAILCTL_COMPLETE": f"complete_{shell}",
        "_TYPER_COMPLETE_ARGS": line,
        "_TYPER_COMPLETE_FISH_ACTION": "get-args",
        "COMP_WORDS": line,
        "COMP_CWORD": str(len(words) - 1),
    }
    finished = subprocess.run(
        # Typer finds the variable's name by the program's: `mailctl`, not `python -m mailctl`.
        [sys.executable, "-c", "import sys; from mailctl.__main__ import main; sys.exit(main())"],
        env=os.environ | asked | {"PYTHONUTF8": "1"} | environment,
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )
    assert finished.stderr == ""
    return finished.stdout


def offered(line: str, **environment: str) -> list[str]:
    return complete("bash", line, **environment).split()


@pytest.fixture
def catalogue(mailctl: Mailctl, monkeypatch: pytest.MonkeyPatch) -> Mailctl:
    mailctl.add_server("hq")
    mailctl.add_server("本社")
    monkeypatch.setenv("MAILCTL_CONFIG", str(mailctl.config))
    return mailctl


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("mailctl serv", ["server"]),
        ("mailctl server re", ["reorder"]),
        ("mailctl -q server re", ["reorder"]),
        ("mailctl server add --smtp-sec", ["--smtp-security"]),
        ("mailctl server add hq --smtp-security ", ["none", "starttls", "tls"]),
        ("mailctl server add hq --incoming-protocol p", ["pop3"]),
        ("mailctl server add hq --preset gm", ["gmail", "gmx"]),
        ("mailctl server list -o ", ["table", "json"]),
        ("mailctl server export --format ", ["csv", "json", "toml"]),
        ("mailctl test receive hq --depth ", ["connect", "tls", "auth", "mailbox"]),
        ("mailctl test receive hq --fail-on ", ["fail", "warn"]),
    ],
)
def test_words_are_offered(line: str, expected: list[str]) -> None:
    assert offered(line) == expected


def test_groups_are_offered() -> None:
    assert {"server", "test", "secret", "config", "sandbox", "demo"} <= set(offered("mailctl "))


@pytest.mark.parametrize(
    "command", ["server show", "server edit", "server delete", "server reorder --before", "test send", "test receive"]
)
def test_codes_are_offered(catalogue: Mailctl, command: str) -> None:
    codes = [word for word in offered(f"mailctl {command} ") if word != "sysmail"]
    assert codes == ["hq", "本社"]


def test_tenants_are_offered(catalogue: Mailctl) -> None:
    catalogue.must("tenant", "add", "acme", "--name", "Acme")
    assert offered("mailctl tenant show ") == ["acme"]
    assert offered("mailctl send --tenant a") == ["acme"]
    assert offered("mailctl test send t") == offered("mailctl test send tenant:") == ["tenant:acme"]
    assert offered("mailctl oauth status tenant:b") == []


def test_a_code_in_another_script_is_completed(catalogue: Mailctl) -> None:
    assert offered("mailctl server show 本") == ["本社"]


def test_the_settings_file_named_on_the_line_is_the_one_asked(catalogue: Mailctl, tmp_path: Path) -> None:
    assert offered(f"mailctl --config {tmp_path / 'none.toml'} server show ") == []
    assert offered(f"mailctl --config {catalogue.config} server show h", MAILCTL_CONFIG="") == ["hq"]


def test_a_home_folder_that_the_shell_has_not_expanded_is_understood(catalogue: Mailctl, tmp_path: Path) -> None:
    home = {"HOME": str(tmp_path), "USERPROFILE": str(tmp_path), "MAILCTL_CONFIG": ""}
    assert offered(f"mailctl --config ~/{catalogue.config.name} server show h", **home) == ["hq"]


def test_a_broken_settings_file_offers_nothing_and_says_nothing(catalogue: Mailctl) -> None:
    catalogue.config.write_text("this is = not [valid")
    assert offered("mailctl server show ") == []


@pytest.mark.parametrize("shell", ["zsh", "fish", "powershell"])
def test_names_stand_beside_the_codes_where_the_shell_shows_them(catalogue: Mailctl, shell: str) -> None:
    catalogue.must("server", "edit", "hq", "--name", "Zürich 東京")
    assert "Zürich 東京" in complete(shell, "mailctl server show ")


@pytest.mark.parametrize("hostile", ["$(touch pwned)", "`touch pwned`", '\\"; touch pwned; "', "a [/b] [red]c", "'x'"])
def test_a_name_is_neither_run_nor_read_as_markup(catalogue: Mailctl, hostile: str) -> None:
    catalogue.must("server", "edit", "hq", "--name", hostile)
    (said,) = [line for line in complete("zsh", "mailctl server show ").splitlines() if '"hq"' in line]
    description = said.partition('"hq":')[2].strip("\")'")
    assert not set(description) & set("$`\\\"'[]")


@pytest.mark.parametrize("hostile", ["a$(x)", "`x`", "it's", 'say"so"', "a;b", "a*"])
def test_a_code_that_a_shell_would_interpret_is_not_offered(catalogue: Mailctl, hostile: str) -> None:
    catalogue.add_server(hostile)
    assert offered("mailctl server show ") == ["hq", "本社"]


def test_nothing_that_has_a_name_is_offered_to_be_interpreted(catalogue: Mailctl) -> None:
    anna = "anna@example.org"
    add = ("--username", anna, "--server", "hq", "--password-from", "env:A")
    catalogue.must("account", "add", anna, *add)
    for name in ("$(x)", "plain"):
        catalogue.must("account", "filter", "add", anna, name, "--if", "subject contains x", "--then", "flag")
        login = ("--host", f"{'a' if name == 'plain' else 'b'}.example", "--username", "u", "--password-from", "env:A")
        catalogue.must("account", "pop3", "add", anna, name, *login, "--into", "INBOX")
    for command in ("filter edit", "filter reorder", "pop3 collect"):
        assert offered(f"mailctl account {command} {anna} ") == ["plain"]
    assert offered(f"mailctl secret set account:{anna}/pop3/") == [f"account:{anna}/pop3/plain/password"]


@pytest.mark.parametrize(("shell", "mark"), [("bash", "complete -o default -F"), ("zsh", "compdef")])
def test_the_script_is_shown_for_the_shell_that_runs_mailctl(shell: str, mark: str, mailctl: Mailctl) -> None:
    import shutil

    if shutil.which(shell) is None:
        pytest.skip(f"needs {shell}")
    finished = subprocess.run(
        [shell, "-c", f"{sys.executable} -m mailctl --show-completion; true"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert mark in finished.stdout, finished.stderr
    assert "_MAILCTL_COMPLETE=complete_" in finished.stdout


def completed_by_bash(folder: Path, *words: str) -> str:
    """Return what the script that is installed offers for the last word, run by the shell it is for."""
    (folder / "mailctl").write_text(f'#!/bin/sh\nexec {sys.executable} -m mailctl "$@"\n')
    (folder / "mailctl").chmod(0o755)
    environment = os.environ | {"PATH": f"{folder}:{os.environ['PATH']}"}
    script = subprocess.run(
        ["bash", "-c", "mailctl --show-completion; true"], env=environment, capture_output=True, text=True, check=True
    ).stdout
    program = f"""{script}
    COMP_WORDS=({shlex.join(("mailctl", *words))}) COMP_CWORD={len(words)}
    _mailctl_completion mailctl
    printf '%s\\n' "${{COMPREPLY[@]}}"
    """
    answered = subprocess.run(["bash", "-c", program], env=environment, capture_output=True, text=True, check=True)
    assert answered.stderr == ""
    return answered.stdout


@pytest.mark.skipif(sys.platform == "win32", reason="needs bash")
def test_bash_completes_a_code_by_the_script(catalogue: Mailctl, tmp_path: Path) -> None:
    assert completed_by_bash(tmp_path, "server", "show", "本") == "本社\n"


@pytest.mark.skipif(sys.platform == "win32", reason="needs bash")
@pytest.mark.parametrize(
    ("words", "offered_there"),
    [
        (("ten",), "tenant:acme\ntenant:globex\n"),
        (("tenant", ":"), "acme\nglobex\n"),
        (("tenant", ":", "ac"), "acme\n"),
        (("tenant", ":", "x"), "\n"),
    ],
)
def test_bash_completes_a_target_which_it_takes_apart_at_the_colon(
    catalogue: Mailctl, tmp_path: Path, words: tuple[str, ...], offered_there: str
) -> None:
    for code in ("acme", "globex"):
        catalogue.must("tenant", "add", code, "--name", code)
    assert completed_by_bash(tmp_path, "test", "send", *words) == offered_there


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("mailctl account ed", ["edit"]),
        ("mailctl account folders set a", ["ann@example.org"]),
        ("mailctl account folders set ann@example.org s", ["sent", "spam"]),
        ("mailctl account signature use or", ["organisation"]),
        ("mailctl account add --preset pec-a", ["pec-aruba"]),
        ("mailctl test receive ann", ["ann@example.org"]),
        ("mailctl send --account ", ["ann@example.org"]),
        ("mailctl send --owner ", ["山田"]),
    ],
)
def test_accounts_and_their_owners(catalogue: Mailctl, line: str, expected: list[str]) -> None:
    catalogue.must(
        "account", "add", "ann@example.org", "--username", "ann", "--owner", "山田", "--server", "hq",
        "--password-from", "env:PASSWORD",
    )  # fmt: skip
    assert offered(line) == expected
