"""Sign-in with a browser on this machine: code with PKCE, brought back to a listener on 127.0.0.1. RFC 8252."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

from mailctl.errors import AuthenticationError, MailError
from mailctl.model.secret import Secret
from mailctl.oauth.authorisation import (
    PendingAuthorisation,
    begin_authorisation,
    find_callback,
    loopback_redirect_uri,
    redeem_code,
)
from mailctl.oauth.endpoints import require_safe
from mailctl.oauth.listener import Listener
from mailctl.oauth.pages import RECEIVED_PAGE, STRANGER_PAGE, refused_page
from mailctl.oauth.reasons import OAuthReason
from mailctl.oauth.registration import Registration
from mailctl.oauth.tokens import TokenReply
from mailctl.transport.network.limits import Deadline

SIGN_IN_SECONDS = 300.0
"""How long a person may take, unless it is said otherwise."""


def open_browser(url: str) -> None:
    """Open an https URL, or an http one of a loopback address, in the person's browser; else raise ProtocolError.

    Some browsers keep whoever starts them waiting until they end, so a thread does; nothing tells whether one opened.
    """
    import webbrowser

    require_safe(url)
    threading.Thread(target=webbrowser.open, args=(url,), daemon=True, name="browser").start()


def authorise_in_browser(
    registration: Registration,
    scopes: Sequence[str],
    *,
    username: str | None = None,
    timeout_seconds: float = SIGN_IN_SECONDS,
    show_url: Callable[[str], None] = lambda _: None,
    open_browser: Callable[[str], None] = open_browser,
) -> TokenReply:
    """Return tokens once the person has signed in. `show_url` is told the address before `open_browser` is.

    Raises AuthenticationError: `authorisation-expired`, `declined`, `issuer-mismatch`, or what the provider refused
    for; and what `token_endpoint.fetch_token` raises.
    """
    deadline = Deadline(timeout_seconds)
    client = registration.client
    with Listener(lambda port: loopback_redirect_uri(client, port)) as listener:
        pending = begin_authorisation(client, scopes, listener.redirect_uri, username=username)
        show_url(pending.url)
        open_browser(pending.url)
        code = _wait_for_code(listener, pending, registration, deadline)
    return redeem_code(registration, pending, code)


def _wait_for_code(
    listener: Listener, pending: PendingAuthorisation, registration: Registration, deadline: Deadline
) -> Secret:
    """Return the code from the first request that bears the state; whatever else comes is answered and forgotten."""
    try:
        for visit in listener.visits(deadline):
            callback = find_callback(visit.query)
            if callback is None or not callback.answers(pending):
                visit.answer(STRANGER_PAGE, status=400)
                continue
            try:
                code = callback.get_code(pending, registration.client)
            except MailError as error:
                visit.answer(refused_page(error))
                raise
            visit.answer(RECEIVED_PAGE)
            return code
    except TimeoutError:
        pass
    raise AuthenticationError(
        "nobody signed in in time",
        reason=OAuthReason.AUTHORISATION_EXPIRED,
        hint="authorise again; without a browser on this machine, take --flow paste or device",
    )
