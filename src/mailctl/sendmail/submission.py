"""From the command line and the message to the server."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from mailctl.credentials import Secrets
from mailctl.errors import MissingInputError, NotFoundError, RefusedError, SettingsError
from mailctl.model.resolve import Sending, find_tenant_of, resolve_sending
from mailctl.model.secret import Secret, parse_secret_ref
from mailctl.model.target_name import edit_command
from mailctl.protocol.envelope import check_command_text, parse_address
from mailctl.protocol.message.mailboxes import WrittenMailbox, read_mailboxes
from mailctl.protocol.replies import printable
from mailctl.sendmail import PROGRAM
from mailctl.sendmail.header import Header
from mailctl.sendmail.input import Input
from mailctl.sendmail.options import Options, parse_options
from mailctl.sendmail.sysexits import Sysexit, one_line, sysexit_for
from mailctl.services.sending.delivery import check_international, login_of, open_delivery
from mailctl.store.location import settings_path
from mailctl.store.settings_file import SettingsFile
from mailctl.transport.outcome import SendOutcome
from mailctl.transport.watch import Watch

if TYPE_CHECKING:
    from mailctl.model.settings import Settings
    from mailctl.model.tenant import Tenant
    from mailctl.services.oauth.tokens import Tokens

_LOCAL_HOSTS = frozenset({"localhost", "localhost.localdomain"})


def run(arguments: Sequence[str], message: BinaryIO, *, config: Path | None = None) -> int:
    """Run one command line and return its exit code; what goes wrong is said in one line on standard error.

    `config`: the settings file, where the arguments name none.
    """
    options = Options()
    try:
        options = parse_options(arguments)
        if options.show:
            sys.stdout.write(_shown(options.show))
            return Sysexit.OK
        outcome = submit(options, message, config)
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 - the one place where everything else ends
        from mailctl.render.commands import Commands  # what goes well does without

        _say(Commands(options.config).complete_prose(one_line(error)))
        return sysexit_for(error)
    if outcome.refused:
        _say(_refusals(outcome))
        return Sysexit.NO_USER
    return Sysexit.OK


def _say(text: str) -> None:
    if sys.stderr:  # None where the caller has closed it
        sys.stderr.write(f"{PROGRAM}: {text}\n")


def submit(options: Options, message: BinaryIO, config: Path | None) -> SendOutcome:
    """Send the message as the options say; raises MailctlError, or OSError of the input or the spool."""
    if not options.recipients and not options.recipients_from_header:
        raise MissingInputError("no recipients: name them, or take them from the header with -t")
    for text in options.recipients:
        check_command_text("recipient", text)
    check_command_text("sender", options.sender or "")
    read = Input(message, dot_ends_message=options.dot_ends_message)
    header = Header(read.fields)
    named = [mailbox for text in options.recipients for mailbox in read_mailboxes(text)]
    if options.recipients_from_header:
        named += header.recipients()
    if not named:
        raise MissingInputError("no recipients: neither the command line nor To, Cc or Bcc names any")
    path = settings_path(options.config or config, os.environ)
    sending, settings_file, secrets = _open(path, options)
    envelope_sender = _envelope_sender(options.sender, sending)
    recipients = _resolved(named, sending)
    check_international(sending, [parse_address(envelope_sender, "sender")] if envelope_sender else [])

    def read_secret(reference: str) -> Secret:
        return secrets.get(parse_secret_ref(reference))

    def open_tokens() -> Tokens:
        from mailctl.services.oauth.tokens import Tokens  # nobody else is to wait for it

        return Tokens(settings_file, secrets)

    with (
        read.spooled(header.completed(sending, options.sender_name)) as spool,
        open_delivery(
            sending,
            login_of(sending, read_secret, open_tokens),
            read_secret=read_secret,
            folder=path.parent,
            watch=Watch(),
        ) as session,
    ):
        try:
            return session.send(envelope_sender, recipients, spool)
        except RefusedError as error:
            error.hint = error.hint or _foreign_sender_hint(header, sending)
            raise


def _foreign_sender_hint(header: Header, sending: Sending) -> str | None:
    sender = header.sender()
    if sender is None or sender.is_local or sender.address == sending.address:
        return None
    return f"the message is from {sender.address}; the account's address is {sending.address}"


def _open(path: Path, options: Options) -> tuple[Sending, SettingsFile, Secrets]:
    """Return who sends, the settings, and what reads the secrets.

    Raises SettingsError, SendingDisabledError, NotFoundError.
    """
    settings_file = SettingsFile(path)
    settings = settings_file.load()
    if settings_file.loaded.content is None:
        raise SettingsError(
            f"there is no settings file {path}",
            hint="-C FILE or MAILCTL_CONFIG names one, `mailctl sysmail set` makes it",
        )
    secrets = Secrets(settings.secrets, path.parent, vault_path=path.with_suffix(".vault"))
    return resolve_sending(settings, _find_tenant(settings, options)), settings_file, secrets


def _find_tenant(settings: Settings, options: Options) -> Tenant | None:
    """Return the tenant that an option or the environment names; else the envelope's sender may mean one."""
    if options.tenant is not None:
        return settings.get_tenant(options.tenant)
    if code := os.environ.get("MAILCTL_TENANT"):
        try:
            return settings.get_tenant(code)
        except NotFoundError as error:
            error.message += ", which MAILCTL_TENANT names"
            raise
    sender = options.sender
    named = next(iter(read_mailboxes(sender)), None) if sender and settings.tenants else None
    return find_tenant_of(settings, named.address) if named else None


def _resolved(named: Iterable[WrittenMailbox], sending: Sending) -> list[str]:
    """Return the addresses, each once; those of this machine's own users are the local recipient.

    Raises, before anything is contacted, InvalidValueError on what is no address, CapabilityError on what the server
    is not known to take.
    """
    addresses = dict.fromkeys(_local_recipient(box, sending) if _is_local(box) else box.address for box in named)
    check_international(sending, [parse_address(address, "recipient") for address in addresses])
    return list(addresses)


def _is_local(mailbox: WrittenMailbox) -> bool:
    if mailbox.is_local:
        return True
    domain = mailbox.address.rpartition("@")[2].lower()
    return domain in _LOCAL_HOSTS or ("." not in domain and domain == _host_name())


def _host_name() -> str:
    import socket

    return socket.gethostname().lower()


def _local_recipient(mailbox: WrittenMailbox, sending: Sending) -> str:
    if sending.local_recipient is None:
        raise NotFoundError(
            f"nobody gets the mail of this machine's user '{mailbox.address}'",
            hint=f"`{edit_command(sending.origin)} --local-recipient ADDRESS` says who does",
        )
    return sending.local_recipient


def _envelope_sender(given: str | None, sending: Sending) -> str:
    """Return the sender of the envelope; `<>` and nothing at all are that of a bounce (RFC 5321, 4.5.5)."""
    if given is None:
        return sending.envelope_from
    sender = next(iter(read_mailboxes(given)), WrittenMailbox(""))
    return sending.envelope_from if sender.address and _is_local(sender) else sender.address


def _refusals(outcome: SendOutcome) -> str:
    refused = "; ".join(f"{address}: {refusal.reply}" for address, refusal in outcome.refused.items())
    return printable(
        f"sent to {', '.join(outcome.accepted)}, so do not send it again; but refused for "
        f"{' '.join(refused.split())}".encode()
    )


def _shown(what: str) -> str:
    import mailctl
    from mailctl import sendmail

    if what == "version":
        return f"{PROGRAM} {mailctl.__version__}\n"
    return f"{sendmail.__doc__}".partition("\nThe header is")[0]
