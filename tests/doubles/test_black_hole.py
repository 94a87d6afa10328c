"""Nobody answers at a black hole."""

from __future__ import annotations

import socket
from contextlib import ExitStack

import pytest
from tests.doubles.black_hole import open_black_hole


@pytest.mark.parametrize("address", ["127.0.0.1", "127.0.0.2", "::1"])
def test_connecting_neither_succeeds_nor_fails(address):
    with ExitStack() as stack:
        try:
            port = stack.enter_context(open_black_hole(address))
        except OSError as error:
            pytest.skip(f"no black hole on this machine: {error}")
        for _ in range(2):
            with pytest.raises(TimeoutError):
                socket.create_connection((address, port), timeout=0.1)
