"""`mailctl account folders` on the real Dovecot, and on scripted servers for what that does not do."""

from __future__ import annotations

import secrets
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
from imapclient import IMAPClient
from tests.doubles.imap import ImapServer, capability_reply
from tests.doubles.scripted import ScriptedServer
from tests.servers.certificates import CertificateAuthority
from tests.servers.dovecot import Dovecot
from tests.servers.people import Person

if TYPE_CHECKING:
    from tests.cli.account.conftest import AddPerson
    from tests.cli.conftest import Mailctl

Show = Callable[[str], dict[str, Any]]
DETECTED = {"drafts": "Drafts", "sent": "Sent", "spam": "Junk", "trash": "Trash", "archive": "Archive"}


def roles_of(mailctl: Mailctl, address: str, command: str = "show") -> dict[str, tuple[str | None, str | None]]:
    roles = mailctl.must("account", "folders", command, address, "-o", "json").json["roles"]
    return {role["role"]: (role["folder"], role["source"]) for role in roles}


def test_the_server_tells_which_folder_is_for_what(mailctl: Mailctl, account: str, show: Show) -> None:
    result = mailctl.must("account", "folders", "detect", account)
    assert [line.split() for line in result.out.splitlines()[1:4]] == [
        ["inbox", "INBOX", "every", "mailbox", "has", "it"],
        ["drafts", "Drafts", "the", "server", "(special", "use)"],
        ["sent", "Sent", "the", "server", "(special", "use)"],
    ]
    assert "nothing was saved" in result.err
    assert set(show(account)["folders"].values()) == {None}


def test_a_folder_and_its_role_are_joined_by_one_word(mailctl: Mailctl, account: str) -> None:
    mailctl.must("account", "folders", "set", account, "archive", "Trash")
    for command in ("show", "detect"):
        found = mailctl.must("account", "folders", command, account, "-o", "json").json
        used_as = {folder["name"]: folder["used_as"] for folder in found["folders"]}
        assert (used_as["Junk"], used_as["INBOX"]) == ("spam", "inbox")
        assert {role["role"] for role in found["roles"]} >= set(filter(None, used_as.values()))
    [told] = [folder for folder in found["folders"] if folder["name"] == "Junk"]
    assert told["role"] == "junk", "what the server says stays what it was"


def test_what_is_detected_is_saved_once(mailctl: Mailctl, account: str, show: Show) -> None:
    assert mailctl.must("account", "folders", "detect", account, "--save", "-o", "json").json["changed"] is True
    assert show(account)["folders"] == {"inbox": None, **DETECTED}
    assert mailctl.must("account", "folders", "detect", account, "--save", "-o", "json").json["changed"] is False
    assert roles_of(mailctl, account)["sent"] == ("Sent", "settings")


def test_a_dry_run_saves_nothing(mailctl: Mailctl, account: str) -> None:
    before = mailctl.settings()
    result = mailctl.must("account", "folders", "detect", account, "--dry-run")
    assert '+sent = "Sent"' in result.out
    assert mailctl.settings() == before


@pytest.fixture(scope="module")
def plain_dovecot(ca: CertificateAuthority) -> Iterator[Dovecot]:
    """A Dovecot that tells nothing of its folders' roles, and keeps them all below INBOX."""
    with Dovecot(ca=ca, folder_prefix="INBOX.", separator=".", special_folders=()) as server:
        yield server


@pytest.fixture
def plain_account(plain_dovecot: Dovecot, add_person: AddPerson) -> tuple[str, IMAPClient]:
    newcomer = Person(f"{secrets.token_hex(6)}@example.test", "secret")
    plain_dovecot.add_user(newcomer.address, newcomer.password)
    client = IMAPClient("127.0.0.1", plain_dovecot.imap_port, ssl=False)
    client.login(newcomer.address, newcomer.password)
    return add_person(newcomer, imap=plain_dovecot), client


NAMES = [
    ("Entwürfe", "Gesendet", "Spamverdacht", "Papierkorb", "Archiv"),
    ("Brouillons", "Éléments envoyés", "Courrier indésirable", "Éléments supprimés", "Archives"),
    ("Черновики", "Отправленные", "Спам", "Корзина", "Архив"),
    ("下書き", "送信済みアイテム", "迷惑メール", "削除済みアイテム", "アーカイブ"),
    ("草稿箱", "已发送", "垃圾邮件", "已删除邮件", "存档"),
    ("טיוטות", "נשלחו", "דואר זבל", "פריטים שנמחקו", "ארכיון"),
    ("المسودات", "العناصر المرسلة", "البريد العشوائي", "المهملات", "الأرشيف"),
    ("Drafts", "Sent Items", "Junk E-mail", "Deleted Items", "Archive"),
]


@pytest.mark.parametrize("names", NAMES, ids=lambda names: names[0])
def test_names_are_known_in_many_languages_below_the_prefix(
    mailctl: Mailctl, plain_account: tuple[str, IMAPClient], names: tuple[str, ...]
) -> None:
    address, client = plain_account
    with client:
        for name in (*names, "Projekte.Gesendet"):
            client.create_folder(f"INBOX.{name}")
    found = roles_of(mailctl, address, "detect")
    assert [found[role] for role in ("drafts", "sent", "spam", "trash", "archive")] == [
        (f"INBOX.{name}", "name") for name in names
    ]


def test_missing_folders_are_created_below_the_prefix(
    mailctl: Mailctl, plain_account: tuple[str, IMAPClient], show: Show
) -> None:
    address, client = plain_account
    with client:
        client.create_folder("INBOX.Gesendet")
        result = mailctl.must("account", "folders", "create", address, "-o", "json")
        assert [made["folder"] for made in result.json["created"]] == ["INBOX.Drafts", "INBOX.Junk", "INBOX.Trash"]
        assert {name for _, _, name in client.list_folders()} == {
            "INBOX", "INBOX.Drafts", "INBOX.Gesendet", "INBOX.Junk", "INBOX.Trash",
        }  # fmt: skip
        assert {name for _, _, name in client.list_sub_folders()} >= {"INBOX.Drafts", "INBOX.Junk", "INBOX.Trash"}
    assert show(address)["folders"]["drafts"] == "INBOX.Drafts"
    assert "every role has its folder" in mailctl.must("account", "folders", "create", address).err


def test_a_dry_run_creates_nothing(mailctl: Mailctl, plain_account: tuple[str, IMAPClient]) -> None:
    address, client = plain_account
    with client:
        assert "a folder each for" in mailctl.must("account", "folders", "create", address, "archive", "--dry-run").err
        assert [name for _, _, name in client.list_folders()] == ["INBOX"]


def test_a_folder_in_japanese_is_mapped_by_hand(mailctl: Mailctl, account: str, imap: IMAPClient, show: Show) -> None:
    imap.create_folder("プロジェクト/送信済み & 控え")
    mailctl.must("account", "folders", "set", account, "sent", "プロジェクト/送信済み & 控え")
    assert show(account)["folders"]["sent"] == "プロジェクト/送信済み & 控え"
    assert roles_of(mailctl, account)["sent"] == ("プロジェクト/送信済み & 控え", "settings")


def test_a_folder_that_is_not_there_is_refused_and_those_that_are_are_listed(mailctl: Mailctl, account: str) -> None:
    before = mailctl.settings()
    result = mailctl("account", "folders", "set", account, "sent", "Snet", "-o", "json")
    assert (result.code, mailctl.settings()) == (3, before)
    assert set(result.error["folders"]) == {"INBOX", *DETECTED.values()}
    assert "did you mean 'Sent'?" in result.error["hint"]


def test_a_mapped_folder_that_has_gone_is_an_error(mailctl: Mailctl, account: str, imap: IMAPClient) -> None:
    imap.create_folder("Old")
    mailctl.must("account", "folders", "set", account, "archive", "Old")
    imap.delete_folder("Old")
    result = mailctl("account", "folders", "show", account)
    assert result.code == 3
    assert "the settings, but it does not exist" in result.out
    assert f"{account} has no folder 'Old'" in result.err
    created = mailctl.must("account", "folders", "create", account, "archive", "-o", "json").json["created"]
    assert [made["folder"] for made in created] == ["Old"]


def test_a_role_goes_back_to_what_is_found(mailctl: Mailctl, account: str, imap: IMAPClient) -> None:
    imap.create_folder("Elsewhere")
    mailctl.must("account", "folders", "set", account, "sent", "Elsewhere")
    mailctl.must("account", "edit", account, "--clear", "folders.sent")
    assert roles_of(mailctl, account)["sent"] == ("Sent", "special-use")


def test_the_inbox_goes_back_to_inbox(mailctl: Mailctl, account: str) -> None:
    mailctl.must("account", "folders", "set", account, "inbox", "Archive")
    assert roles_of(mailctl, account)["inbox"] == ("Archive", "settings")
    back = ("account", "folders", "set", account, "inbox", "inbox", "-o", "json")
    assert mailctl.must(*back).json["changed"] is True
    assert roles_of(mailctl, account)["inbox"] == ("INBOX", "standard")
    assert mailctl.must(*back).json["changed"] is False


def test_a_folder_for_a_role_is_made_where_that_is_asked_for(mailctl: Mailctl, account: str, imap: IMAPClient) -> None:
    command = ("account", "folders", "set", account, "archive", "保管")
    refused = mailctl(*command)
    assert (refused.code, "; --create makes it" in refused.err) == (3, True)
    mailctl.must(*command, "--create", "--dry-run")
    assert not imap.folder_exists("保管")
    assert mailctl.must(*command, "--create", "-o", "json").json["folder"] == "保管"
    assert imap.folder_exists("保管")
    assert roles_of(mailctl, account)["archive"] == ("保管", "settings")


@pytest.mark.parametrize(("role", "folder"), [("outbox", "Sent"), ("sent", ""), ("sent", "a\r\nb")])
def test_what_is_no_role_or_folder_is_refused_before_anything_is_contacted(
    site: Mailctl, role: str, folder: str
) -> None:
    site.must("account", "add", "a@example.org", "--username", "a", "--server", "hq", "--password-from", "env:PASSWORD")
    assert site("account", "folders", "set", "a@example.org", role, folder).code == 2


def test_a_pop3_account_has_no_folders(site: Mailctl) -> None:
    site.must(
        "account", "add", "p@example.org", "--username", "p", "--password-from", "env:PASSWORD",
        "--incoming-protocol", "pop3", "--incoming-host", "pop.example.org", "--smtp-host", "smtp.example.org",
    )  # fmt: skip
    result = site("account", "folders", "show", "p@example.org")
    assert result.code == 2
    assert "POP3, which has no folders" in result.err


def test_a_wrong_password_says_what_the_server_said(
    mailctl: Mailctl, account: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WRONG", "wrong")
    mailctl.must("account", "edit", account, "--password-from", "env:WRONG")
    result = mailctl("account", "folders", "show", account)
    assert result.code == 12
    assert "AUTHENTICATIONFAILED" in result.err


@pytest.fixture
def scripted(mailctl: Mailctl, ca: CertificateAuthority, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Return what opens a scripted IMAP server with an account on it; the double is yielded."""
    monkeypatch.setenv("PASSWORD", "secret")

    @contextmanager
    def serve(**points: Any) -> Iterator[ScriptedServer]:
        server = ImapServer(security="tls", **points)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(ca.good.certificate, ca.good.key)
        with ScriptedServer(server.script, tls=context) as double:
            mailctl.must(
                "account", "add", "ann@example.org", "--username", "ann", "--password-from", "env:PASSWORD",
                "--incoming-protocol", "imap", "--incoming-host", "localhost", "--incoming-port", str(double.port),
                "--incoming-security", "tls", "--smtp-host", "localhost", "--ca-file", str(ca.ca_file),
            )  # fmt: skip
            yield double

    return serve


def test_names_travel_in_utf8_where_the_server_takes_them(mailctl: Mailctl, scripted: Any) -> None:
    listed = '* LIST () "/" "R&D"\r\n* LIST (\\Sent) "/" "送信済み"\r\n<tag> OK listed\r\n'.encode()
    capability = capability_reply(b"AUTH=PLAIN", b"SASL-IR", b"ENABLE", b"UTF8=ACCEPT")
    enable = b"* ENABLED UTF8=ACCEPT\r\n<tag> OK enabled\r\n"
    with scripted(capability=capability, enable=enable, list=listed) as double:
        assert roles_of(mailctl, "ann@example.org")["sent"] == ("送信済み", "special-use")
        mailctl.must("account", "folders", "set", "ann@example.org", "archive", "R&D")
        mailctl.must("account", "folders", "set", "ann@example.org", "drafts", "送信済み")
        mailctl.must("account", "folders", "create", "ann@example.org", "trash")
        assert b'CREATE "Trash"' in double.after_tls


def test_names_travel_in_modified_utf7_where_utf8_is_not_switched_on(mailctl: Mailctl, scripted: Any) -> None:
    capability = capability_reply(b"AUTH=PLAIN", b"SASL-IR", b"ENABLE", b"UTF8=ACCEPT")
    listed = b'* LIST () "/" "R&-D"\r\n* LIST (\\Sent) "/" "&kAFP4W4IMH8-"\r\n<tag> OK listed\r\n'
    with scripted(capability=capability, list=listed):
        result = mailctl.must("account", "folders", "show", "ann@example.org", "-o", "json").json
        assert [folder["name"] for folder in result["folders"]] == ["R&D", "送信済み"]


def test_a_server_that_creates_nothing_says_why(mailctl: Mailctl, scripted: Any) -> None:
    listed = b'* LIST () "/" INBOX\r\n<tag> OK listed\r\n'
    with scripted(list=listed, create=b"<tag> NO [NOPERM] not here\r\n"):
        result = mailctl("account", "folders", "create", "ann@example.org", "-o", "json")
        assert result.code == 13
        assert "the server does not create 'Drafts': NO [NOPERM] not here" in result.error["message"]
