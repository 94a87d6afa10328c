"""What `mailctl account add` asks a person for: who it is, and which servers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mailctl.cli.session import Session
    from mailctl.services.accounts.account_fields import Choice


def ask_identity(session: Session, fields: dict[str, Any]) -> None:
    """Ask a person for the user name and the address, where they are not given and do not follow.

    Raises ValueError for an address that is none, before anything is asked.
    """
    from mailctl.model.account import Account
    from mailctl.services.accounts.accounts import address_of

    address = address_of({"address": fields.get("address")})
    if "username" not in fields:
        fields["username"] = session.terminal.ask("User name (the login at the server)", address)
    if not Account.complete(fields).get("address"):
        from mailctl.model.address import parse_address

        fields["address"] = str(session.terminal.ask_for("E-mail address", parse_address))


def ask_servers(session: Session, fields: dict[str, Any], choice: Choice) -> Choice:
    """Ask a person for the servers, where none are named: one of the catalogue, or a provider's.

    The provider that the address belongs to is proposed, else the only server of the catalogue.
    """
    from mailctl.model.account import Account
    from mailctl.model.address import parse_address
    from mailctl.model.preset import CUSTOM, PRESETS, get_preset
    from mailctl.model.provider_domains import find_preset_by_domain

    named = choice.preset or choice.login or fields.keys() & {"server", "incoming", "smtp", "oauth_client"}
    if named:
        return choice
    codes = [server.code for server in session.settings_file.load().servers]

    def parse(text: str) -> str:
        if text == CUSTOM:
            raise ValueError(
                "other servers are given by options, --incoming-host and --smtp-host, "
                "or join the catalogue: `mailctl server add`"
            )
        if text not in codes:
            get_preset(text)
        return text

    domain = parse_address(str(Account.complete(fields)["address"])).with_ascii_domain.rpartition("@")[2]
    preset = find_preset_by_domain(domain)
    proposed = preset.name if preset else codes[0] if len(codes) == 1 else None
    if codes:
        session.terminal.say(f"  Servers of the catalogue: {', '.join(codes)}.")
    session.terminal.say(f"  Known providers: {', '.join(preset.name for preset in PRESETS)}.")
    answer = session.terminal.ask_for("Server or provider", parse, proposed)
    if answer in codes:
        fields["server"] = answer
        return choice
    return choice._replace(preset=answer)
