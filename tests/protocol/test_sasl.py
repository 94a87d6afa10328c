"""SASL mechanisms against the examples of their RFCs, and against servers that do not keep to them."""

from __future__ import annotations

import hashlib
import hmac
import re
from base64 import b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailctl.errors import InvalidValueError, ProtocolError
from mailctl.model.secret import Secret
from mailctl.model.server import IncomingAuth, SmtpAuth
from mailctl.protocol.sasl import Login, Mechanism, open_mechanism
from mailctl.protocol.sasl.digest import DigestMd5
from mailctl.protocol.sasl.mechanism import Exchange
from mailctl.protocol.sasl.scram import ROUNDS_MAX, ScramSha1, ScramSha256

TIM = Login("tim", Secret("tanstaaftanstaaf"))
PENCIL = Login("user", Secret("pencil"))
IMAP = Exchange("elwood.innosoft.com", 143, "imap")
PASSWORD_METHODS = ["plain", "login", "cram-md5", "digest-md5", "scram-sha-1", "scram-sha-256"]
TOKEN_METHODS = ["xoauth2", "oauthbearer"]


def opened(method: str, login: Login = TIM) -> Mechanism:
    return open_mechanism(method, login, host="server.example.com", port=143, service="imap")


def refused(mechanism: Mechanism, challenge: bytes) -> ProtocolError:
    with pytest.raises(ProtocolError) as caught:
        mechanism.respond(challenge)
    return caught.value


@pytest.mark.parametrize(
    "method", sorted({*SmtpAuth, *IncomingAuth} - {"none", "auto", "login-command"}), ids=lambda method: method
)
def test_every_method_of_the_settings_has_its_mechanism(method: str) -> None:
    assert opened(method).name == method.upper()


class TestPlain:
    def test_example_of_rfc_4616(self) -> None:
        mechanism = opened("plain")
        assert mechanism.initial() == b"\0tim\0tanstaaftanstaaf"
        mechanism.verify()

    def test_utf8_is_sent_as_it_is(self) -> None:
        login = Login("山田", Secret("pa\u0308ss ﬁ🔑"))
        assert opened("plain", login).initial() == b"\0" + "山田".encode() + b"\0" + "pa\u0308ss ﬁ🔑".encode()

    def test_a_challenge_after_everything_was_said_is_refused(self) -> None:
        assert refused(opened("plain"), b"more?").reason == "sasl-challenge"


class TestLogin:
    def test_says_user_name_then_password_whatever_the_prompts(self) -> None:
        mechanism = opened("login")
        assert mechanism.initial() is None
        assert [mechanism.respond(b"Benutzer?"), mechanism.respond(b"")] == [b"tim", b"tanstaaftanstaaf"]

    def test_a_third_prompt_is_refused(self) -> None:
        mechanism = opened("login")
        mechanism.respond(b"User Name\0")
        mechanism.respond(b"Password\0")
        assert refused(mechanism, b"Password\0").reason == "sasl-challenge"


class TestExternal:
    def test_sends_the_user_name_as_the_identity_and_needs_no_secret(self) -> None:
        assert opened("external", Login("fred@example.com")).initial() == b"fred@example.com"

    def test_no_user_name_is_an_empty_response(self) -> None:
        assert opened("external", Login("")).initial() == b""


class TestCramMd5:
    CHALLENGE = b"<1896.697170952@postoffice.reston.mci.net>"

    def test_example_of_rfc_2195(self) -> None:
        mechanism = opened("cram-md5")
        assert mechanism.initial() is None
        assert mechanism.respond(self.CHALLENGE) == b"tim b913a602c7eda7a495b4e6e7334d3890"

    @pytest.mark.parametrize("challenges", [[b""], [CHALLENGE, CHALLENGE]], ids=["empty", "second"])
    def test_what_is_no_single_challenge_is_refused(self, challenges: list[bytes]) -> None:
        mechanism = opened("cram-md5")
        for challenge in challenges[:-1]:
            mechanism.respond(challenge)
        assert refused(mechanism, challenges[-1]).reason == "sasl-challenge"


class TestDigestMd5:
    CHRIS = Login("chris", Secret("secret"))
    CHALLENGE = b'realm="elwood.innosoft.com",nonce="OA6MG9tEQGm2hh",qop="auth",algorithm=md5-sess,charset=utf-8'
    PROOF = b"rspauth=ea40f60335c427b5527b84dbabcdfffd"

    def mechanism(self, login: Login = CHRIS) -> DigestMd5:
        return DigestMd5(login, IMAP, cnonce=b"OA6MHXh6VqTrRk")

    def test_example_of_rfc_2831(self) -> None:
        mechanism = self.mechanism()
        assert mechanism.initial() is None
        assert mechanism.respond(self.CHALLENGE) == (
            b'charset=utf-8,username="chris",realm="elwood.innosoft.com",nonce="OA6MG9tEQGm2hh",nc=00000001,'
            b'cnonce="OA6MHXh6VqTrRk",digest-uri="imap/elwood.innosoft.com",'
            b"response=d388dad90d4bbd760a152321f2143af7,qop=auth"
        )
        assert mechanism.respond(self.PROOF) == b""
        mechanism.verify()

    def test_second_example_of_rfc_2831(self) -> None:
        acap = Exchange("elwood.innosoft.com", 674, "acap")
        mechanism = DigestMd5(self.CHRIS, acap, cnonce=b"OA9BSuZWMSpW8m")
        response = mechanism.respond(
            b'realm="elwood.innosoft.com",nonce="OA9BSXrbuRhWay",qop="auth",algorithm=md5-sess,charset=utf-8'
        )
        assert b"response=6084c6db3fede7352c551284490fd0fc," in response
        assert mechanism.respond(b"rspauth=2f0b3d7c3c2e486600ef710726aa2eae") == b""

    def test_a_quoted_algorithm_as_dovecot_sends_it_is_understood(self) -> None:
        challenge = b'realm="",nonce="BBFd2wtBAjVxUcnIxExGqQ==",qop="auth",charset="utf-8",algorithm="md5-sess"'
        assert b'realm="",nonce="BBFd2wtBAjVxUcnIxExGqQ=="' in self.mechanism().respond(challenge)

    def test_without_a_realm_none_is_sent(self) -> None:
        assert b"realm" not in self.mechanism().respond(b'nonce="abc",algorithm=md5-sess')

    def test_the_first_of_several_realms_is_taken(self) -> None:
        response = self.mechanism().respond(b'realm="one",realm="two",nonce="abc",algorithm=md5-sess')
        assert b'realm="one"' in response
        assert b"two" not in response

    def test_quotes_and_backslashes_are_quoted(self) -> None:
        response = self.mechanism(Login('a"b\\c', Secret("secret"))).respond(
            rb'nonce="x\"y",algorithm=md5-sess,charset=utf-8'
        )
        assert rb'username="a\"b\\c"' in response
        assert rb'nonce="x\"y"' in response

    def test_without_a_charset_names_go_in_latin_1(self) -> None:
        response = self.mechanism(Login("müller", Secret("secret"))).respond(b'nonce="abc",algorithm=md5-sess')
        assert 'username="müller"'.encode("latin-1") in response

    def test_without_a_charset_other_characters_are_refused(self) -> None:
        login = Login("山田", Secret("secret"))
        assert refused(self.mechanism(login), b'nonce="abc",algorithm=md5-sess').reason == "sasl-challenge"

    @pytest.mark.parametrize(
        "challenge",
        [
            b"",
            b"nonce",
            b'nonce="abc',
            b'nonce="abc";algorithm=md5-sess',
            b"algorithm=md5-sess",
            b'nonce="",algorithm=md5-sess',
            b'nonce="abc"',
            b'nonce="abc",algorithm=md5',
            b'nonce="abc",nonce="def",algorithm=md5-sess',
            b'nonce="abc",algorithm=md5-sess,qop="auth-conf"',
            b'nonce="abc",algorithm=md5-sess,charset=utf-16',
            b'nonce="abc",algorithm=md5-sess,x="' + b"y" * 2048 + b'"',
        ],
    )
    def test_a_challenge_that_is_none_is_refused(self, challenge: bytes) -> None:
        assert refused(self.mechanism(), challenge).reason == "sasl-challenge"

    @pytest.mark.parametrize("proof", [b"rspauth=00000000000000000000000000000000", b"stale=true", b'rspauth=""'])
    def test_a_server_without_the_password_is_found_out(self, proof: bytes) -> None:
        mechanism = self.mechanism()
        mechanism.respond(self.CHALLENGE)
        assert refused(mechanism, proof).reason == "sasl-server-unverified"

    def test_success_without_proof_is_refused(self) -> None:
        mechanism = self.mechanism()
        mechanism.respond(self.CHALLENGE)
        with pytest.raises(ProtocolError, match="did not prove") as caught:
            mechanism.verify()
        assert caught.value.reason == "sasl-server-unverified"

    @given(st.binary(max_size=300))
    def test_any_challenge_ends_in_an_answer_or_a_clean_refusal(self, challenge: bytes) -> None:
        mechanism = self.mechanism()
        try:
            mechanism.respond(challenge)
        except ProtocolError as error:
            assert error.reason == "sasl-challenge"  # noqa: PT017 - either outcome is right


SERVER_FIRST_SHA1 = b"r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096"


class TestScram:
    def sha1(self, login: Login = PENCIL) -> ScramSha1:
        return ScramSha1(login, IMAP, nonce=b"fyko+d2lbbFgONRv9qkxdawL")

    def test_example_of_rfc_5802(self) -> None:
        mechanism = self.sha1()
        assert mechanism.initial() == b"n,,n=user,r=fyko+d2lbbFgONRv9qkxdawL"
        assert mechanism.respond(SERVER_FIRST_SHA1) == (
            b"c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts="
        )
        assert mechanism.respond(b"v=rmF9pqV8S7suAoZWja4dJRkFsKQ=") == b""
        mechanism.verify()

    def test_example_of_rfc_7677(self) -> None:
        mechanism = ScramSha256(PENCIL, IMAP, nonce=b"rOprNGfwEbeRWgbNEkqO")
        assert mechanism.initial() == b"n,,n=user,r=rOprNGfwEbeRWgbNEkqO"
        assert mechanism.respond(
            b"r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"
        ) == (
            b"c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
            b"p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
        )
        assert mechanism.respond(b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=") == b""
        mechanism.verify()

    def test_each_exchange_has_a_nonce_of_its_own(self) -> None:
        nonces = {opened("scram-sha-256", PENCIL).initial() for _ in range(20)}
        assert len(nonces) == 20
        assert all(re.fullmatch(rb"n,,n=user,r=[A-Za-z0-9+/]{32}", nonce or b"") for nonce in nonces)

    def test_commas_and_equal_signs_in_the_user_name_are_escaped(self) -> None:
        initial = self.sha1(Login("a=b,c", Secret("pencil"))).initial()
        assert initial.startswith(b"n,,n=a=3Db=2Cc,r=")

    @pytest.mark.parametrize(
        ("password", "prepared"),
        [
            ("I\u00adX", "IX"),
            ("\u2168", "IX"),
            ("\u00aa", "a"),
            ("a\u3000b", "a b"),
            ("tab\x07", "tab\x07"),  # prohibited, so nobody can have stored it prepared
            ("🔑", "🔑"),  # unassigned in Unicode 3.2
            ("\u0627\u0031", "\u0627\u0031"),  # ends on a digit, which the rule on directions prohibits
        ],
    )
    def test_passwords_are_prepared_where_saslprep_allows_them(self, password: str, prepared: str) -> None:
        assert self.sha1(Login("user", Secret(password))).respond(SERVER_FIRST_SHA1) == self.proof(prepared)

    @staticmethod
    def proof(password: str) -> bytes:
        """The client's final message as RFC 5802, 3 defines it."""
        salted = hashlib.pbkdf2_hmac("sha1", password.encode(), b"A%\xc2G\xe4:\xb1\xe9<m\xffv", 4096)
        client_key = hmac.digest(salted, b"Client Key", "sha1")
        without_proof = b"c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j"
        message = b"n=user,r=fyko+d2lbbFgONRv9qkxdawL," + SERVER_FIRST_SHA1 + b"," + without_proof
        signature = hmac.digest(hashlib.sha1(client_key).digest(), message, "sha1")
        return without_proof + b",p=" + b64encode(bytes(a ^ b for a, b in zip(client_key, signature, strict=True)))

    @pytest.mark.parametrize(
        "challenge",
        [
            b"",
            b"e=unknown-user",
            b"s=QSXCR+Q6sek8bf92,r=fyko+d2lbbFgONRv9qkxdawL3,i=4096",
            b"r=fyko+d2lbbFgONRv9qkxdawL3,s=QSXCR+Q6sek8bf92",
            b"m=future,r=fyko+d2lbbFgONRv9qkxdawL3,s=QSXCR+Q6sek8bf92,i=4096",
            b"r=fyko+d2lbbFgONRv9qkxdawL3,s=QSXC*,i=4096",
            b"r=fyko+d2lbbFgONRv9qkxdawL3,s=,i=4096",
        ],
    )
    def test_a_challenge_that_is_none_is_refused(self, challenge: bytes) -> None:
        assert refused(self.sha1(), challenge).reason == "sasl-challenge"

    @pytest.mark.parametrize("nonce", [b"fyko+d2lbbFgONRv9qkxdawL", b"fyko+d2lbbFgONRv9qkxdaw", b"other", b""])
    def test_a_nonce_that_does_not_extend_ours_is_refused(self, nonce: bytes) -> None:
        error = refused(self.sha1(), b"r=" + nonce + b",s=QSXCR+Q6sek8bf92,i=4096")
        assert "nonce" in error.message

    @pytest.mark.parametrize(
        "rounds",
        [b"1000000000", b"1" + b"0" * 30, str(ROUNDS_MAX + 1).encode(), b"4095", b"1", b"0", b"-1", b"4_096", b""],
    )
    def test_too_many_too_few_or_malformed_rounds_are_refused(self, rounds: bytes) -> None:
        error = refused(self.sha1(), b"r=fyko+d2lbbFgONRv9qkxdawL3,s=QSXCR+Q6sek8bf92,i=" + rounds)
        assert error.reason == "sasl-challenge"
        assert "rounds" in error.message

    def test_extensions_after_the_rounds_are_ignored(self) -> None:
        assert self.sha1().respond(SERVER_FIRST_SHA1 + b",x=later").startswith(b"c=biws,")

    @pytest.mark.parametrize("final", [b"v=AAAAAAAAAAAAAAAAAAAAAAAAAAA=", b"v=", b"", b"x"])
    def test_a_server_without_the_password_is_found_out(self, final: bytes) -> None:
        mechanism = self.sha1()
        mechanism.respond(SERVER_FIRST_SHA1)
        assert refused(mechanism, final).reason == "sasl-server-unverified"

    def test_an_error_in_the_servers_last_message_is_kept_and_is_no_success(self) -> None:
        mechanism = self.sha1()
        mechanism.respond(SERVER_FIRST_SHA1)
        assert mechanism.respond(b"e=invalid-proof") == b""
        assert mechanism.challenge_error == b"invalid-proof"
        with pytest.raises(ProtocolError, match="did not prove"):
            mechanism.verify()

    @pytest.mark.parametrize("challenges", [[], [SERVER_FIRST_SHA1]], ids=["at once", "after the proof"])
    def test_success_without_the_servers_signature_is_refused(self, challenges: list[bytes]) -> None:
        mechanism = self.sha1()
        for challenge in challenges:
            mechanism.respond(challenge)
        with pytest.raises(ProtocolError) as caught:
            mechanism.verify()
        assert caught.value.reason == "sasl-server-unverified"

    def test_a_channel_binding_makes_it_the_plus_form(self) -> None:
        mechanism = open_mechanism(
            "scram-sha-256", PENCIL, host="h", port=1, service="imap", channel_binding=("tls-exporter", b"\x01\x02")
        )
        initial = mechanism.initial() or b""
        assert mechanism.name == "SCRAM-SHA-256-PLUS"
        assert initial.startswith(b"p=tls-exporter,,n=user,r=")
        nonce = initial.partition(b"r=")[2]
        final = mechanism.respond(b"r=" + nonce + b"x,s=QSXCR+Q6sek8bf92,i=4096")
        assert final.startswith(b"c=" + b64encode(b"p=tls-exporter,,\x01\x02") + b",r=" + nonce + b"x,p=")

    @given(st.binary(max_size=200))
    def test_any_first_message_ends_in_a_clean_refusal(self, challenge: bytes) -> None:
        assert refused(self.sha1(), challenge).reason == "sasl-challenge"


class TestTokens:
    TOKEN = Secret("vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==")

    def test_example_of_rfc_7628(self) -> None:
        assert opened("oauthbearer", Login("user@example.com", self.TOKEN)).initial() == (
            b"n,a=user@example.com,\x01host=server.example.com\x01port=143\x01"
            b"auth=Bearer vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==\x01\x01"
        )

    def test_example_of_google(self) -> None:
        login = Login("someuser@example.com", Secret("ya29.vF9dft4qmTc2Nvb3RlckBhdHRhdmlzdGEuY29tCg"))
        assert b64encode(opened("xoauth2", login).initial() or b"") == (
            b"dXNlcj1zb21ldXNlckBleGFtcGxlLmNvbQFhdXRoPUJlYXJlciB5YTI5LnZGOWRmdDRxbVRjMk52YjNSbGNrQmhkSFJoZG1sem"
            b"RHRXVZMjl0Q2cBAQ=="
        )

    @pytest.mark.parametrize(("method", "answer"), [("xoauth2", b""), ("oauthbearer", b"\x01")])
    def test_the_error_challenge_is_kept_and_acknowledged(self, method: str, answer: bytes) -> None:
        mechanism = opened(method, Login("u@example.com", self.TOKEN))
        error = b'{"status":"invalid_token","schemes":"bearer","scope":"https://mail.google.com/"}'
        assert mechanism.challenge_error is None
        assert mechanism.respond(error) == answer
        assert mechanism.challenge_error == error
        assert refused(mechanism, error).reason == "sasl-challenge"

    @pytest.mark.parametrize("method", TOKEN_METHODS)
    def test_success_after_an_error_is_not_believed(self, method: str) -> None:
        mechanism = opened(method, Login("u@example.com", self.TOKEN))
        mechanism.respond(b"{}")
        with pytest.raises(ProtocolError):
            mechanism.verify()

    @pytest.mark.parametrize("method", TOKEN_METHODS)
    def test_the_separator_of_fields_is_refused_in_user_and_token(self, method: str) -> None:
        for login in (Login("u\x01auth=Bearer x", self.TOKEN), Login("u", Secret("t\x01host=evil"))):
            with pytest.raises(InvalidValueError, match=r"\^A"):
                opened(method, login)

    def test_the_user_name_is_escaped_in_the_gs2_header(self) -> None:
        initial = opened("oauthbearer", Login("a=b,c", self.TOKEN)).initial() or b""
        assert initial.startswith(b"n,a=a=3Db=2Cc,\x01")


@pytest.mark.parametrize("character", ["\r", "\n", "\0", "\udc80"])
@pytest.mark.parametrize("method", PASSWORD_METHODS + TOKEN_METHODS)
def test_what_would_end_a_command_is_refused_and_the_secret_not_quoted(method: str, character: str) -> None:
    with pytest.raises(InvalidValueError) as caught:
        opened(method, Login("tim", Secret(f"hunter{character}two")))
    assert "hunter" not in str(caught.value)
    with pytest.raises(InvalidValueError, match="user name"):
        opened(method, Login(f"tim{character}", Secret("x")))


@pytest.mark.parametrize("method", PASSWORD_METHODS + TOKEN_METHODS)
def test_a_missing_secret_is_named(method: str) -> None:
    with pytest.raises(InvalidValueError, match=r"password|access token"):
        opened(method, Login("tim"))


def test_what_was_computed_from_the_secret_is_known_as_derived() -> None:
    cram = opened("cram-md5")
    assert cram.derived == ()
    cram.respond(TestCramMd5.CHALLENGE)
    assert b"b913a602c7eda7a495b4e6e7334d3890" in cram.derived
    scram = ScramSha1(PENCIL, IMAP, nonce=b"fyko+d2lbbFgONRv9qkxdawL")
    scram.respond(SERVER_FIRST_SHA1)
    assert b"v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=" in scram.derived
    plain = opened("plain")
    assert plain.initial() in plain.derived


def test_no_representation_shows_the_secret() -> None:
    for method in PASSWORD_METHODS:
        assert "tanstaaf" not in repr(vars(opened(method)).get("_login"))
