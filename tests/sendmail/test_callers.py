"""The programs that call a sendmail, the real ones, with mailctl-sendmail in its place."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path

import pytest
from tests.sendmail.conftest import Sendmail
from tests.servers.cron import Cron
from tests.servers.dovecot import Dovecot
from tests.servers.people import Person
from tests.servers.postfix import Postfix
from tests.servers.processes import make_folder, wait_for

SOURCES = Path(__file__).parents[2] / "src"
OTHER_USER = "www-data"


def write_script(path: Path, python: str, *arguments: str | Path) -> Path:
    """Write a program that stands for an installed mailctl-sendmail with these arguments, and return its path."""
    packages = sysconfig.get_paths()["purelib"]
    command = shlex.join(map(str, [python, "-m", "mailctl.sendmail", *arguments]))
    path.write_text(f'#!/bin/sh\nPYTHONPATH={SOURCES}:{packages} exec {command} "$@"\n')
    path.chmod(0o755)
    return path


@pytest.fixture
def script(sendmail: Sendmail, real_account: Person, tmp_path: Path) -> Path:
    return write_script(tmp_path / "sendmail", sys.executable, "-C", sendmail.config)


def arrived(dovecot: Dovecot, person: Person, count: int = 1) -> list[EmailMessage]:
    """Wait for messages and return them."""
    wait_for(lambda: len(dovecot.messages(person.address)) >= count, "delivery")
    return [message_from_bytes(message, policy=default) for message in dovecot.messages(person.address)]


def text_of(message: EmailMessage) -> str:
    return message.get_content().replace("\r\n", "\n")


@pytest.mark.real("bsd-mailx")
def test_bsd_mailx(script: Path, real_account: Person, dovecot: Dovecot, tmp_path: Path) -> None:
    (tmp_path / "mailrc").write_text(f"set sendmail={script}\n")
    subprocess.run(
        ["bsd-mailx", "-s", "Prüfung テスト", "root"],
        input="erste Zeile: grün\n.\nlast\n".encode(),
        env={**os.environ, "MAILRC": str(tmp_path / "mailrc"), "LC_ALL": "C.UTF-8"},
        check=True,
    )
    (message,) = arrived(dovecot, real_account)
    assert message["Subject"] == "Prüfung テスト"
    assert message["From"].addresses[0].addr_spec == real_account.address
    assert text_of(message) == "erste Zeile: grün\n.\nlast\n"


@pytest.mark.real("php")
def test_php(script: Path, real_account: Person, dovecot: Dovecot) -> None:
    fields = f"From: Shop <shop@example.test>\\r\\nBcc: {real_account.address}\\r\\nX-Order: 7"
    text = "line1\\r\\n.\\r\\nline2"
    code = f'exit(mail("root", "From PHP", "{text}", "{fields}", "-fbounces@example.test") ? 0 : 1);'
    subprocess.run(["php", "-d", f"sendmail_path={script} -t -i", "-r", code], check=True)
    (message,) = arrived(dovecot, real_account)
    assert message["Subject"] == "From PHP"
    assert str(message["From"]) == "Shop <shop@example.test>"
    assert message["X-Order"] == "7"
    assert message["Bcc"] is None
    assert message["Return-Path"] == "<bounces@example.test>"
    assert text_of(message) == "line1\n.\nline2\n"


@pytest.mark.real("php")
def test_php_is_told_of_a_failure(sendmail: Sendmail, script: Path) -> None:
    sendmail.config.write_text("schema_version = 1\n")
    code = 'exit(mail("root", "x", "y") ? 0 : 1);'
    done = subprocess.run(["php", "-d", f"sendmail_path={script} -t -i", "-r", code], capture_output=True, check=False)
    assert done.returncode == 1
    assert b"never set" in done.stderr


@pytest.mark.real("git send-email")
def test_git_send_email(script: Path, real_account: Person, dovecot: Dovecot, tmp_path: Path) -> None:
    repository = tmp_path / "repository"
    repository.mkdir()
    identity = {
        f"GIT_{who}_{what}": value
        for who in ("AUTHOR", "COMMITTER")
        for what, value in (("NAME", "Jörg Ünal"), ("EMAIL", real_account.address))
    }
    environment = {**os.environ, **identity, "HOME": str(tmp_path), "GIT_CONFIG_NOSYSTEM": "1"}

    def git(*arguments: str) -> None:
        subprocess.run(["git", *arguments], cwd=repository, env=environment, check=True, stdout=subprocess.DEVNULL)

    git("init", "--quiet")
    for number, content in enumerate(("one\n", "one\n.\nzwölf\n", "three\n")):
        (repository / "file").write_text(content)
        git("add", "file")
        git("commit", "--quiet", "-m", f"Change {number}")
    git("config", "sendemail.smtpServer", str(script))
    git("send-email", "-2", f"--to={real_account.address}", "--confirm=never", "--8bit-encoding=UTF-8")
    first, second = sorted(arrived(dovecot, real_account, 2), key=lambda message: message["Subject"])
    assert (first["Subject"], second["Subject"]) == ("[PATCH 1/2] Change 1", "[PATCH 2/2] Change 2")
    assert str(first["From"].addresses[0]) == f"Jörg Ünal <{real_account.address}>"
    assert second["In-Reply-To"] == first["Message-ID"]
    assert "\n+.\n+zwölf\n" in text_of(first)


def run_as(user: str, *command: str | Path, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        command, input=stdin, capture_output=True, check=False, cwd="/", user=user, group=user, extra_groups=[]
    )


def find_python(user: str, folder: Path) -> str | None:
    """Return an interpreter of this version that the user may run; None where each lies behind closed folders."""
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    for python in (sys.executable, f"/usr/bin/{version}", f"/usr/local/bin/{version}"):
        if run_as(user, write_script(folder / "version", python, "--version")).returncode == 0:
            return python
    return None


@pytest.fixture
def site(person: Person, postfix: Postfix, capsys: pytest.CaptureFixture[str]) -> Iterator[Sendmail]:
    """The settings of a machine, which the other user may read by its group alone."""
    folder = make_folder("sendmail")
    sendmail = Sendmail(folder / "mailctl.toml", capsys)
    sendmail.configure_real(person, postfix)
    for name, mode in (("mailctl.toml", 0o640), ("password", 0o640), ("ca.pem", 0o644)):
        (folder / name).chmod(mode)
        shutil.chown(folder / name, "root", OTHER_USER)
    try:
        yield sendmail
    finally:
        shutil.rmtree(folder)


@pytest.fixture
def site_script(site: Sendmail) -> Path:
    """A program that the other user may run, too."""
    python = find_python(OTHER_USER, site.config.parent)
    if python is None:
        pytest.skip(f"no Python of this version here that {OTHER_USER} may run")
    return write_script(site.config.with_name("sendmail"), python, "-C", site.config)


@pytest.mark.real("cron")
def test_cron_as_root_and_as_another_user(site_script: Path, person: Person, dovecot: Dovecot) -> None:
    jobs = {
        "root": (["MAILTO=root", "LC_ALL=C.UTF-8"], 'echo "größer"; echo .; echo end'),
        OTHER_USER: ([f"MAILTO={person.address}"], "id -un"),
    }
    with Cron(site_script, jobs):
        messages = arrived(dovecot, person, 2)
    by_root, by_other = sorted(messages, key=lambda message: OTHER_USER in str(message["Subject"]))
    assert str(by_root["Subject"]).startswith("Cron <root@")
    assert by_root["From"].addresses[0].addr_spec == person.address
    assert by_root["From"].addresses[0].display_name == "Cron Daemon"
    assert text_of(by_root) == "größer\n.\nend\n"
    assert text_of(by_other) == f"{OTHER_USER}\n"


def test_the_line_of_crons_that_read_recipients_from_the_header(sendmail, real_account, dovecot) -> None:
    message = b"From: root (Cron Daemon)\nTo: root\nSubject: Cron <root@host> true\n\noutput\n"
    assert sendmail.program(message, *["-FCronDaemon", "-i", "-odi", "-oem", "-oi", "-t", "-f", "root"]).code == 0
    (got,) = arrived(dovecot, real_account)
    assert got["Return-Path"] == f"<{real_account.address}>"
    assert text_of(got) == "output\n"


@pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="becomes another user")
def test_a_user_who_may_not_read_the_settings_is_told_so(site: Sendmail, site_script: Path) -> None:
    site.config.chmod(0o600)
    done = run_as(OTHER_USER, site_script, "root")
    said = done.stderr.decode()
    assert (done.returncode, said.count("\n")) == (78, 1)
    assert f"cannot read {site.config}: permission denied" in said
    assert "chmod 640" in said
