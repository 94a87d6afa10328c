"""An account's rules and its out-of-office answer at its own server: one Sieve script, stored over ManageSieve.

The script bears the name `mailctl`, and is removed where nothing is left for it to do. Only one script can be active at
a server: one of the person's own, made in a webmail say, is kept as it is, and is put aside only where that was asked
for.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress

from msgspec import Struct

from mailctl.errors import ConflictError, NetworkError, TemporaryError
from mailctl.model.account import Account
from mailctl.model.address import parse_address
from mailctl.model.folders import FolderRole
from mailctl.model.server import IncomingProtocol, Security
from mailctl.model.sieve import SieveEndpoint
from mailctl.protocol.rules.sieve import compile_sieve
from mailctl.services.accounts.filters import list_deleting, list_filed_into, require_trash
from mailctl.services.accounts.folders import create_folders, find_role
from mailctl.services.accounts.mailbox import MailboxAccess
from mailctl.services.sending.delivery import forgetting_refused
from mailctl.transport.imap.folders import ImapFolders
from mailctl.transport.managesieve.scripts import SieveSession
from mailctl.transport.managesieve.session import open_managesieve
from mailctl.transport.trace import Trace
from mailctl.transport.watch import Watch

SCRIPT_NAME = "mailctl"
USUAL_PORT = 4190


class Installed(Struct, frozen=True):
    """What an installation did, or would do.

    `script`: as it is now at the server, None where there is nothing to do for one. `changed`: whether it was stored,
    made active or removed. `replaced`: the name of the script that was active before. `warnings`: the server's, about
    the script. `inactive`: scripts of others that stay stored after a removal, none of them active.
    """

    script: str | None
    changed: bool
    replaced: str | None = None
    warnings: str | None = None
    inactive: tuple[str, ...] = ()


def sieve_endpoint(account: Account, access: MailboxAccess) -> SieveEndpoint:
    """Return the account's ManageSieve server: the one of its settings, else the incoming server at the usual port.

    It is as protected as the incoming side, by STARTTLS where that has TLS throughout, which ManageSieve has not.
    """
    if account.sieve:
        return account.sieve
    incoming = access.receiving.endpoint
    security = Security.NONE if incoming.security is Security.NONE else Security.STARTTLS
    return SieveEndpoint(host=incoming.host, port=USUAL_PORT, security=security, timeout=incoming.timeout)


@contextmanager
def open_sieve(account: Account, access: MailboxAccess, *, trace: Trace | None = None) -> Iterator[SieveSession]:
    """Open a session at the account's ManageSieve server with its incoming login.

    Raises SecretError before anything is contacted, MailError of the stage that fails.
    """
    endpoint = sieve_endpoint(account, access)
    route = access.route_to(endpoint)
    with forgetting_refused(route.login):
        try:
            with open_managesieve(route, Watch(), trace=trace) as session:
                yield session
        except NetworkError as error:
            error.message = f"ManageSieve at {endpoint.host}, port {endpoint.port}: {error.message}"
            error.hint = _way_without(account)
            raise


def _way_without(account: Account) -> str:
    """Return what to do where the server has no ManageSieve: what is to be installed runs from here as well."""
    runs = [f"`mailctl account filter run {account.address}`"] * bool(account.filters)
    runs += [f"`mailctl account vacation run {account.address}`"] * bool(account.vacation and account.vacation.active)
    do = "do" if runs[1:] else "does"
    from_here = [f"where there is none, {' and '.join(runs)} {do} the same from here, by a timer"] * bool(runs)
    elsewhere = f"where another host has it: `mailctl account edit {account.address} --sieve-host HOST`"
    return "; ".join([*from_here, elsewhere])


def install_rules(
    account: Account, access: MailboxAccess, session: SieveSession, *, replace: bool = False, dry_run: bool = False
) -> Installed:
    """Store the account's rules as the script `mailctl`, and make it the active one; without any, remove it.

    `replace`: whether it may take the place of another active script, which stays stored. The server checks the script
    in any case; what it refuses leaves everything as it was, but for the folders that rules name, which are made.
    Raises ConflictError for another active script, CapabilityError for what the server's Sieve lacks, RefusedError,
    NotFoundError for a trash folder that is not there.
    """
    if not account.filters and not (account.vacation and account.vacation.active):
        return remove_rules(session, dry_run=dry_run)
    scripts = session.list_scripts()
    active = next((script.name for script in scripts if script.is_active), None)
    if active not in (None, SCRIPT_NAME) and not replace:
        raise ConflictError(
            f"{account.address} has an active script of its own: '{active}'",
            hint="a server runs one script alone; --replace puts it aside, and it stays stored there",
            details={"account": account.address, "script": active},
        )
    script = compile_sieve(
        account.filters,
        trash=_prepare_folders(account, access, dry_run=dry_run),
        extensions=session.capabilities.extensions,
        vacation=account.vacation,
        own=[parse_address(account.address).with_ascii_domain],
    )
    is_stored = any(script.name == SCRIPT_NAME for script in scripts) and session.get_script(SCRIPT_NAME) == script
    replaced = active if active != SCRIPT_NAME else None
    if is_stored and active == SCRIPT_NAME:
        return Installed(script, changed=False)
    if dry_run:
        return Installed(script, changed=True, replaced=replaced, warnings=session.check_script(script))
    warnings = session.put_script(SCRIPT_NAME, script)
    if active != SCRIPT_NAME:
        session.set_active(SCRIPT_NAME)
    return Installed(script, changed=True, replaced=replaced, warnings=warnings)


def _prepare_folders(account: Account, access: MailboxAccess, *, dry_run: bool) -> str | None:
    """Create the folders that rules file into, and return the trash folder, if they delete.

    A server that makes them on delivery says to nobody why it cannot. What needs no look into the mailbox is done
    without, where that does not answer.
    """
    trash = account.folders.trash
    named, deleting = list_filed_into(account), list_deleting(account)
    if (named or deleting) and access.receiving.endpoint.protocol is IncomingProtocol.IMAP:
        with suppress(NetworkError, TemporaryError), access.open_imap() as opened:
            folders = ImapFolders(opened)
            tree = folders.list()
            trash = find_role(account, tree, FolderRole.TRASH) if deleting else None
            if not dry_run:
                create_folders(folders, tree, named)
    require_trash(account, trash)
    return trash


def remove_rules(session: SieveSession, *, dry_run: bool = False) -> Installed:
    """Delete the script `mailctl`, which is inactive from then on; those of others stay as they are."""
    scripts = session.list_scripts()
    stored = next((script for script in scripts if script.name == SCRIPT_NAME), None)
    if stored and not dry_run:
        if stored.is_active:
            session.set_active(None)
        session.delete_script(SCRIPT_NAME)
    others = [script for script in scripts if script is not stored]
    inactive = () if any(script.is_active for script in others) else tuple(script.name for script in others)
    return Installed(None, changed=stored is not None, inactive=inactive)
