"""Cases 79-82, 87 and 91: slow, endless, over-long and malformed input, and servers that never read."""

from __future__ import annotations

from tests.doubles.imap import ImapServer
from tests.doubles.pop3 import MESSAGE, Pop3Server
from tests.doubles.smtp import EHLO, SmtpServer
from tests.doubles.steps import Close, Drip, Endless, NeverRead, Stall
from tests.hostile.case import IMPATIENT_SECONDS, MORE_THAN_BUFFERS_HOLD, Case

from mailctl.errors import MailError, NetworkError, ProtocolError, TLSError
from mailctl.model.report import Stage

DRIP_SECONDS = 0.1
"""Well below the client's time-out: each read succeeds in time, the reply does not."""

SLOW = (
    *(
        Case(
            number=79,
            name="greeting_drips",
            server=server,
            error=NetworkError,
            stage=Stage.GREETING,
            timeout_seconds=IMPATIENT_SECONDS,
        )
        for server in (
            SmtpServer(greeting=Drip(b"220 mail.example ESMTP ready\r\n", DRIP_SECONDS)),
            Pop3Server(greeting=Drip(b"+OK mail.example POP3 ready\r\n", DRIP_SECONDS)),
            ImapServer(greeting=Drip(b"* OK mail.example IMAP ready\r\n", DRIP_SECONDS)),
        )
    ),
    Case(
        number=79,
        name="reply_drips",
        server=SmtpServer(security="tls", ehlo=Drip(EHLO, DRIP_SECONDS)),
        error=NetworkError,
        stage=Stage.CAPABILITIES,
        timeout_seconds=IMPATIENT_SECONDS,
    ),
    Case(
        number=79,
        name="reply_drips_line_by_line",
        server=SmtpServer(security="tls", ehlo=Endless(b"250-ONE-MORE\r\n", DRIP_SECONDS)),
        error=NetworkError,
        stage=Stage.CAPABILITIES,
        timeout_seconds=IMPATIENT_SECONDS,
    ),
    Case(
        number=79,
        name="message_drips",
        server=Pop3Server(security="tls", top=(b"+OK\r\n", Drip(MESSAGE * 10, DRIP_SECONDS))),
        error=NetworkError,
        stage=Stage.MAILBOX,
        until=Stage.MAILBOX,
        timeout_seconds=IMPATIENT_SECONDS,
        login_sent=True,
    ),
    Case(
        number=79,
        name="literal_drips",
        server=ImapServer(security="tls", list=(b'* LIST () "/" {500}\r\n', Drip(b"x" * 500, DRIP_SECONDS))),
        error=NetworkError,
        stage=Stage.MAILBOX,
        until=Stage.MAILBOX,
        timeout_seconds=IMPATIENT_SECONDS,
        login_sent=True,
    ),
    Case(
        number=79,
        name="untagged_lines_drip",
        server=ImapServer(security="tls", capability=Endless(b"* OK still at it\r\n", DRIP_SECONDS)),
        error=NetworkError,
        stage=Stage.CAPABILITIES,
        timeout_seconds=IMPATIENT_SECONDS,
    ),
    *(
        Case(
            number=79,
            name="silence_for_a_greeting",
            server=kind(greeting=Stall()),
            error=NetworkError,
            stage=Stage.GREETING,
            timeout_seconds=IMPATIENT_SECONDS,
        )
        for kind in (SmtpServer, Pop3Server, ImapServer)
    ),
)

ENDLESS = tuple(
    Case(
        number=80,
        name=f"endless_{name}",
        server=server,
        error=ProtocolError,
        stage=stage,
        until=until,
        # The limit is to come first, however slow the machine.
        timeout_seconds=120,
        login_sent=stage is Stage.MAILBOX,
    )
    for name, server, stage, until in (
        ("greeting", SmtpServer(greeting=Endless(b"220-and\r\n")), Stage.GREETING, Stage.AUTH),
        ("ehlo", SmtpServer(security="tls", ehlo=Endless(b"250-X\r\n")), Stage.CAPABILITIES, Stage.AUTH),
        ("capa", Pop3Server(security="tls", capa=(b"+OK\r\n", Endless(b"X\r\n"))), Stage.CAPABILITIES, Stage.AUTH),
        ("uidl", Pop3Server(security="tls", uidl=(b"+OK\r\n", Endless(b"1 A\r\n"))), Stage.MAILBOX, Stage.MAILBOX),
        ("top", Pop3Server(security="tls", top=(b"+OK\r\n", Endless(b"X: y\r\n"))), Stage.MAILBOX, Stage.MAILBOX),
        (
            "untagged_lines",
            ImapServer(security="tls", capability=Endless(b"* OK and\r\n")),
            Stage.CAPABILITIES,
            Stage.AUTH,
        ),
        ("list", ImapServer(security="tls", list=Endless(b'* LIST () "/" x\r\n')), Stage.MAILBOX, Stage.MAILBOX),
    )
)

OVER_LONG = tuple(
    Case(number=81, name=f"over_long_{name}", server=server, error=ProtocolError, stage=stage)
    for name, server, stage in (
        ("greeting", SmtpServer(greeting=(b"220 ", Endless(b"x"))), Stage.GREETING),
        ("greeting", Pop3Server(greeting=(b"+OK ", Endless(b"x"))), Stage.GREETING),
        ("greeting", ImapServer(greeting=(b"* OK ", Endless(b"x"))), Stage.GREETING),
        ("reply", SmtpServer(security="tls", ehlo=(b"250-SIZE ", Endless(b"1"))), Stage.CAPABILITIES),
        ("reply", Pop3Server(security="tls", capa=(b"+OK\r\n", Endless(b"X"))), Stage.CAPABILITIES),
        ("reply", ImapServer(security="tls", capability=(b"* CAPABILITY ", Endless(b"X"))), Stage.CAPABILITIES),
        ("verdict", SmtpServer(security="tls", greeting=(b"220-ok\r\n220 ", Endless(b"\x00"))), Stage.GREETING),
    )
)

LITERALS = tuple(
    Case(
        number=82,
        name=f"literal_{name}",
        server=ImapServer(security="tls", list=(b'* LIST () "/" {%s}\r\n' % size, then)),
        error=error,
        stage=Stage.MAILBOX,
        until=Stage.MAILBOX,
        login_sent=True,
    )
    for name, size, then, error in (
        ("of_3_gb", b"3000000000", Endless(b"x"), ProtocolError),
        ("of_10_to_the_30", b"1" + b"0" * 30, Endless(b"x"), ProtocolError),
        ("negative", b"-1", b"\r\n<tag> OK done\r\n", ProtocolError),
        ("short", b"10", (b"abc", Close()), NetworkError),
        ("shorter_than_said", b"3", b"abcdef\r\n<tag> OK done\r\n", MailError),
    )
)

REPLY_CODES = (
    *(
        Case(
            number=87,
            name=f"greeting_{name}",
            server=SmtpServer(greeting=greeting),
            error=ProtocolError,
            stage=Stage.GREETING,
        )
        for name, greeting in (
            ("with_underscore", b"2_0 ready\r\n"),
            ("with_plus", b"+20 ready\r\n"),
            ("with_minus", b"-22 ready\r\n"),
            ("with_two_digits", b"22 ready\r\n"),
            ("with_other_digits", "２２０ ready\r\n".encode()),
            ("with_codes_that_differ", b"220-ready\r\n221 or not\r\n"),
            ("empty", b"\r\n"),
        )
    ),
    Case(
        number=87,
        name="greeting_unterminated",
        server=SmtpServer(greeting=(b"220 ready", Close())),
        error=(ProtocolError, NetworkError),
        stage=Stage.GREETING,
    ),
    *(
        Case(
            number=87,
            name=f"ehlo_{name}",
            server=SmtpServer(security="tls", ehlo=reply),
            error=ProtocolError,
            stage=Stage.CAPABILITIES,
        )
        for name, reply in (("with_underscore", b"250-mail\r\n2_0 SIZE\r\n"), ("with_plus", b"+50 mail\r\n"))
    ),
)

NEVER_READS = (
    Case(
        number=91,
        name="never_reads_the_message",
        server=SmtpServer(security="tls", data=(b"354 go on\r\n", NeverRead())),
        error=NetworkError,
        stage=Stage.MESSAGE,
        until=Stage.MESSAGE,
        timeout_seconds=IMPATIENT_SECONDS,
        login_sent=True,
        message_bytes=MORE_THAN_BUFFERS_HOLD,
    ),
    *(
        Case(
            number=91,
            name="never_reads_nor_speaks",
            server=kind(security="tls", handshake=NeverRead()),
            error=(NetworkError, TLSError),
            stage=Stage.TLS,
            timeout_seconds=IMPATIENT_SECONDS,
        )
        for kind in (SmtpServer, Pop3Server, ImapServer)
    ),
)

CASES = (*SLOW, *ENDLESS, *OVER_LONG, *LITERALS, *REPLY_CODES, *NEVER_READS)
