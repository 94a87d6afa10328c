"""The system mail account for people: its status first."""

from __future__ import annotations

from mailctl.render.facts import InFull
from mailctl.render.senders import login_facts, name_facts, server_facts, state_facts
from mailctl.render.style import Style
from mailctl.services.senders.sysmail import State, SystemMailState


def sysmail_in_full(state: SystemMailState, style: Style) -> InFull:
    """Return the account in full; without one, that it was never set."""
    account, sending = state.account, state.sending
    if account is None or sending is None:
        return InFull(f"{style.bold('sysmail')}  {style.yellow('never set')}", ())
    paint = style.green if state.state is State.ACTIVE else style.yellow
    facts = [*name_facts(sending), *server_facts(sending, account.detached_from, style), *login_facts(sending)]
    facts += state_facts(state.login, style)
    return InFull(f"{style.bold('sysmail')}  {paint(state.state)}", facts)
