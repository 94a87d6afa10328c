"""The certificate authorities that this machine trusts, as connections will find them."""

from __future__ import annotations

import os
import ssl
from pathlib import Path

from msgspec import Struct

from mailctl.model.server import TlsOptions
from mailctl.transport.network.tls import build_context


class Authorities(Struct, frozen=True):
    """`count`: of those that are loaded at once. `file`, `folder`: where they come from; None where that is not there.

    Those of a folder are loaded when a certificate asks for them, and not counted; on Windows and macOS they come from
    the system's own store. `named_by`: the variables of the environment that name other places than the system's.
    """

    count: int
    file: str | None
    folder: str | None
    named_by: tuple[str, ...]


def find_authorities() -> Authorities:
    """Look at the authorities that a connection without a CA file of its own trusts."""
    paths = ssl.get_default_verify_paths()
    count = build_context(TlsOptions()).cert_store_stats()["x509_ca"]
    named = tuple(name for name in (paths.openssl_cafile_env, paths.openssl_capath_env) if os.environ.get(name))
    folder = paths.capath if paths.capath and _holds_files(Path(paths.capath)) else None
    return Authorities(count=count, file=paths.cafile, folder=folder, named_by=named)


def tls_library() -> tuple[str, tuple[int, ...], bool]:
    """Return the TLS library's name and version, its version as numbers, and whether it can speak TLS 1.3."""
    return ssl.OPENSSL_VERSION, ssl.OPENSSL_VERSION_INFO, ssl.HAS_TLSv1_3


def _holds_files(folder: Path) -> bool:
    try:
        return next(folder.iterdir(), None) is not None
    except OSError:
        return False
