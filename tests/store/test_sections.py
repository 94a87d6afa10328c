"""Tables that may be there or not, such as the system mail account: where they come, how they change and go."""

from __future__ import annotations

from typing import get_args, get_type_hints

import pytest
from msgspec import Struct
from msgspec.structs import replace
from tests.store.layouts import BY_HAND

from mailctl.errors import SettingsWriteError
from mailctl.model.decode import decode_or_raise
from mailctl.model.sending import SystemMail
from mailctl.model.server import SmtpAuth
from mailctl.model.settings import SecretOptions, Settings
from mailctl.store.editing import ENTRY_KEYS

POP = {"host": "pop.example.com", "username": "u", "password": "env:POP"}
DEDICATED = {"address": "noreply@example.com", "smtp": {"host": "smtp.example.com"}}

BY_HAND_ACCOUNT = """\
# who sends
[sysmail]
address = "noreply@example.com" # ours
note = "red"
# where
[sysmail.smtp]
host = "smtp.example.com"

# while it is new
[sysmail.tls]
verify = false

[sysmail.pop_before_smtp]
host = "pop.example.com"
# it is slow
"""


def account(**fields) -> SystemMail:
    return decode_or_raise(SystemMail, fields)


def put(file, sysmail: SystemMail | None) -> None:
    file.change(lambda settings: replace(settings, sysmail=sysmail))


def text_of(file) -> str:
    return file.path.read_text(encoding="utf-8")


def test_a_new_section_stands_behind_the_simple_settings_and_before_the_entries(settings_file, make_server, adding):
    settings_file.change(adding(make_server("a")))
    before = text_of(settings_file)
    put(settings_file, account(**DEDICATED, tls={"verify": False}, pop_before_smtp=POP))
    section = """\
[sysmail]
active = true
address = "noreply@example.com"

[sysmail.smtp]
host = "smtp.example.com"
port = 465
security = "tls"
auth = "none"
timeout = 10

[sysmail.tls]
verify = false

[sysmail.pop_before_smtp]
host = "pop.example.com"
port = 995
security = "tls"
username = "u"
password = "env:POP"
wait = 0
timeout = 10

"""
    start = before.index("[[servers]]")
    assert text_of(settings_file) == before[:start] + section + before[start:]
    put(settings_file, None)
    assert text_of(settings_file) == before


def test_sections_follow_each_other_before_the_entries(settings_file, write):
    write(BY_HAND)
    settings_file.change(
        lambda settings: replace(settings, sysmail=account(**DEDICATED), secrets=SecretOptions(namespace="n"))
    )
    text = text_of(settings_file)
    headers = ["[sysmail]", "[sysmail.smtp]", "[secrets]", "# the office in Kyoto\n[[servers]]"]
    assert sorted(headers, key=text.index) == headers
    assert all(f"\n\n{header}" in text for header in headers)
    assert "\n\n\n" not in text


@pytest.mark.parametrize("start", ["", "# mine", "x = 1\n", "[[servers]]\ncode='a'\nname='A'\nsmtp.host='h'\n"
                                   "incoming = {protocol='imap', host='h'}"])  # fmt: skip
def test_a_section_comes_into_any_file_and_goes_again(settings_file, write, start):
    write(start)
    put(settings_file, account(**DEDICATED))
    assert settings_file.load().sysmail == account(**DEDICATED)
    assert start in text_of(settings_file)
    put(settings_file, None)
    assert settings_file.load().sysmail is None
    assert start in text_of(settings_file)


def test_a_removed_account_takes_its_sections_and_their_comments_along(settings_file, write):
    start = BY_HAND.index("# the office")
    write(BY_HAND[:start] + BY_HAND_ACCOUNT + "\n" + BY_HAND[start:])
    put(settings_file, None)
    assert text_of(settings_file) == BY_HAND


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_a_changed_account_keeps_its_comments_unknown_keys_and_the_rest(settings_file, write, newline):
    text = (BY_HAND + "\n" + BY_HAND_ACCOUNT).replace("\n", newline)
    write(text.encode())
    before = settings_file.load().sysmail
    put(settings_file, replace(before, reply_to="help@example.com", pop_before_smtp=None))
    note = f'note = "red"{newline}'
    expected = text.replace(note, f'{note}reply_to = "help@example.com"{newline}')
    gone = expected.index(f"{newline}[sysmail.pop_before_smtp]")
    assert settings_file.path.read_bytes().decode() == expected[:gone]
    put(settings_file, before)
    assert settings_file.load().sysmail == before
    assert "# while it is new" in text_of(settings_file)


@pytest.mark.parametrize(
    "layout",
    [
        'sysmail = { address = "noreply@example.com", smtp = { host = "smtp.example.com" } } # inline\n',
        'sysmail.address = "noreply@example.com"\nsysmail.smtp.host = "smtp.example.com" # dotted\n',
        '[sysmail]\naddress = "noreply@example.com"\nsmtp.host = "smtp.example.com" # dotted below\n',
        '[sysmail.smtp]\nhost = "smtp.example.com" # turned round\n[sysmail]\naddress = "noreply@example.com"\n',
    ],
)
def test_an_account_is_edited_in_the_form_that_it_is_written_in(settings_file, write, layout):
    write(f"schema_version = 1\n{layout}")
    before = settings_file.load().sysmail
    smtp = replace(before.smtp, timeout=60, auth=SmtpAuth.PLAIN)
    after = replace(before, smtp=smtp, username="u", password="env:X", tls=replace(before.tls, verify=False))
    put(settings_file, after)
    assert settings_file.load().sysmail == after
    assert layout[layout.index("#") :].partition("\n")[0] in text_of(settings_file)
    put(settings_file, None)
    assert text_of(settings_file) == "schema_version = 1\n"


def test_an_account_moves_from_a_dedicated_server_to_one_of_the_catalogue(settings_file, write):
    write(BY_HAND)
    put(settings_file, account(**DEDICATED, tls={"verify": False}))
    put(settings_file, account(address="noreply@example.com", server="kyoto", active=False))
    start = BY_HAND.index("# the office")
    section = '[sysmail]\nactive = false\naddress = "noreply@example.com"\nserver = "kyoto"\n\n'
    assert text_of(settings_file) == BY_HAND[:start] + section + BY_HAND[start:]


def test_tables_that_go_together_leave_no_gap_at_the_end(settings_file, write):
    plain = '[sysmail]\naddress = "noreply@example.com"\nsmtp.host = "smtp.example.com"\n'
    write(plain)
    before = settings_file.load().sysmail
    put(settings_file, account(**DEDICATED, tls={"verify": False}, pop_before_smtp=POP))
    put(settings_file, before)
    assert text_of(settings_file) == plain


def collections_of(model: type[Struct]) -> dict[str, type[Struct]]:
    """Return the fields of a model that hold several of another, and those of these."""
    found = {
        name: get_args(hint)[0]
        for name, hint in get_type_hints(model).items()
        if Ellipsis in get_args(hint)
        if isinstance(get_args(hint)[0], type) and issubclass(get_args(hint)[0], Struct)
    }
    return found | {name: kind for inner in found.values() for name, kind in collections_of(inner).items()}


def test_every_collection_is_an_array_of_tables_with_a_key():
    collections = collections_of(Settings)
    assert collections.keys() == ENTRY_KEYS.keys()
    assert all(key in collections[name].__struct_fields__ for name, key in ENTRY_KEYS.items())


def test_what_is_no_unicode_text_is_refused_and_nothing_changes(settings_file, make_server, adding):
    settings_file.change(adding(make_server("a")))
    before = text_of(settings_file)
    with pytest.raises(SettingsWriteError, match=r"'\"b\\udcff\" = \"env:X\"' cannot be written .* Unicode"):
        settings_file.change(lambda settings: replace(settings, secrets=SecretOptions(named={"b\udcff": "env:X"})))
    assert text_of(settings_file) == before
