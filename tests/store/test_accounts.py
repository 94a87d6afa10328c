"""People's accounts in the settings file: what is written is what is read, in any script and of any number of lines."""

from __future__ import annotations

from functools import partial

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from mailctl.errors import SettingsInvalidError
from mailctl.model.account import Account
from mailctl.model.decode import decode_or_raise
from mailctl.model.signature import SignatureTemplate, parse_signature_text
from mailctl.store import SettingsFile

FIELDS = {
    "username": "taro", "domain": "株式.会社", "owner": "山田", "password": "env:P",
    "fields": {"title": "社長", "役職": "x"}, "incoming": {"protocol": "imap", "host": "imap.example.org"},
    "smtp": {"host": "smtp.example.org"}, "folders": {"spam": "迷惑メール", "sent": "INBOX.Sent \"&\""},
}  # fmt: skip
LINE = st.text(st.characters(codec="utf-8", categories=["L", "N", "P", "S"]) | st.just(" "))
TEXT = st.lists(LINE, min_size=1, max_size=4).map("\n".join).filter(str.strip).map(parse_signature_text)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(texts=st.tuples(TEXT, TEXT), is_windows=st.booleans())
def test_a_signature_of_many_lines_is_kept(settings_file, texts: tuple[str, str], is_windows: bool) -> None:
    path = settings_file.path
    path.unlink(missing_ok=True)
    for text in texts:
        if is_windows and path.exists():
            path.write_bytes(path.read_bytes().replace(b"\r\n", b"\n").replace(b"\n", b"\r\n"))
        signed = decode_or_raise(Account, {**FIELDS, "signature": {"use": "own", "text": text, "html": f"<p>{text}"}})
        edit = partial(replace, accounts=(signed,), signature=SignatureTemplate(text=text))
        SettingsFile(path).change(edit)
        read = SettingsFile(path).load()
        assert (read.accounts, read.signature) == ((signed,), SignatureTemplate(text=text))


def test_several_lines_are_several_in_the_file(settings_file) -> None:
    text = 'Kind regards\n"Tarō" \\ Yamada'
    signed = decode_or_raise(Account, {**FIELDS, "signature": {"use": "own", "text": text}})
    settings_file.change(lambda before: replace(before, accounts=(signed,)))
    written = settings_file.path.read_text(encoding="utf-8")
    assert 'text = """Kind regards\n"Tarō" \\\\ Yamada"""\n' in written
    assert SettingsFile(settings_file.path).load().accounts == (signed,)


def test_what_is_wrong_with_an_account_names_it_and_its_line(settings_file, write) -> None:
    write('[[accounts]]\naddress = "a@example.org"\nusername = "a"\nserver = "nowhere"\n')
    with pytest.raises(SettingsInvalidError) as caught:
        settings_file.load()
    assert "line 4, accounts[0].server" in caught.value.message
    assert "a@example.org" in caught.value.message
