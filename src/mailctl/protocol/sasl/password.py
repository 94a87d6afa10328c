"""PLAIN, LOGIN and EXTERNAL: nothing is computed, the line or its certificate has to protect the login."""

from __future__ import annotations

from mailctl.protocol.envelope import check_command_text
from mailctl.protocol.sasl.mechanism import Exchange, Login, Mechanism, SecretMechanism


class Plain(SecretMechanism):
    """PLAIN (RFC 4616), without an authorisation identity. UTF-8 as it is: preparing it is the server's task."""

    name = "PLAIN"

    def initial(self) -> bytes:
        return self._keep(b"\0" + self._username + b"\0" + self._secret)


class LoginMechanism(SecretMechanism):
    """LOGIN (draft-murchison-sasl-login-00): user name, then password, whatever the server's prompts say."""

    name = "LOGIN"

    def __init__(self, login: Login, exchange: Exchange) -> None:
        super().__init__(login, exchange)
        self._answers = [self._secret, self._username]

    def respond(self, challenge: bytes) -> bytes:  # noqa: ARG002 - prompts differ, their order does not
        if not self._answers:
            raise self._refuse("was not expected: user name and password have been said")
        answer = self._answers.pop()
        return answer if self._answers else self._keep(answer)


class External(Mechanism):
    """EXTERNAL (RFC 4422, appendix A): the client certificate says who we are.

    The user name, where one is set, is sent as the authorisation identity; a server may insist on having none.
    """

    name = "EXTERNAL"

    def __init__(self, login: Login, exchange: Exchange) -> None:  # noqa: ARG002 - all mechanisms are made alike
        check_command_text("user name", login.username)
        self._identity = login.username.encode()

    def initial(self) -> bytes:
        return self._identity
