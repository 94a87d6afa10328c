"""IMAP of the sandbox, seen through imaplib."""

from __future__ import annotations

import imaplib
from collections.abc import Iterator

import pytest
from imapclient import IMAPClient

MULTIPART = (
    b"From: A <a@sandbox.test>\r\nSubject: =?utf-8?q?caf=C3=A9?=\r\nX-Twice: one\r\nX-Twice: two\r\n"
    b"DKIM-Signature: v=1;\r\n\tb=x\r\nContent-Type: multipart/mixed; boundary=edge\r\n\r\npreamble\r\n"
    b"--edge\r\nContent-Type: text/plain\r\n\r\nfirst\r\n--edge\r\n"
    b"Content-Type: message/rfc822\r\n\r\nSubject: inner\r\n\r\ninside\r\n--edge--\r\n"
)


@pytest.fixture
def inbox(clients, alice) -> Iterator[imaplib.IMAP4]:
    client = clients.imap(login=alice)
    client.append("INBOX", None, '"17-Jul-2026 02:44:25 -0700"', MULTIPART)
    client.select()
    yield client
    client.logout()


def fetch(client: imaplib.IMAP4, item: str) -> bytes:
    return client.fetch("1", f"({item})")[1][0][1]


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_a_login_opens_the_folders_with_their_special_use(security, clients, alice):
    client = clients.imap(security, alice)
    listed = client.list()[1]
    client.logout()

    assert listed == [
        b'() "/" "INBOX"',
        b'(\\Sent) "/" "Sent"',
        b'(\\Drafts) "/" "Drafts"',
        b'(\\Junk) "/" "Junk"',
        b'(\\Trash) "/" "Trash"',
        b'(\\Archive) "/" "Archive"',
    ]


def test_a_wrong_password_is_refused(clients, alice):
    client = clients.imap()
    with pytest.raises(imaplib.IMAP4.error, match="LOGIN failed"):
        client.login(alice.username, "wrong")
    with pytest.raises(imaplib.IMAP4.error, match="unauthorized"):
        client.authenticate("PLAIN", lambda _: f"\0{alice.username}\0wrong".encode())
    with pytest.raises(imaplib.IMAP4.error, match="unauthorized"):
        client.login_cram_md5(alice.username, "wrong")
    client.logout()


@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN", "CRAM-MD5"])
def test_every_mechanism_logs_in(mechanism, clients, alice):
    username, password = alice.username, alice.password.reveal()
    client = clients.imap()
    if mechanism == "CRAM-MD5":
        client.login_cram_md5(username, password)
    else:
        answers = iter([f"\0{username}\0{password}"] if mechanism == "PLAIN" else [username, password])
        client.authenticate(mechanism, lambda _: next(answers).encode())
    assert client.select()[0] == "OK"
    client.logout()


def test_no_login_is_offered_or_taken_before_tls(clients, alice):
    client = clients.imap("none")
    assert {"STARTTLS", "LOGINDISABLED"} <= set(client.capabilities)
    assert not any(capability.startswith("AUTH=") for capability in client.capabilities)
    with pytest.raises(imaplib.IMAP4.error, match="disabled"):
        client.login(alice.username, alice.password.reveal())
    with pytest.raises(imaplib.IMAP4.error, match="PRIVACYREQUIRED"):
        client.authenticate("PLAIN", lambda _: b"\0a\0b")
    client.logout()


@pytest.mark.parametrize(
    ("section", "octets"),
    [
        ("BODY.PEEK[]", MULTIPART),
        ("BODY.PEEK[]<6.14>", b"A <a@sandbox.t"),
        ("BODY.PEEK[HEADER]", MULTIPART.partition(b"preamble")[0]),
        ("BODY.PEEK[HEADER.FIELDS (X-Twice)]", b"X-Twice: one\r\nX-Twice: two\r\n\r\n"),
        ("BODY.PEEK[HEADER.FIELDS (dkim-signature)]", b"DKIM-Signature: v=1;\r\n\tb=x\r\n\r\n"),
        ("BODY.PEEK[TEXT]", b"preamble" + MULTIPART.partition(b"preamble")[2]),
        ("BODY.PEEK[1]", b"first"),
        ("BODY.PEEK[1.MIME]", b"Content-Type: text/plain\r\n\r\n"),
        ("BODY.PEEK[2.HEADER]", b"Subject: inner\r\n\r\n"),
        ("BODY.PEEK[2.TEXT]", b"inside"),
        ("BODY.PEEK[2.1]", b"inside"),
        ("RFC822", MULTIPART),
        ("RFC822.HEADER", MULTIPART.partition(b"preamble")[0]),
    ],
)
def test_sections_are_fetched_byte_for_byte(section, octets, inbox):
    assert fetch(inbox, section) == octets


def test_what_describes_a_message_is_fetched(inbox):
    (described,) = inbox.fetch("1", "(UID FLAGS RFC822.SIZE INTERNALDATE ENVELOPE BODYSTRUCTURE)")[1]
    assert b"RFC822.SIZE %d " % len(MULTIPART) in described
    assert b'INTERNALDATE "17-Jul-2026 09:44:25 +0000"' in described
    assert b'"=?utf-8?q?caf=C3=A9?=" (("A" NIL "a" "sandbox.test"))' in described
    assert b'"mixed"' in described


def test_reading_a_message_marks_it_seen_and_peeking_does_not(inbox):
    fetch(inbox, "BODY.PEEK[]")
    assert inbox.search(None, "UNSEEN")[1] == [b"1"]
    fetch(inbox, "BODY[]")
    assert inbox.search(None, "SEEN")[1] == [b"1"]


def test_a_folder_opened_for_reading_keeps_its_flags(inbox):
    inbox.select(readonly=True)
    fetch(inbox, "BODY[]")
    assert inbox.search(None, "UNSEEN")[1] == [b"1"]
    with pytest.raises(imaplib.IMAP4.error, match="read-only"):
        inbox.store("1", "+FLAGS", "\\Seen")


def test_a_copy_keeps_octets_flags_and_date(inbox):
    inbox.store("1", "+FLAGS", "\\Flagged")
    assert inbox.copy("1", "Archive")[0] == "OK"
    inbox.select("Archive")
    assert inbox.search(None, "FLAGGED ON 17-Jul-2026")[1] == [b"1"]
    assert fetch(inbox, "BODY.PEEK[]") == MULTIPART


def test_deleted_messages_are_expunged_and_uids_not_used_again(inbox):
    for subject in ("two", "three"):
        inbox.append("INBOX", None, None, f"Subject: {subject}\r\n\r\n".encode())
    inbox.store("1,3", "+FLAGS", "\\Deleted")
    assert inbox.expunge()[1] == [b"3", b"1"]
    inbox.append("INBOX", None, None, b"Subject: four\r\n\r\n")
    inbox.noop()
    assert inbox.uid("SEARCH", "ALL")[1] == [b"2 4"]


def test_uid_expunge_removes_only_what_it_names(inbox):
    inbox.append("INBOX", None, None, b"Subject: two\r\n\r\n")
    inbox.store("1:2", "+FLAGS", "\\Deleted")
    assert inbox.uid("EXPUNGE", "2")[0] == "OK"
    assert inbox.uid("SEARCH", "ALL")[1] == [b"1"]


def test_an_envelope_has_four_fields_an_address_even_where_the_message_lacks_them(clients, alice):
    client = IMAPClient(clients.sandbox.host, clients.sandbox.ports["imaps"], ssl_context=clients.tls)
    with client:
        client.login(alice.username, alice.password.reveal())
        client.append("INBOX", b"From: root\r\nTo: Undisclosed <>, a@b.test\r\n\r\n")
        client.select_folder("INBOX")
        envelope = client.fetch([1], ["ENVELOPE"])[1][b"ENVELOPE"]
    assert envelope.from_[0].mailbox == b"root"
    assert [str(address) for address in envelope.to][-1] == "a@b.test"
    assert envelope.cc is None


def test_a_waiting_client_is_told_of_a_new_message(clients, alice):
    with IMAPClient(clients.sandbox.host, clients.sandbox.ports["imaps"], ssl_context=clients.tls) as client:
        client.login(alice.username, alice.password.reveal())
        assert client.find_special_folder(b"\\Trash") == "Trash"
        client.select_folder("INBOX")
        client.idle()
        with clients.smtp(login=alice) as smtp:
            smtp.sendmail(alice.username, [alice.username], b"Subject: news\r\n\r\n")
        assert (1, b"EXISTS") in client.idle_check(timeout=30)
        client.idle_done()


def test_a_new_message_is_announced_to_a_session_that_has_the_folder_open(inbox, clients, alice):
    with clients.smtp(login=alice) as smtp:
        smtp.sendmail(alice.username, [alice.username], b"Subject: news\r\n\r\n")
    inbox.noop()
    assert inbox.response("EXISTS")[1][-1] == b"2"
    assert inbox.search(None, "SUBJECT", "news")[1] == [b"2"]


def test_folders_are_created_renamed_and_deleted(inbox):
    assert inbox.create("Projects/Blue")[0] == "OK"
    assert inbox.create("Projects/Blue")[0] == "NO"
    assert inbox.rename("Projects", "Work")[0] == "NO"
    assert inbox.rename("Projects/Blue", "Projects/Red")[0] == "OK"
    assert inbox.list('""', "Projects*")[1] == [b'() "/" "Projects/Red"']
    assert inbox.delete("Projects/Red")[0] == "OK"
    assert inbox.select("Projects/Red")[0] == "NO"
    assert inbox.append("Projects/Red", None, None, b"x")[0] == "NO"


def test_a_search_over_many_messages_answers(inbox):
    for number in range(20):
        inbox.append("INBOX", None, None, f"Subject: number {number}\r\n\r\n".encode())
    assert inbox.search(None, "SUBJECT", '"number 1"')[1] == [b"3 12 13 14 15 16 17 18 19 20 21"]


def test_status_is_told(inbox):
    assert inbox.status("INBOX", "(MESSAGES UNSEEN UIDNEXT)")[1] == [b"INBOX (MESSAGES 1 UNSEEN 1 UIDNEXT 2)"]


def test_nonsense_is_answered_and_the_session_goes_on(inbox):
    with pytest.raises(imaplib.IMAP4.error):
        inbox.search(None, "NONSENSE")
    with pytest.raises(imaplib.IMAP4.error):
        inbox.fetch("1", "(NONSENSE)")
    assert inbox.noop()[0] == "OK"
