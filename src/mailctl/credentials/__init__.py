"""Secrets: read from wherever a reference points, stored in the keyring or the vault.

resolver.py        `Secrets`: every kind of reference behind one object
port.py            `SecretStore`: what a store that can be written does, and how one is tried out
keyring_choice.py  which backend of the keyring library is trusted
os_keyring.py      calls to that backend, each under a deadline, every failure explained
keyring_store.py   `SecretStore` over it, with long values in parts
vault.py           `SecretStore` in an encrypted file (age)
vault_key.py       what opens the vault: a key file or a passphrase
borrowed.py        env: and file:, which are read and never written
command.py         command:, likewise
deadline.py        calls that may hang
memory.py          no core dumps
"""

from __future__ import annotations

from mailctl.credentials.memory import forbid_core_dumps
from mailctl.credentials.resolver import Secrets, stored_name

__all__ = ["Secrets", "forbid_core_dumps", "stored_name"]
