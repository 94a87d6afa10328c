"""Device flow: the person enters a code in a browser anywhere. RFC 8628."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence

from msgspec import Struct

from mailctl.errors import AuthenticationError, MailError, NetworkError, ProtocolError, TemporaryError
from mailctl.model.secret import Secret
from mailctl.oauth.endpoints import is_safe
from mailctl.oauth.explanations import Act
from mailctl.oauth.reasons import OAuthReason
from mailctl.oauth.refusals import Occasion
from mailctl.oauth.registration import Registration
from mailctl.oauth.tokens import TokenReply
from mailctl.protocol.reasons import Reason
from mailctl.transport.network.limits import Deadline

DEFAULT_INTERVAL_SECONDS = 5.0
"""Between two polls, where the provider does not say; and what `slow_down` adds for good (RFC 8628, 3.2 and 3.5)."""

_INTERVAL_SECONDS_MAX = 60.0
_LIFETIME_SECONDS_MAX = 3600.0
_CALL_SECONDS = 30.0
_DIGITS_MAX = 18


class DevicePrompt(Struct, frozen=True, kw_only=True):
    """What the person is to be told: enter `user_code` at `verification_url`, or open `complete_url`, which has it.

    `expires_at`: Unix time.
    """

    user_code: str
    verification_url: str
    complete_url: str | None
    expires_at: float


class _Device(Struct, frozen=True):
    """What the device endpoint answered; the code stands for the person's consent."""

    code: Secret
    prompt: DevicePrompt
    lifetime_seconds: float
    interval_seconds: float


def authorise_by_device(
    registration: Registration,
    scopes: Sequence[str],
    *,
    tell: Callable[[DevicePrompt], None],
    timeout_seconds: float | None = None,
    wait: Callable[[float], None] = time.sleep,
) -> TokenReply:
    """Return tokens once the person has signed in elsewhere. `timeout_seconds`: less than the code's own life.

    Raises AuthenticationError: `authorisation-expired`, `declined`, or what the provider refused for; and what
    `token_endpoint.fetch_token` raises.
    """
    device = _request_device(registration, scopes)
    deadline = Deadline(min(device.lifetime_seconds, timeout_seconds or _LIFETIME_SECONDS_MAX))
    tell(device.prompt)
    interval = device.interval_seconds
    while True:
        try:
            wait(min(interval, deadline.left_seconds()))
            return _poll(registration, scopes, device, deadline)
        except TimeoutError:
            break
        except (NetworkError, TemporaryError):
            interval = min(2 * interval, _INTERVAL_SECONDS_MAX)  # RFC 8628, 3.5: back off
        except AuthenticationError as error:
            if error.details.get("error") == "slow_down":
                interval += DEFAULT_INTERVAL_SECONDS
            elif error.details.get("error") != "authorization_pending":
                raise
    raise AuthenticationError(
        "nobody entered the code in time",
        reason=OAuthReason.AUTHORISATION_EXPIRED,
        hint="authorise again, and enter the code before it ends",
    )


def _poll(registration: Registration, scopes: Sequence[str], device: _Device, deadline: Deadline) -> TokenReply:
    from oauthlib.oauth2 import DeviceClient  # type: ignore[import-untyped]  # the package has no types

    from mailctl.oauth.token_endpoint import fetch_token

    occasion = Occasion.of(Act.DEVICE, registration.client, scopes)
    return fetch_token(
        registration,
        DeviceClient(registration.client.client_id),
        {"device_code": device.code},
        occasion,
        timeout_seconds=min(_CALL_SECONDS, deadline.left_seconds()),
    )


def _request_device(registration: Registration, scopes: Sequence[str]) -> _Device:
    from mailctl.oauth.token_endpoint import post_form

    occasion = Occasion.of(Act.DEVICE, registration.client, scopes)
    url = registration.client.endpoints.device or ""
    reply = post_form(url, registration, {"scope": " ".join(scopes)}, occasion, timeout_seconds=_CALL_SECONDS)
    if not isinstance(reply, dict):
        raise _malformed()
    code, user_code = reply.get("device_code"), reply.get("user_code")
    verification_url = reply.get("verification_uri") or reply.get("verification_url")
    complete_url = reply.get("verification_uri_complete")
    if not all(isinstance(text, str) and text for text in (code, user_code, verification_url)):
        raise _malformed()
    if not str(user_code).isprintable() or not is_safe(str(verification_url)):
        raise _malformed()
    lifetime = _seconds(reply, "expires_in", 900.0, _LIFETIME_SECONDS_MAX)
    return _Device(
        Secret(str(code)),
        DevicePrompt(
            user_code=str(user_code),
            verification_url=str(verification_url),
            complete_url=complete_url if isinstance(complete_url, str) and is_safe(complete_url) else None,
            expires_at=time.time() + lifetime,
        ),
        lifetime,
        _seconds(reply, "interval", DEFAULT_INTERVAL_SECONDS, _INTERVAL_SECONDS_MAX),
    )


def _seconds(reply: Mapping[str, object], name: str, default: float, most: float) -> float:
    value = reply.get(name, default)
    if isinstance(value, str) and value.isdecimal() and len(value) <= _DIGITS_MAX:
        value = int(value)
    if not isinstance(value, int | float) or not value > 0:
        return default
    return float(min(value, most))


def _malformed() -> MailError:
    return ProtocolError("the answer of the device endpoint lacks what it must hold", reason=Reason.MALFORMED_REPLY)
