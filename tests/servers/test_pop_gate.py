"""POP before SMTP: the gate is closed, a POP3 login opens it, and nothing else does."""

from __future__ import annotations

import poplib
import smtplib

import pytest
from tests.servers.certificates import CertificateAuthority
from tests.servers.dovecot import Dovecot
from tests.servers.people import ALICE
from tests.servers.pop_gate import PopGate
from tests.servers.postfix import Postfix


def try_to_relay(server: Postfix) -> int:
    with smtplib.SMTP("localhost", server.smtp_port) as client:
        client.ehlo()
        assert not client.has_extn("auth")
        client.mail(ALICE.address)
        return client.rcpt("somebody@elsewhere.test")[0]


@pytest.mark.real("postfix")
def test_only_a_pop3_login_opens_the_gate(ca: CertificateAuthority) -> None:
    with (
        PopGate() as gate,
        Dovecot(ca=ca, extra=gate.dovecot_settings) as dovecot,
        Postfix(dovecot=dovecot, extra=gate.postfix_settings) as postfix,
    ):
        dovecot.add_user(ALICE.address, ALICE.password)
        assert try_to_relay(postfix) == 554

        refused = poplib.POP3("localhost", dovecot.pop3_port)
        refused.user(ALICE.address)
        with pytest.raises(poplib.error_proto):
            refused.pass_("wrong")
        refused.close()
        assert try_to_relay(postfix) == 554

        accepted = poplib.POP3("localhost", dovecot.pop3_port)
        accepted.apop(ALICE.address, ALICE.password)
        accepted.quit()
        assert try_to_relay(postfix) == 250

        gate.close()
        assert try_to_relay(postfix) == 554
