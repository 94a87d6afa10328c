"""What the commands of the system mail account and of tenants share: options to fields, questions, what is told."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from mailctl.cli.logins import change_login, show_secrets

if TYPE_CHECKING:
    from mailctl.cli.changes import AppliedChange
    from mailctl.cli.senders.options import (
        PopBeforeSmtpOptions,
        SenderOptions,
        SendingLoginOptions,
        ServerChoiceOptions,
    )
    from mailctl.cli.server_options import SmtpOptions, TlsOptionGroup
    from mailctl.cli.session import Session
    from mailctl.model.resolve import Sending
    from mailctl.model.secret import Secret
    from mailctl.model.sending import Sender
    from mailctl.model.settings import Edit, Settings
    from mailctl.services.senders.senders import LoginState


def gather_fields(
    present: Sender | None,
    sender: SenderOptions,
    choice: ServerChoiceOptions,
    smtp: SmtpOptions,
    tls: TlsOptionGroup,
    login: SendingLoginOptions,
    pop: PopBeforeSmtpOptions,
) -> dict[str, Any]:
    """Return the fields that are given, nested as in the settings; `present`: the sender that they are laid over."""
    return {
        **sender.given(),
        **choice.given(),
        **{name: section for name, section in (smtp.given() | tls.given()).items() if section},
        **login.given(),
        **pop.given(is_on=bool(present and present.pop_before_smtp)),
    }


def change_sender(
    session: Session,
    target: str,
    edit_with: Callable[[Mapping[str, Any]], Edit],
    given: Mapping[str, Secret],
    find_missing: Callable[[Settings, Settings], tuple[Sequence[str], Sending | None]],
    *,
    entry: str,
    dry_run: bool,
) -> AppliedChange:
    """Carry out the change of a sender, see `change_login`.

    `find_missing`: the fields of the login that a change leaves missing, and how the sender then sends,
    None where it does not.
    """

    def questions(before: Settings, after: Settings) -> dict[str, str]:
        missing, sending = find_missing(before, after)
        return {field: _question(sending, field) for field in missing} if sending else {}

    return change_login(session, target, edit_with, given, questions, entry=entry, dry_run=dry_run)


def _question(sending: Sending, field: str) -> str:
    pop = sending.pop_before_smtp
    if field == "password" or pop is None:
        return f"Password of {sending.username} (not shown)"
    return f"POP3 password of {pop.username} at {pop.host} (not shown)"


def sender_as_json(sender: Sender, login: LoginState) -> dict[str, Any]:
    """Return a sender as plain values, secrets as where they are."""
    import msgspec

    fields: dict[str, Any] = {**msgspec.to_builtins(sender), "grant": msgspec.to_builtins(login.grant)}
    if sender.server:
        fields["tls"] = None  # that of the catalogue server holds
    return show_secrets(fields, login.secrets)
