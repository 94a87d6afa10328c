"""Every error has its exit code, as scripts rely on it."""

from __future__ import annotations

import pytest

from mailctl import errors
from mailctl.exits import Exit, exit_for


def _all_errors(kind: type[BaseException]) -> list[type[BaseException]]:
    return [kind, *(found for child in kind.__subclasses__() for found in _all_errors(child))]


EXPECTED = {
    "MailctlError": 1, "UsageError": 2, "MissingInputError": 2, "InvalidValueError": 2, "NotFoundError": 3,
    "ConflictError": 4, "ExclusiveSettingsError": 4, "AlreadyExistsError": 4, "SettingsError": 5,
    "SettingsInvalidError": 5, "SettingsLockedError": 5, "SettingsChangedError": 5, "SettingsWriteError": 5,
    "LedgerInvalidError": 5, "ReportWriteError": 1,
    "SecretError": 6, "SecretMissingError": 6, "SecretStoreError": 6, "SendingDisabledError": 7, "NetworkError": 10,
    "TLSError": 11, "AuthenticationError": 12, "RefusedError": 13, "TemporaryError": 14, "NotArrivedError": 15,
    "FateUnknownError": 17, "ProtocolError": 18, "CapabilityError": 18, "BugError": 70,
}  # fmt: skip


RAISED = [
    kind
    for kind in _all_errors(errors.MailctlError)
    if kind.__module__ == "mailctl.errors" and kind is not errors.MailError  # raised as one of its subclasses only
]


@pytest.mark.parametrize("kind", RAISED)
def test_each_error_class_has_its_exit_code(kind: type[BaseException]) -> None:
    assert exit_for(kind.__new__(kind)) == EXPECTED[kind.__name__]


def test_an_interrupt_and_a_foreign_exception() -> None:
    assert exit_for(KeyboardInterrupt()) == Exit.INTERRUPTED == 130
    assert exit_for(ValueError()) == Exit.BUG == 70


def test_each_error_module_name_is_told_in_json_by_a_code_of_its_own() -> None:
    codes = [kind.code for kind in _all_errors(errors.MailctlError) if kind.__module__ == "mailctl.errors"]  # type: ignore[attr-defined]
    assert len(codes) == len(set(codes))
