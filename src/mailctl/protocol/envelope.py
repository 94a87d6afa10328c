"""What may go into a command: no line ends, and addresses in the form that the server can take.

RFC 5321 (SMTP addresses), RFC 6531 (SMTPUTF8), RFC 5891 (A-labels).
"""

from __future__ import annotations

from mailctl.errors import CapabilityError, InvalidValueError, Problem
from mailctl.model import address
from mailctl.model.address import Address
from mailctl.protocol.reasons import Reason

_BREAKING = {"\r": "a carriage return (CR)", "\n": "a line feed (LF)", "\0": "a NUL"}


def check_command_text(what: str, text: str) -> None:
    """Refuse text that would end a command early, or cannot be encoded; `what` names it in the message.

    Raises InvalidValueError. The text itself, which may be a secret, is never quoted.
    """
    for character, said in _BREAKING.items():
        if character in text:
            raise InvalidValueError([Problem(what, f"contains {said}, which would end the command")])
    try:
        text.encode()
    except UnicodeEncodeError:
        raise InvalidValueError([Problem(what, "contains bytes that are not UTF-8")]) from None


def parse_address(text: str, where: str = "address") -> Address:
    """Parse an address for an envelope (see `address.parse_address`); `where` names the value in the message.

    Raises InvalidValueError.
    """
    check_command_text(where, text)
    try:
        return address.parse_address(text)
    except ValueError as error:
        raise InvalidValueError([Problem(where, str(error))]) from None


def command_text(recipient: Address, *, smtputf8: bool) -> str:
    """Return the address for MAIL and RCPT, without angle brackets; the domain in ASCII unless `smtputf8`.

    Raises CapabilityError of reason `smtputf8-not-offered` if it needs SMTPUTF8 and may not use it.
    """
    if smtputf8:
        return str(recipient)
    if recipient.needs_smtputf8:
        raise CapabilityError(
            f"the address {recipient} has characters beyond ASCII before the @, "
            "and the server does not offer SMTPUTF8 (RFC 6531)",
            reason=Reason.SMTPUTF8_NOT_OFFERED,
            hint="use an address in ASCII, or a server that offers SMTPUTF8",
        )
    return recipient.with_ascii_domain
