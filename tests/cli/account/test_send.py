"""`mailctl send --account` and `--owner`: through the real Postfix, filed in the real Dovecot."""

from __future__ import annotations

import email
import secrets
import signal
import subprocess
import sys
import threading
from email.policy import default
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from imapclient import IMAPClient
from tests.doubles.imap import ImapServer
from tests.doubles.scripted import ScriptedServer
from tests.doubles.smtp import SmtpServer
from tests.doubles.steps import Announce, Stall
from tests.servers.dovecot import Dovecot
from tests.servers.people import ALICE, Person
from tests.servers.postfix import Postfix

from mailctl.model.resolve_account import resolve_account, resolve_account_receiving
from mailctl.model.secret import Secret
from mailctl.services.accounts.mailbox import MailboxAccess
from mailctl.services.accounts.sent_folder import sent_folder_of
from mailctl.services.sending.delivery import no_tokens
from mailctl.store import SettingsFile

if TYPE_CHECKING:
    from tests.cli.account.conftest import AddPerson
    from tests.cli.conftest import Mailctl

MESSAGE = ("--to", ALICE.address, "--subject", "Hello", "--body", "All is well.")
PIXEL = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000d49444154789c6360606060000000050001a5f64540"
    "0000000049454e44ae426082"
)


def parsed(content: bytes) -> Any:
    return email.message_from_bytes(content, policy=default)


def filed_in(dovecot: Dovecot, address: str, folder: str = "Sent") -> list[Any]:
    return [parsed(content) for content in dovecot.messages(address, folder)]


def test_a_person_sends_and_the_message_is_filed_as_read(
    mailctl: Mailctl, sender: str, dovecot: Dovecot, imap: IMAPClient
) -> None:
    mailctl.must("account", "edit", sender, "--display-name", "山田 太郎")
    result = mailctl.must("send", "--account", sender, *MESSAGE, "-o", "json").json
    assert result["accepted"] == [ALICE.address]
    assert result["filed"] == {"by": "mailctl", "account": sender, "folder": "Sent"}
    (copy,) = filed_in(dovecot, sender)
    assert (copy["Message-ID"], copy["From"]) == (result["message_id"], f"山田 太郎 <{sender}>")
    imap.select_folder("Sent")
    assert imap.search("SEEN") == imap.search("ALL")


def test_what_is_filed_is_told(mailctl: Mailctl, sender: str) -> None:
    assert f"filed     Sent of {sender}\n" in mailctl.must("send", "--account", sender, *MESSAGE).out


def test_the_folder_of_the_settings_is_taken(mailctl: Mailctl, sender: str, dovecot: Dovecot, imap: IMAPClient) -> None:
    imap.create_folder("送信控え")
    mailctl.must("account", "folders", "set", sender, "sent", "送信控え")
    mailctl.must("send", "--owner", "newcomer", *MESSAGE)
    assert len(filed_in(dovecot, sender, "送信控え")) == 1
    assert filed_in(dovecot, sender) == []


def test_a_message_that_cannot_be_filed_is_sent_and_a_warning_says_so(
    mailctl: Mailctl, sender: str, imap: IMAPClient
) -> None:
    imap.create_folder("Old")
    mailctl.must("account", "folders", "set", sender, "sent", "Old")
    imap.delete_folder("Old")
    result = mailctl.must("send", "--account", sender, *MESSAGE)
    assert result.out.startswith("sent ")
    assert "sent, but not filed in the sent folder" in result.err
    assert "no folder 'Old'" in result.err
    as_json = mailctl.must("send", "--account", sender, *MESSAGE, "-o", "json").json
    assert (as_json["filed"]["folder"], len(as_json["warnings"])) == (None, 1)


def test_what_all_refuse_is_not_filed(mailctl: Mailctl, sender: str, dovecot: Dovecot) -> None:
    result = mailctl("send", "--account", sender, "--to", "nobody@example.test", "--body", "x")
    assert result.code == 13
    assert filed_in(dovecot, sender) == []


def test_people_send_while_the_organisation_does_not(mailctl: Mailctl, sender: str) -> None:
    mailctl.must("sysmail", "set", "--address", "noreply@example.test", "--smtp-host", "localhost", "--inactive")
    assert mailctl("send", *MESSAGE).code == 7
    mailctl.must("send", "--account", sender, *MESSAGE)


def test_a_batch_is_filed_over_one_connection(mailctl: Mailctl, sender: str, dovecot: Dovecot, tmp_path: Path) -> None:
    line = f'{{"to": "{ALICE.address}", "body": "Hello"}}\n'
    (tmp_path / "batch.jsonl").write_text(line * 3, encoding="utf-8")
    mailctl.must("send", "--account", sender, "--batch", tmp_path / "batch.jsonl")
    assert len(filed_in(dovecot, sender)) == 3
    assert dovecot.log().count(f"imap-login: Info: Login: user=<{sender}>") == 1


@pytest.fixture
def colleague(add_person: AddPerson, dovecot: Dovecot, postfix: Postfix) -> str:
    """The address of somebody else, who has an account on the same servers."""
    other = Person(f"{secrets.token_hex(6)}@example.test", "secret")
    dovecot.add_user(other.address, other.password)
    return add_person(other, "--owner", "colleague", smtp_port=postfix.submission_port)


def test_an_owner_sends_from_the_main_account_or_from_one_that_is_shared(
    mailctl: Mailctl, sender: str, colleague: str, dovecot: Dovecot
) -> None:
    mailctl.must("send", "--owner", "newcomer", *MESSAGE)
    assert [copy["From"] for copy in filed_in(dovecot, sender)] == [sender]
    refused = mailctl("send", "--owner", "newcomer", "--from", colleague, *MESSAGE)
    assert refused.code == 3
    assert f"these are: {sender}" in refused.err
    mailctl.must("account", "edit", colleague, "--share-sender")
    mailctl.must("send", "--owner", "newcomer", "--from", colleague, *MESSAGE)
    assert [copy["From"] for copy in filed_in(dovecot, colleague)] == [colleague]


@pytest.mark.parametrize(
    ("options", "code"),
    [
        (("--account", "a@example.org", "--owner", "a"), 2),
        (("--account", "a@example.org", "--tenant", "t"), 2),
        (("--from", "a@example.org"), 2),
        (("--account", "nobody@example.org"), 3),
        (("--owner", "nobody"), 3),
    ],
)
def test_who_cannot_be_meant_is_refused(site: Mailctl, options: tuple[str, ...], code: int) -> None:
    assert site("send", *options, *MESSAGE).code == code


def write_signature(tmp_path: Path) -> tuple[str, ...]:
    (tmp_path / "logo.png").write_bytes(PIXEL)
    (tmp_path / "s.txt").write_text("Best regards\n{display_name}\n{title}\nPhone {phone}\n", encoding="utf-8")
    html = '<p>{display_name}, {title}</p><img src="logo.png" alt="ACME"><a href="https://example.org">we</a>'
    (tmp_path / "s.html").write_text(html, encoding="utf-8")
    return ("--text-file", str(tmp_path / "s.txt"), "--html-file", str(tmp_path / "s.html"))


def test_the_organisations_signature_stands_below_text_and_html(
    mailctl: Mailctl, sender: str, dovecot: Dovecot, tmp_path: Path
) -> None:
    mailctl.must("account", "edit", sender, "--display-name", "Tarō <CEO>", "--field", "title=R&D")
    mailctl.must("signature", "set", *write_signature(tmp_path))
    mailctl.must("account", "signature", "use", "organisation", sender)
    mailctl.must("send", "--account", sender, *MESSAGE, "--html", "<html><body><p>All is well.</p></body></html>")
    (copy,) = filed_in(dovecot, sender)
    assert copy.get_content_type() == "multipart/alternative"
    text, related = copy.iter_parts()
    assert text.get_content() == "All is well.\n\n-- \nBest regards\nTarō <CEO>\nR&D\n"
    assert related.get_content_type() == "multipart/related"
    html, logo = related.iter_parts()
    assert "<p>Tarō &lt;CEO&gt;, R&amp;D</p>" in html.get_content()
    assert html.get_content().rstrip().endswith("</div>\n</body></html>")
    assert f'src="cid:{logo["Content-ID"].strip("<>")}"' in html.get_content()
    assert (logo.get_content_type(), logo.get_content_disposition(), logo.get_content()) == (
        "image/png", "inline", PIXEL,
    )  # fmt: skip


def test_a_text_stays_a_text(mailctl: Mailctl, sender: str, dovecot: Dovecot, tmp_path: Path) -> None:
    (tmp_path / "s.html").write_text('<p>Tarō<br><a href="https://example.org">we</a></p>', encoding="utf-8")
    mailctl.must("account", "signature", "set", "--html-file", tmp_path / "s.html", sender)
    mailctl.must("send", "--account", sender, *MESSAGE)
    (copy,) = filed_in(dovecot, sender)
    assert copy.get_content_type() == "text/plain"
    assert copy.get_content() == "All is well.\n\n-- \nTarō\nwe <https://example.org>\n"


def test_a_dry_run_shows_the_signature_and_contacts_nobody(site: Mailctl, tmp_path: Path) -> None:
    site.must("account", "add", "a@example.org", "--username", "a", "--server", "hq", "--password-from", "env:PASSWORD")
    (tmp_path / "s.txt").write_text("Tarō\n", encoding="utf-8")
    site.must("account", "signature", "set", "--text-file", tmp_path / "s.txt", "a@example.org")
    shown = site.must("send", "--account", "a@example.org", *MESSAGE, "--dry-run").out
    assert "as          a@example.org, through server 'hq'" in shown
    assert "Tar=C5=8D" in shown


def test_a_mailbox_behind_pop3_has_no_sent_folder(mailctl: Mailctl, sender: str, dovecot: Dovecot) -> None:
    mailctl.must("account", "edit", sender, "--incoming-protocol", "pop3", "--incoming-port", str(dovecot.pop3_port))
    result = mailctl.must("send", "--account", sender, *MESSAGE, "-o", "json")
    assert (result.json["filed"], result.err) == ({"by": "nobody", "account": sender, "folder": None}, "")
    assert filed_in(dovecot, sender) == []


@pytest.mark.parametrize(
    ("preset", "filed_by"),
    [("gmail", "provider"), ("microsoft365", "provider"), ("outlook.com", "provider"), ("yahoo", "mailctl")],
)
def test_a_provider_that_files_what_is_sent_is_left_to_it(site: Mailctl, preset: str, filed_by: str) -> None:
    site.must("account", "add", "--username", "a@example.org", "--preset", preset, "--password-from", "env:PASSWORD")
    settings = SettingsFile(site.config).load()
    account = settings.get_account("a@example.org")
    access = MailboxAccess(
        server=None,
        address=account.address,
        receiving=resolve_account_receiving(settings, account),
        read_secret=Secret,
        open_tokens=no_tokens,
        folder=site.config.parent,
    )
    with sent_folder_of(account, resolve_account(settings, account), access) as folder:
        assert folder.filed_by == filed_by


@pytest.mark.skipif(sys.platform == "win32", reason="signals are POSIX's")
def test_ctrl_c_while_a_message_is_filed_does_not_make_it_unsent(
    mailctl: Mailctl, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PASSWORD", "secret")
    reached = threading.Event()
    listed = b'* LIST () "/" INBOX\r\n* LIST () "/" Sent\r\n<tag> OK listed\r\n'
    imap = ImapServer(security="none", list=listed, append=(Announce(reached), Stall()))
    with (
        ScriptedServer(imap.script) as incoming,
        ScriptedServer(SmtpServer(security="none").script) as outgoing,
    ):
        mailctl.must(
            "account", "add", "--username", "ann@example.org", "--password-from", "env:PASSWORD", "--smtp-auth", "none",
            "--incoming-protocol", "imap", "--incoming-host", "127.0.0.1", "--incoming-port", str(incoming.port),
            "--incoming-security", "none", "--incoming-auth", "cram-md5", "--smtp-host", "127.0.0.1", "--smtp-port",
            str(outgoing.port), "--smtp-security", "none",
        )  # fmt: skip
        command = [sys.executable, "-m", "mailctl", "--config", str(mailctl.config), "send"]
        command += ["--account", "ann@example.org", *MESSAGE]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as running:
            assert reached.wait(30)
            running.send_signal(signal.SIGINT)
            out, err = running.communicate(timeout=30)
    assert (running.returncode, out.startswith("sent ")) == (0, True)
    assert "sent, but not filed in the sent folder: ann@example.org: interrupted" in err
    assert len(outgoing.messages) == 1
