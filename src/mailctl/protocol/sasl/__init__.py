"""SASL (RFC 4422) without sockets: each mechanism turns challenges into responses.

`open_mechanism` makes the mechanism that a setting names; the caller carries its bytes in the protocol's own base64
lines. `choose_method` says which one `auto` takes. A mechanism that is configured is never exchanged for another.
"""

from __future__ import annotations

from mailctl.protocol.sasl.choice import CLEARTEXT, choose_method
from mailctl.protocol.sasl.mechanism import Login, Mechanism, open_mechanism

__all__ = ["CLEARTEXT", "Login", "Mechanism", "choose_method", "open_mechanism"]
