"""Errors of people's mailboxes, completed for who reads them: whose mailbox, where, and what to run next."""

from __future__ import annotations

from shlex import quote

from mailctl.errors import MailctlError, MailError
from mailctl.model.collection import CollectionSource
from mailctl.model.report import Stage
from mailctl.model.target_name import edit_command
from mailctl.render.sending import complete_mail_error, remedy_of
from mailctl.services.accounts.mailbox import MailboxAccess

_BEHIND_THE_LOGIN = (None, Stage.MAILBOX)


def complete_mailbox_error(error: MailctlError, access: MailboxAccess) -> None:
    """Complete an error of an account's mailbox, once: its account, its server, and what `complete_mail_error` adds.

    An error of another server of the account, as that of its rules, says by itself which one it is.
    """
    if "account" in error.details or "stage" in error.details:
        return
    if not isinstance(error, MailError):
        _name_account(error, access)
        return
    complete_mail_error(error, host=access.host, stage=Stage.MAILBOX)
    if error.protocol in (None, access.protocol):
        if error.stage not in _BEHIND_THE_LOGIN:
            endpoint = access.receiving.endpoint
            error.message = f"{access.protocol.upper()} at {endpoint.host}, port {endpoint.port}: {error.message}"
            if command := _next_command(error, access):
                error.details["next"] = command
        _name_account(error, access)


def complete_source_error(error: MailctlError, address: str, source: CollectionSource) -> None:
    """Complete an error of a POP3 mailbox that is collected from; one of the account's own mailbox is complete."""
    if "stage" in error.details or not isinstance(error, MailError):
        return
    complete_mail_error(error, host=source.host, stage=Stage.MAILBOX)
    remedy = remedy_of(error, source.host, Stage.MAILBOX)
    if remedy.next and remedy.next.startswith("{edit} "):
        # Its options bear no side in their names: it has but one.
        edit = f"mailctl account pop3 edit {quote(address)} {quote(source.name)}"
        if command := remedy.command(test="", edit=edit, side=None):
            error.details["next"] = command


def _name_account(error: MailctlError, access: MailboxAccess) -> None:
    error.details["account"] = access.address
    if access.address not in error.message:
        error.message = f"{access.address}: {error.message}"


def _next_command(error: MailError, access: MailboxAccess) -> str | None:
    """Return what the remedy names, or the test of the mailbox, which shows each step."""
    test = f"mailctl test receive {quote(access.address)}"
    remedy = remedy_of(error, access.host, Stage.MAILBOX)
    command = remedy.command(
        test=test,
        edit=edit_command(access.server or access.address),
        side="incoming",
        domain=access.address.rpartition("@")[2],
    )
    return command or test
