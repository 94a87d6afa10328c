"""Which method `auto` takes."""

from __future__ import annotations

from itertools import combinations

import pytest

from mailctl.protocol.sasl import CLEARTEXT, choose_method

PASSWORD_ORDER = ["SCRAM-SHA-256", "SCRAM-SHA-1", "DIGEST-MD5", "CRAM-MD5", "PLAIN", "LOGIN", "LOGIN-COMMAND"]
EVERYTHING = [*PASSWORD_ORDER, "XOAUTH2", "OAUTHBEARER", "EXTERNAL", "GSSAPI", "ANONYMOUS", "SCRAM-SHA-512"]


def test_the_strongest_offered_is_taken_whatever_the_order() -> None:
    for stronger, weaker in combinations(PASSWORD_ORDER, 2):
        for offered in ([stronger, weaker], [weaker, stronger]):
            assert choose_method(offered, secure=True, password=True) == stronger.lower()


def test_names_are_compared_in_any_case() -> None:
    assert choose_method(["cram-MD5"], secure=False, password=True) == "cram-md5"


@pytest.mark.parametrize("login", [{"password": True}, {"token": True}])
def test_no_cleartext_method_is_taken_on_an_unprotected_line(login: dict[str, bool]) -> None:
    assert choose_method([name.upper() for name in CLEARTEXT], secure=False, **login) is None


def test_a_token_goes_by_token_methods_alone() -> None:
    assert choose_method(EVERYTHING, secure=True, token=True) == "oauthbearer"
    assert choose_method(["XOAUTH2", "PLAIN"], secure=True, token=True) == "xoauth2"
    assert choose_method(PASSWORD_ORDER, secure=True, token=True) is None


def test_a_password_never_goes_by_a_token_method() -> None:
    assert choose_method(["XOAUTH2", "OAUTHBEARER"], secure=True, password=True) is None


def test_a_certificate_logs_in_only_where_there_is_nothing_else() -> None:
    assert choose_method(EVERYTHING, secure=True, certificate=True) == "external"
    assert choose_method(EVERYTHING, secure=True, certificate=True, password=True) == "scram-sha-256"
    assert choose_method(["EXTERNAL"], secure=True, certificate=True, password=True) is None
    assert choose_method(["EXTERNAL"], secure=True) is None


def test_nothing_that_fits_is_none() -> None:
    assert choose_method([], secure=True, password=True) is None
    assert choose_method(["GSSAPI", "NTLM"], secure=True, password=True) is None
