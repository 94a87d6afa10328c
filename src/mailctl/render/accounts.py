"""People's accounts for people: one line each, or one in full."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from mailctl.model.account import Account, main_accounts
from mailctl.model.server import Security, SmtpAuth
from mailctl.model.settings import Settings
from mailctl.model.signature import SignatureUse
from mailctl.model.vacation import Vacation
from mailctl.render.facts import Fact, InFull
from mailctl.render.senders import state_facts
from mailctl.render.servers import address, incoming_auth, tls_facts
from mailctl.render.style import Style
from mailctl.services.accounts.account_state import AccountState, kind_of

ACCOUNT_HEADERS = ("ADDRESS", "OWNER", "SERVERS", "LOGIN", "NOTES")


def account_rows(settings: Settings, accounts: Sequence[Account]) -> Iterator[Sequence[str]]:
    """Yield the cells of accounts in a listing, in the order of ACCOUNT_HEADERS."""
    mains = main_accounts(settings.accounts)
    for account in accounts:
        notes = {
            "main": mains[account.owner] is account,
            "shared": account.share_sender,
            f"detached from {account.detached_from}": account.detached_from,
        }
        yield (
            account.address,
            account.owner,
            _servers(settings, account),
            account.login,
            ", ".join(note for note, holds in notes.items() if holds),
        )


def _servers(settings: Settings, account: Account) -> str:
    if account.server:
        return f"server {account.server}"
    kind = kind_of(settings, account)
    return f"{kind} {account.incoming.host}" if kind == "custom" and account.incoming else kind


def account_in_full(state: AccountState, style: Style) -> InFull:
    """Return an account in full."""
    account = state.account
    described = f"  {account.description}" if account.description != account.username else ""
    facts = [*_person(state), *_sides(state, style), *_logins(state), *state_facts(state.login, style), *_more(account)]
    return InFull(f"{style.bold(account.address)}{described}", facts)


def _person(state: AccountState) -> Iterator[Fact]:
    account = state.account
    yield "owner", f"{account.owner}{', who sends from this account' if state.is_main else ''}"
    if account.share_sender:
        yield "shared", "every owner may send from it"
    if account.display_name:
        yield "display name", account.display_name
    for name, value in account.fields.items():
        yield "fields", f"{name}: {value}"


def _sides(state: AccountState, style: Style) -> Iterator[Fact]:
    account, smtp, incoming = state.account, state.sending.endpoint, state.receiving.endpoint
    kind = f"'{account.server}' of the catalogue" if account.server else state.kind
    detached = style.yellow(f", a copy of '{account.detached_from}'") if account.detached_from else ""
    yield "servers", f"{kind}{detached}"
    yield "incoming", f"{incoming.protocol} {address(incoming)}"
    yield "outgoing", f"smtp {address(smtp)}"
    if account.sieve:
        yield "rules", f"{account.sieve.protocol} {address(account.sieve)}"
    if not account.server and Security.NONE not in (smtp.security, incoming.security):
        yield from (("tls", fact) for fact in tls_facts(state.sending.tls, style))


def _logins(state: AccountState) -> Iterator[Fact]:
    sending, receiving = state.sending, state.receiving
    if receiving.oauth_client:
        yield (
            "login",
            f"{receiving.username} by {receiving.endpoint.auth}, OAuth client '{receiving.oauth_client.name}'",
        )
        return
    yield "login", f"{receiving.username} by {incoming_auth(receiving.endpoint)}"
    if sending.endpoint.auth is SmtpAuth.NONE:
        yield "login", "for sending none, the server wants none"
    elif sending.username != receiving.username or sending.password != receiving.password:
        yield "login", f"for sending {sending.username} by {sending.endpoint.auth}"


def _more(account: Account) -> Iterator[Fact]:
    for role in account.folders.__struct_fields__:
        if name := getattr(account.folders, role):
            yield "folders", f"{role}: {name}"
    for rule in account.filters:
        yield "filters", rule.name
    if account.vacation:
        yield "away", _away(account.vacation)
    for source in account.pop3:
        yield "collects", f"{source.name}: {source.username} at {source.host}, into {source.into}"
    if account.signature and account.signature.use is not SignatureUse.NONE:
        whose = "own" if account.signature.use is SignatureUse.OWN else "the organisation's"
        yield "signature", whose


def _away(vacation: Vacation) -> str:
    if not vacation.active:
        return f"off: {vacation.subject}"
    days = [f"{word} {day}" for word, day in (("from", vacation.from_date), ("until", vacation.until)) if day]
    return f"on{', ' * bool(days)}{' '.join(days)}: {vacation.subject}"
