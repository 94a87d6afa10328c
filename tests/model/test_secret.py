"""Secrets never show themselves; references to them are checked without quoting what might be one."""

from __future__ import annotations

import copy
import pickle

import pytest

from mailctl.errors import InvalidValueError
from mailctl.model.secret import Secret, SecretKind, SecretRef, parse_secret_ref


def test_a_secret_never_shows_itself() -> None:
    secret = Secret("hunter2")
    shown = [
        repr(secret),
        str(secret),
        f"{secret}",
        f"{secret!s:>20}",
        str([secret]),
        str({"a": secret}),
    ]
    assert not any("hunter2" in text for text in shown)
    with pytest.raises(TypeError):
        pickle.dumps(secret)
    with pytest.raises(TypeError):
        copy.copy(secret)


@pytest.mark.parametrize(
    ("text", "kind", "borrowed"),
    [
        ("env:SMTP_PASSWORD", SecretKind.ENV, True),
        ("file:/run/secrets/smtp", SecretKind.FILE, True),
        ("command:pass show mail/smtp", SecretKind.COMMAND, True),
        ("keyring:mailctl/sysmail", SecretKind.KEYRING, False),
        ("vault:sysmail/password", SecretKind.VAULT, False),
    ],
)
def test_references_are_read_and_written_back(text: str, kind: SecretKind, borrowed: bool) -> None:
    reference = parse_secret_ref(text)
    assert (reference.kind, str(reference), reference.borrowed) == (kind, text, borrowed)
    assert reference == SecretRef(kind, text.partition(":")[2])


@pytest.mark.parametrize(
    "text", ["hunter2", "hunter2:x", "env:", "env:A B", "env:A=hunter2", "keyring:hunter2", "file:\x00hunter2"]
)
def test_what_is_no_reference_is_refused_and_never_quoted(text: str) -> None:
    with pytest.raises(InvalidValueError) as caught:
        parse_secret_ref(text)
    assert "hunter2" not in f"{caught.value.message}{caught.value.hint}{caught.value.details}"
