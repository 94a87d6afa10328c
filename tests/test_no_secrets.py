"""A planted secret is nowhere to be found, whatever servers, secret stores and mailctl itself do with it.

Each test runs the whole command with everything that says more (`--debug --transcript --trace`), and then searches
standard output, standard error and every file that it left, for the secret in each form in which it could show.
"""

from __future__ import annotations

import base64
import io
import json
import os
import signal
import ssl
import subprocess
import sys
import threading
import urllib.parse
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from email import message_from_bytes
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.doubles.imap import ImapServer
from tests.doubles.imap import capability_reply as imap_capabilities
from tests.doubles.pop3 import Pop3Server, capa_reply
from tests.doubles.scram import ScramChallenge
from tests.doubles.scripted import ScriptedServer
from tests.doubles.smtp import KEYWORDS, TAKE_MESSAGE, SmtpServer, ehlo_reply
from tests.doubles.steps import HANDSHAKE, Announce, Answer, Close, Expect, Part, Reset, Serve, Stall
from tests.hostile.secrecy import forms_of

from mailctl.cli.boundary import run
from mailctl.sendmail import submission

if TYPE_CHECKING:
    from tests.servers.certificates import CertificateAuthority, KeyPair

USER = "ann@example.org"
SECRETS = {
    "phrase": "can\"ary\\7f3a; it's %41 + /x= канарейка 金糸雀 🐤",
    "token": "ya29.a0CANARY" + base64.urlsafe_b64encode(bytes(range(7, 250))).decode(),
}


def forms(secret: str) -> set[bytes]:
    """Return every form in which a secret could be written; of a long one, its halves too."""
    middle = len(secret) // 2
    texts = {
        secret,
        ascii(secret)[1:-1],
        repr(secret)[1:-1],
        json.dumps(secret)[1:-1],
        json.dumps(secret, ensure_ascii=False)[1:-1],
        json.dumps(json.dumps(secret))[3:-3],
        urllib.parse.quote(secret),
        urllib.parse.quote(secret, safe=""),
        urllib.parse.quote_plus(secret),
        secret.encode().hex().upper(),
        secret[:middle],
        secret[middle:],
    }
    encoded = {form.encode(encoding) for form in texts for encoding in ("utf-8", "utf-16-le")}
    basic = {form for part in (secret, secret[:middle], secret[middle:]) for form in forms_of(part)}
    return encoded | basic | {form.translate(bytes.maketrans(b"+/", b"-_")) for form in basic}


@dataclass(frozen=True)
class Run:
    """What a command wrote."""

    code: int
    out: str
    err: str


@dataclass(frozen=True)
class World:
    """A person's machine: settings and all that mailctl writes in `folder`, secrets of others in `elsewhere`."""

    secret: str
    folder: Path
    elsewhere: Path
    mailctl: Callable[..., Run]
    sendmail: Callable[..., Run]

    def assert_clean(self, *runs: Run) -> None:
        written = {"standard output": b"", "standard error": b""}
        for done in runs:
            written["standard output"] += done.out.encode(errors="surrogateescape")
            written["standard error"] += done.err.encode(errors="surrogateescape")
        written |= {str(path): path.read_bytes() for path in self.folder.rglob("*") if path.is_file()}
        found = {where: form for where, said in written.items() for form in forms(self.secret) if form in said}
        assert not found

    def password_options(self, source: str) -> tuple[list[str], bytes]:
        """Return the options that take the password from a source, and what standard input then holds."""
        file = self.elsewhere / "password"
        file.write_text(self.secret, encoding="utf-8")
        file.chmod(0o600)
        match source:
            case "stdin":
                return ["--password-stdin"], f"{self.secret}\n".encode()
            case "vault":
                self.mailctl("secret", "backend", "vault", "--key-file", str(self.elsewhere / "key"))
                self.mailctl("secret", "set", "canary", "--stdin", stdin=self.secret.encode())
                return ["--password-from", "vault:canary"], b""
            case "command":
                printer = self.elsewhere / "printer.py"
                printer.write_text(f"import sys; sys.stdout.buffer.write(open({str(file)!r}, 'rb').read())")
                return ["--password-from", f"command:{sys.executable} {printer}"], b""
        return ["--password-from", {"env": "env:CANARY", "file": f"file:{file}"}[source]], b""


@pytest.fixture(params=SECRETS)
def world(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> World:
    secret = SECRETS[request.param]
    folder, elsewhere = tmp_path / "mine", tmp_path / "elsewhere"
    (folder / "temporary").mkdir(parents=True)
    elsewhere.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder / "temporary"))
    monkeypatch.setenv("CANARY", secret)
    monkeypatch.setenv("XDG_STATE_HOME", str(folder / "state"))

    def mailctl(*arguments: str, stdin: bytes = b"") -> Run:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin), encoding="utf-8"))
        capsys.readouterr()
        code = run(["--config", str(folder / "mailctl.toml"), "--debug", *arguments])
        return Run(code, *capsys.readouterr())

    def sendmail(*arguments: str, stdin: bytes) -> Run:
        capsys.readouterr()
        code = submission.run(["-C", str(folder / "mailctl.toml"), *arguments], io.BytesIO(stdin))
        return Run(code, *capsys.readouterr())

    return World(secret, folder, elsewhere, mailctl, sendmail)


def context_of(pair: KeyPair) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pair.certificate, pair.key)
    return context


Server = SmtpServer | ImapServer | Pop3Server
PROTOCOLS: dict[str, Callable[..., Server]] = {"smtp": SmtpServer, "imap": ImapServer, "pop3": Pop3Server}
REFUSALS = {
    "smtp": (b"535-5.7.8 ", b"535 5.7.8 "),
    "imap": (b"* NO ", b"<tag> NO [AUTHENTICATIONFAILED] "),
    "pop3": (b"-ERR [AUTH] ", b"-ERR [AUTH] "),
}


def refusal(protocol: str, *lines: bytes) -> bytes:
    """Return a refusal in so many lines."""
    first, last = REFUSALS[protocol]
    return b"".join(first + line + b"\r\n" for line in lines[:-1]) + last + lines[-1] + b"\r\n"


def echoes(protocol: str, secret: str) -> Iterator[tuple[str, Part]]:
    """Yield verdicts on a login that tell what was sent, by name."""
    raw, half = secret.encode(), len(secret.encode()) // 2
    plain = base64.b64encode(b"\0" + USER.encode() + b"\0" + raw)
    yield "raw", refusal(protocol, b"wrong password " + raw)
    yield "quoted", refusal(protocol, b'wrong "' + raw.replace(b"\\", b"\\\\").replace(b'"', b'\\"') + b'"')
    yield "python", refusal(protocol, ascii(secret).encode())
    yield "json", refusal(protocol, json.dumps({"password": secret}).encode())
    yield "url", refusal(protocol, b"see https://example.org/?p=" + urllib.parse.quote_plus(secret).encode())
    yield "base64", refusal(protocol, b"you sent " + base64.b64encode(raw) + b" in " + plain)
    yield "hex", refusal(protocol, raw.hex().encode() + b" or " + raw.hex().upper().encode())
    if protocol == "smtp":  # the only one whose replies have lines
        yield "split", refusal(protocol, b"wrong: " + raw[:half], raw[half:] + b" is not it")
        yield "split base64", refusal(protocol, plain[:30], plain[30:])


def server_of(protocol: str, verdict: Part | None = None, **points: Any) -> Server:
    """Return a server over TLS that answers every login with a verdict."""
    if verdict is not None:
        points = {"verdict": verdict, **points}
        points |= {"imap": {"login": verdict}, "pop3": {"password": verdict, "apop": verdict}}.get(protocol, {})
    return PROTOCOLS[protocol](security="tls", **points)


def offering(protocol: str, mechanism: str) -> dict[str, bytes]:
    """Return the deviation of a server that offers one mechanism."""
    name = mechanism.upper().encode()
    match protocol:
        case "smtp":
            return {"ehlo": ehlo_reply(*KEYWORDS, b"AUTH " + name)}
        case "imap":
            return {"capability": imap_capabilities(b"SASL-IR", b"AUTH=" + name)}
    return {"capa": capa_reply(b"USER", b"SASL " + name)}


def prove_clean(
    world: World,
    protocol: str,
    server: Server,
    pair: KeyPair,
    ca: CertificateAuthority,
    *,
    auth: str = "plain",
    source: str = "stdin",
    outputs: Sequence[str] = ("table", "json"),
) -> list[Run]:
    """Run the command of the protocol in each form of output with all that says more, and search what it wrote."""
    password, stdin = world.password_options(source)
    with ScriptedServer(server.script, tls=context_of(pair)) as double:
        side, other = ("smtp", "incoming") if protocol == "smtp" else ("incoming", "smtp")
        login = ["--apop"] if auth == "apop" else [f"--{side}-auth", auth]
        added = world.mailctl(
            "server", "add", "x", "--name", "X", "--incoming-protocol", "imap" if side == "smtp" else protocol,
            f"--{side}-host", "localhost", f"--{side}-port", str(double.port), f"--{side}-security", server.security,
            f"--{other}-host", "unused.example.org", *login, "--ca-file", str(ca.ca_file),
        )  # fmt: skip
        command = ["test", "send", "x", "--to", "bob@example.org"] if side == "smtp" else ["test", "receive", "x"]
        trace = world.folder / "trace.txt"
        runs = [
            world.mailctl(
                *command, "--username", USER, *password, "--transcript", "--trace", str(trace), "-o", output,
                stdin=stdin,
            )
            for output in outputs
        ]  # fmt: skip
    assert added.code == 0, added
    assert trace.exists()
    world.assert_clean(added, *runs)
    return runs


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("source", ["stdin", "env", "file", "command", "vault"])
def test_wherever_the_secret_comes_from(world: World, ca: CertificateAuthority, protocol: str, source: str) -> None:
    runs = prove_clean(world, protocol, server_of(protocol), ca.good, ca, source=source)
    assert [done.code for done in runs] == [0, 0], runs


@pytest.mark.parametrize(
    ("protocol", "echo"), [(protocol, name) for protocol in PROTOCOLS for name, _ in echoes(protocol, "canary")]
)
def test_a_server_that_tells_what_it_was_sent(world: World, ca: CertificateAuthority, protocol: str, echo: str) -> None:
    verdict = dict(echoes(protocol, world.secret))[echo]
    runs = prove_clean(world, protocol, server_of(protocol, verdict), ca.good, ca)
    assert [done.code for done in runs] == [12, 12], runs
    assert "[redacted]" in runs[1].out


def test_an_imap_server_that_tells_it_over_two_responses(world: World, ca: CertificateAuthority) -> None:
    raw = world.secret.encode()
    verdict = refusal("imap", b"wrong: " + raw[: len(raw) // 2], raw[len(raw) // 2 :])
    prove_clean(world, "imap", server_of("imap", verdict), ca.good, ca)


MECHANISMS = [
    ("smtp", ["plain", "login", "cram-md5", "xoauth2", "oauthbearer"]),
    ("imap", ["login-command", "plain", "login", "cram-md5", "xoauth2", "oauthbearer"]),
    ("pop3", ["login-command", "apop", "plain", "login", "cram-md5", "xoauth2", "oauthbearer"]),
]


EVERY_MECHANISM = pytest.mark.parametrize(
    ("protocol", "auth"), [(protocol, auth) for protocol, mechanisms in MECHANISMS for auth in mechanisms]
)


def offered(protocol: str, auth: str) -> dict[str, bytes]:
    return {} if auth in ("login-command", "apop") else offering(protocol, auth)


@EVERY_MECHANISM
def test_every_mechanism_accepted(world: World, ca: CertificateAuthority, protocol: str, auth: str) -> None:
    server = server_of(protocol, **offered(protocol, auth))
    (done,) = prove_clean(world, protocol, server, ca.good, ca, auth=auth, outputs=["json"])
    assert done.code == 0, done


@EVERY_MECHANISM
def test_every_mechanism_refused(world: World, ca: CertificateAuthority, protocol: str, auth: str) -> None:
    verdict = refusal(protocol, b"not " + world.secret.encode())
    server = server_of(protocol, verdict, **offered(protocol, auth))
    (done,) = prove_clean(world, protocol, server, ca.good, ca, auth=auth, outputs=["table"])
    assert done.code == 12, done


@pytest.mark.parametrize("end", [Close(), Reset()], ids=["closed", "reset"])
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_connection_broken_off(world: World, ca: CertificateAuthority, protocol: str, end: Part) -> None:
    runs = prove_clean(world, protocol, server_of(protocol, end), ca.good, ca)
    assert all(done.code in (10, 12, 18) for done in runs), runs


@pytest.mark.parametrize("auth", ["scram-sha-1", "scram-sha-256"])
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_scram_refused_at_its_last_step(world: World, ca: CertificateAuthority, protocol: str, auth: str) -> None:
    prefix = b"334 " if protocol == "smtp" else b"+ "
    raw = world.secret.encode()
    dialogue = (ScramChallenge(prefix), Expect(rb""), refusal(protocol, b"not " + raw))
    point = "authenticate" if protocol == "imap" else "auth"
    server = server_of(protocol, **{point: dialogue}, **offering(protocol, auth))
    prove_clean(world, protocol, server, ca.good, ca, auth=auth)


def telling(part: Any, secret: str) -> Any:
    """Return a part of a script that says the secret where it has %s."""
    if isinstance(part, tuple):
        return tuple(telling(inner, secret) for inner in part)
    return part.replace(b"%s", secret.encode()) if isinstance(part, bytes) else part


LATER = {
    "smtp": {
        "mail": b"550 5.7.1 %s may not send\r\n",
        "rcpt": b"550-5.1.1 who is\r\n550 5.1.1 %s\r\n",
        "data": b"554 5.6.0 %s\r\n",
        "quit": (b"221 bye %s\r\n", Close()),
    },
    "imap": {
        "examine": b"<tag> NO %s\r\n",
        "list": b'* LIST () "/" "%s"\r\n<tag> NO %s\r\n',
        "namespace": b"* BYE %s\r\n",
        "verdict": b"<tag> OK welcome %s\r\n",
        "logout": (b"* BYE %s\r\n<tag> OK done\r\n", Close()),
    },
    "pop3": {
        "verdict": b"+OK %s has one message\r\n",
        "stat": b"-ERR %s\r\n",
        "uidl": b"+OK\r\n1 %s\r\n.\r\n",
        "quit": (b"+OK %s\r\n", Close()),
    },
}


@pytest.mark.parametrize(("protocol", "point"), [(protocol, point) for protocol, at in LATER.items() for point in at])
def test_a_server_that_tells_it_later(world: World, ca: CertificateAuthority, protocol: str, point: str) -> None:
    prove_clean(
        world, protocol, server_of(protocol, **{point: telling(LATER[protocol][point], world.secret)}), ca.good, ca
    )


SENDING = {
    "sent": {},
    "refused": {"verdict": b"535 5.7.8 not %s\r\n"},
    "refused later": {"rcpt": b"550-5.1.1 who is\r\n550 5.1.1 %s\r\n"},
    "refused in the end": {"data": (TAKE_MESSAGE, b"554 5.6.0 %s\r\n")},
    "told when it is taken": {"data": (TAKE_MESSAGE, b"250 2.0.0 %s queued as 4F2Z\r\n")},
    "of unknown fate": {"data": (TAKE_MESSAGE, b"250-2.0.0 %s\r\n", Close())},
    "in the clear": {"ehlo": ehlo_reply(b"HELP")},
}


@pytest.mark.parametrize("source", ["command", "vault"])
@pytest.mark.parametrize("case", SENDING)
def test_sending_by_the_command_and_by_sendmail(world: World, ca: CertificateAuthority, case: str, source: str) -> None:
    points = {point: telling(part, world.secret) for point, part in SENDING[case].items()}
    server = SmtpServer(security="tls", **points)
    password, _ = world.password_options(source)
    with ScriptedServer(server.script, tls=context_of(ca.good)) as double:
        runs = [
            world.mailctl(
                "sysmail", "set", "--address", USER, "--smtp-host", "localhost", "--smtp-port", str(double.port),
                "--smtp-security", "tls", "--smtp-auth", "plain", "--username", USER, *password,
                "--ca-file", str(ca.ca_file),
            ),
            world.mailctl("sysmail", "show"),
            world.mailctl("send", "--to", "bob@example.org", "--body", "x"),
            world.mailctl("send", "--to", "bob@example.org", "--body", "x", "-o", "json"),
            world.mailctl("send", "--batch", "-", stdin=b'{"to": "bob@example.org", "body": "x"}'),
            world.sendmail("bob@example.org", stdin=b"Subject: x\n\nx\n"),
        ]  # fmt: skip
    assert [run.code == 0 for run in runs[2:]] == [case in ("sent", "told when it is taken")] * 4, runs
    world.assert_clean(*runs)


PERSONAL = {
    "filed": {},
    "no folders": {"list": b'* LIST () "/" "%s"\r\n<tag> NO %s\r\n'},
    "not taken": {"append": b"<tag> NO %s\r\n"},
    "a goodbye": {"append": (b"* BYE %s\r\n", Close())},
    "a folder refused": {"examine": b"<tag> NO %s\r\n", "status": b"<tag> NO %s\r\n"},
    "refused": {"verdict": b"<tag> NO %s\r\n"},
}


@pytest.mark.parametrize("case", PERSONAL)
def test_a_persons_account(world: World, ca: CertificateAuthority, case: str) -> None:
    points = {point: telling(part, world.secret) for point, part in PERSONAL[case].items()}
    folders = b'* LIST () "/" INBOX\r\n* LIST () "/" Sent\r\n<tag> OK listed\r\n'
    imap = ImapServer(security="tls", **{"list": folders, **points})
    with (
        ScriptedServer(imap.script, tls=context_of(ca.good)) as incoming,
        ScriptedServer(SmtpServer(security="tls").script, tls=context_of(ca.good)) as outgoing,
    ):
        runs = [
            world.mailctl(
                "account", "add", "--username", USER, "--owner", "ann", "--incoming-protocol", "imap",
                "--incoming-host", "localhost", "--incoming-port", str(incoming.port), "--incoming-security", "tls",
                "--incoming-auth", "plain", "--smtp-host", "localhost", "--smtp-port", str(outgoing.port),
                "--smtp-security", "tls", "--smtp-auth", "plain", "--ca-file", str(ca.ca_file),
                *world.password_options("vault")[0],
            ),
            world.mailctl("account", "show", USER, "-o", "json"),
            world.mailctl("account", "list"),
            world.mailctl("account", "folders", "create", USER, "drafts"),
            world.mailctl("account", "folders", "show", USER, "-o", "json"),
            world.mailctl("account", "layout", "ann", "--threads"),
            world.mailctl("mail", "folders", USER),
            world.mailctl("mail", "list", "--owner", "ann", "-o", "json"),
            world.mailctl("mail", "list", USER, "--folder", "drafts"),
            world.mailctl("test", "receive", USER, "--transcript"),
            world.mailctl("send", "--owner", "ann", "--to", "bob@example.org", "--body", "x"),
            world.mailctl("send", "--account", USER, "--to", "bob@example.org", "--body", "x", "-o", "json"),
        ]  # fmt: skip
    assert [run.code for run in (*runs[:3], *runs[-2:])] == [0] * 5, runs
    world.assert_clean(*runs)


RULES = {
    "the login refused": {"verdict": b'NO "not %s"\r\n'},
    "a script of that name": {"scripts": b'"%s" ACTIVE\r\nOK "%s"\r\n'},
    "the script refused": {"put": b'NO "line 1: %s"\r\n'},
    "a warning": {"put": b'OK (WARNINGS) "line 1: %s"\r\n'},
    "a goodbye": {"put": (b'BYE "%s"\r\n', Close())},
}
"""Where a ManageSieve server tells what it was sent; never in a quoted string that the secret would end."""


@pytest.mark.parametrize("case", RULES)
def test_rules_at_their_server(world: World, ca: CertificateAuthority, case: str) -> None:
    told = world.secret.replace("\\", "\\\\").replace('"', '\\"')
    points = {name: telling(part, told) for name, part in RULES[case].items()}
    answers = (
        Answer(rb"AUTHENTICATE", points.get("verdict", b"OK\r\n")),
        Answer(rb"LISTSCRIPTS", points.get("scripts", b"OK\r\n")),
        Answer(rb"SETACTIVE", b"OK\r\n"),
        Answer(rb"\}\r\n", points.get("put", b"OK\r\n")),  # the end of the script
        Answer(rb"", ()),
    )
    script = (HANDSHAKE, b'"SASL" "PLAIN"\r\n"SIEVE" "fileinto"\r\nOK\r\n', Serve(answers))
    with ScriptedServer(script, tls=context_of(ca.good)) as server:
        runs = [
            world.mailctl(
                "account", "add", "--username", USER, "--incoming-protocol", "imap", "--incoming-host", "localhost",
                "--incoming-security", "tls", "--smtp-host", "localhost", "--password-from", "env:CANARY",
                "--sieve-host", "localhost", "--sieve-port", str(server.port), "--sieve-security", "tls",
                "--ca-file", str(ca.ca_file),
            ),
            world.mailctl("account", "filter", "add", USER, "r", "--if", "subject is x", "--then", "move A"),
            world.mailctl("account", "filter", "install", USER),
        ]  # fmt: skip
    codes = {"the login refused": 12, "a script of that name": 4, "the script refused": 13, "a goodbye": 10}
    assert [done.code for done in runs] == [0, 0, codes.get(case, 0)], runs
    world.assert_clean(*runs)


COLLECTION: dict[str, dict[str, Part]] = {
    "the login refused": {"verdict": b"-ERR not %s\r\n"},
    "no listing": {"list": b"-ERR not for %s\r\n"},
    "no message": {"retr": b"-ERR not for %s\r\n"},
    "a strange listing": {"uidl": b"+OK\r\n1 %s %s\r\n.\r\n"},
    "not deleted": {"quit": (b"-ERR not for %s\r\n", Close())},
    "collected": {},
}
"""Where a POP3 server that is collected from tells what it was sent."""


@pytest.mark.parametrize("output", ["table", "json"])
@pytest.mark.parametrize("case", COLLECTION)
def test_mail_that_is_collected(world: World, ca: CertificateAuthority, case: str, output: str) -> None:
    world.password_options("vault")  # makes one, where a secret that is given goes
    points = {name: telling(part, world.secret) for name, part in COLLECTION[case].items()}
    side = (
        "--security",
        "tls",
        "--auth",
        "plain",
        "--username",
        USER,
        "--password-stdin",
        "--ca-file",
        str(ca.ca_file),
    )
    context = context_of(ca.good)
    with (
        ScriptedServer(PROTOCOLS["pop3"](security="tls", **points).script, tls=context) as source,
        ScriptedServer(PROTOCOLS["imap"](security="tls").script, tls=context) as target,
    ):
        runs = [
            world.mailctl(
                "account", "add", "--username", USER, "--incoming-protocol", "imap", "--incoming-host", "localhost",
                "--incoming-port", str(target.port), "--incoming-security", "tls", "--incoming-auth", "plain",
                "--smtp-host", "localhost", "--password-from", "env:CANARY", "--ca-file", str(ca.ca_file),
            ),
            world.mailctl(
                "account", "pop3", "add", USER, "old", "--host", "localhost", "--port", str(source.port), *side,
                "--into", "INBOX", "--delete-after", "0", stdin=world.secret.encode(),
            ),
            world.mailctl("account", "pop3", "list", USER, "-o", output),
            world.mailctl("account", "pop3", "collect", USER, "-o", output),
        ]  # fmt: skip
    codes = {"the login refused": 12, "no listing": 13, "no message": 13, "a strange listing": 18, "not deleted": 13}
    assert [done.code for done in runs] == [0, 0, 0, codes.get(case, 0)], runs
    world.assert_clean(*runs)


MAILDROP: dict[str, dict[str, Part]] = {
    "the login refused": {"verdict": b"-ERR not %s\r\n"},
    "no count": {"stat": b"+OK %s\r\n"},
    "no listing": {"list": b"-ERR not for %s\r\n"},
    "a strange listing": {"list": b"+OK\r\n1 %s\r\n.\r\n"},
    "no header": {"top": b"-ERR not for %s\r\n"},
    "listed": {},
}
"""Where a POP3 server whose mail is listed tells what it was sent."""


@pytest.mark.parametrize("output", ["table", "json"])
@pytest.mark.parametrize("case", MAILDROP)
def test_mail_that_is_read_over_pop3(world: World, ca: CertificateAuthority, case: str, output: str) -> None:
    points = {name: telling(part, world.secret) for name, part in MAILDROP[case].items()}
    with ScriptedServer(Pop3Server(security="tls", **points).script, tls=context_of(ca.good)) as double:
        runs = [
            world.mailctl(
                "account", "add", "--username", USER, "--incoming-protocol", "pop3", "--incoming-host", "localhost",
                "--incoming-port", str(double.port), "--incoming-security", "tls", "--incoming-auth", "plain",
                "--smtp-host", "localhost", "--password-from", "env:CANARY", "--ca-file", str(ca.ca_file),
            ),
            world.mailctl("mail", "list", USER, "-o", output),
            world.mailctl("mail", "folders", USER, "-o", output),
        ]  # fmt: skip
    codes = {"the login refused": (12, 12), "no count": (0, 18), "no listing": (13, 0), "a strange listing": (18, 0)}
    codes["no header"] = (13, 0)
    assert [done.code for done in runs] == [0, *codes.get(case, (0, 0))], runs
    world.assert_clean(*runs)


@pytest.mark.parametrize("source", ["command", "vault"])
@pytest.mark.parametrize("case", ["sent", "refused", "refused later", "told when it is taken"])
def test_tenants_and_requests_for_support(world: World, ca: CertificateAuthority, case: str, source: str) -> None:
    points = {point: telling(part, world.secret) for point, part in SENDING[case].items()}
    password, _ = world.password_options(source)
    request = ("support", "request", "--tenant", "acme", "--subject", "x", "--body", "x")
    with ScriptedServer(SmtpServer(security="tls", **points).script, tls=context_of(ca.good)) as double:
        account = (
            "--address", USER, "--smtp-host", "localhost", "--smtp-port", str(double.port), "--smtp-security", "tls",
            "--smtp-auth", "plain", "--username", USER, *password, "--ca-file", str(ca.ca_file),
        )  # fmt: skip
        world.mailctl("sysmail", "set", *account)
        runs = [
            world.mailctl("tenant", "add", "acme", "--name", "Acme", *account),
            world.mailctl("tenant", "edit", "acme", "--sender-name", "Acme", "--dry-run"),
            world.mailctl("support", "set", "--address", "help@example.org", "--attach-system-info"),
            *(world.mailctl("tenant", *words, "-o", output) for words in (("show", "acme"), ("list",))
              for output in ("table", "json")),
            world.mailctl("support", "show"),
        ]  # fmt: skip
        assert not any(run.code for run in runs), runs
        runs += [
            world.mailctl("test", "send", "tenant:acme", "--to", "bob@example.org", "--transcript"),
            world.mailctl("send", "--tenant", "acme", "--to", "bob@example.org", "--body", "x"),
            world.mailctl(*request, "--dry-run"),
            world.mailctl(*request, "--yes", "-o", "json"),
            world.mailctl(*request, "--yes"),
            world.mailctl("tenant", "delete", "acme", "--yes"),
        ]
    arrived = [part.get_payload(decode=True) for sent in double.messages for part in message_from_bytes(sent).walk()]
    said = b"".join(payload for payload in arrived if isinstance(payload, bytes)).decode()
    assert ("last_tests" in said) is (case in ("sent", "told when it is taken"))
    world.assert_clean(*runs, Run(0, said, ""))


@pytest.mark.parametrize("case", ["the login refused", "not there in time"])
@pytest.mark.parametrize("protocol", ["imap", "pop3"])
def test_a_round_trip(world: World, ca: CertificateAuthority, protocol: str, case: str) -> None:
    raw = world.secret.encode()
    verdict = refusal(protocol, b"wrong: " + raw) if case == "the login refused" else None
    reading = server_of(protocol, verdict, greeting={"imap": b"* OK ", "pop3": b"+OK "}[protocol] + raw + b"\r\n")
    with (
        ScriptedServer(server_of("smtp").script, tls=context_of(ca.good)) as out,
        ScriptedServer(reading.script, tls=context_of(ca.good)) as into,
    ):
        added = world.mailctl(
            "server", "add", "x", "--name", "X", "--smtp-host", "localhost", "--smtp-port", str(out.port),
            "--smtp-security", "tls", "--smtp-auth", "plain", "--incoming-protocol", protocol, "--incoming-host",
            "localhost", "--incoming-port", str(into.port), "--incoming-security", "tls", "--incoming-auth", "plain",
            "--ca-file", str(ca.ca_file),
        )  # fmt: skip
        assert added.code == 0, added
        words = ("test", "roundtrip", "x", "--username", USER, "--password-from", "env:CANARY", "--within", "0.2",
                 "--incoming-username", USER, "--incoming-password-stdin")  # fmt: skip
        trace = ("--transcript", "--trace", str(world.folder / "trace"))
        runs = [world.mailctl(*words, *trace, "-o", form, stdin=raw) for form in ("table", "json")]
    assert {done.code for done in runs} == {12 if verdict else 15}, runs
    world.assert_clean(*runs)


@pytest.mark.parametrize("output", ["table", "json"])
def test_a_look_at_the_machine_and_at_a_domain(world: World, monkeypatch: pytest.MonkeyPatch, output: str) -> None:
    """Secrets that are there, one that is not, one in the place of a proxy's password, and a vault that is broken."""
    quoted = urllib.parse.quote(world.secret, safe="")
    for name in ("HTTPS_PROXY", "HTTP_PROXY", "https_proxy", "http_proxy"):
        monkeypatch.setenv(name, f"http://ann:{quoted}@127.0.0.1:9")
    monkeypatch.setenv("MAILCTL_NAMESERVER", "127.0.0.1:9")
    options, given = world.password_options("vault")
    key = world.elsewhere / "key"
    words = ("doctor", "--timeout", "0.2", "-o", output)
    runs = [world.mailctl(*words)]
    sealed, mode = key.read_bytes(), key.stat().st_mode
    key.write_text(world.secret, encoding="utf-8")
    runs.append(world.mailctl(*words))
    key.write_bytes(sealed)
    key.chmod(mode)
    assert (options, given) == (["--password-from", "vault:canary"], b"")
    discover = ("server", "discover", "--timeout", "0.2", "-o", output)
    runs += [world.mailctl(*discover, subject) for subject in ("ann@example.org", "ann@gmail.com")]
    assert [done.code for done in runs] == [1, 1, 10, 0], runs
    world.assert_clean(*runs)


REPORTS = ("table", "json", "junit", "github", "nagios", "prometheus")


@pytest.mark.parametrize("echo", ["raw", "base64", "url"])
def test_every_report_of_everything(
    world: World, ca: CertificateAuthority, monkeypatch: pytest.MonkeyPatch, echo: str
) -> None:
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(world.folder / "summary.md"))
    smtp, imap = (server_of(protocol, dict(echoes(protocol, world.secret))[echo]) for protocol in ("smtp", "imap"))
    with (
        ScriptedServer(smtp.script, tls=context_of(ca.good)) as outgoing,
        ScriptedServer(imap.script, tls=context_of(ca.good)) as incoming,
    ):
        added = world.mailctl(
            "account", "add", "--username", USER, "--incoming-protocol", "imap", "--incoming-host", "localhost",
            "--incoming-port", str(incoming.port), "--incoming-security", "tls", "--incoming-auth", "plain",
            "--smtp-host", "localhost", "--smtp-port", str(outgoing.port), "--smtp-security", "tls",
            "--smtp-auth", "plain", "--ca-file", str(ca.ca_file), *world.password_options("vault")[0],
        )  # fmt: skip
        files = [option for form in REPORTS for option in ("--report", f"{form}={world.folder / form}")]
        runs = [world.mailctl("test", "all", "--transcript", "--trace", str(world.folder / "trace"), *files)]
        runs += [world.mailctl("-v", "test", "all", "-o", form) for form in REPORTS]
    assert [run.code for run in (added, *runs)] == [0, 12, 12, 12, 12, 12, 2, 12]
    assert all((world.folder / name).stat().st_size for name in (*REPORTS, "trace", "summary.md"))
    world.assert_clean(added, *runs)


@pytest.mark.parametrize("fault", ["expired", "wrong_host", "starttls refused", "handshake broken off", "no server"])
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_no_session_comes_about(world: World, ca: CertificateAuthority, protocol: str, fault: str) -> None:
    pair = {"expired": ca.expired, "wrong_host": ca.wrong_host}.get(fault, ca.good)
    make = PROTOCOLS[protocol]
    raw = world.secret.encode()  # a server that has seen it before
    start = "stls" if protocol == "pop3" else "starttls"
    server = {
        "starttls refused": make(security="starttls", **{start: refusal(protocol, raw)}),
        "handshake broken off": make(security="tls", handshake=Reset()),
        "no server": make(security="tls", greeting=(raw + b"\r\n", Close())),
    }.get(fault, make(security="tls"))
    runs = prove_clean(world, protocol, server, pair, ca)
    assert all(done.code in (10, 11, 18) for done in runs), runs


@pytest.mark.parametrize("output", ["table", "json"])
@pytest.mark.parametrize("how", ["not text", "told on both", "a word of the shell", "two lines"])
def test_a_command_that_is_broken(world: World, how: str, output: str) -> None:
    """A program that was to print the secret fails while it has it."""
    world.password_options("file")
    program = world.elsewhere / "broken.py"
    read = f"secret = open({str(world.elsewhere / 'password')!r}, 'rb').read()\nimport sys\n"
    program.write_text(
        read
        + {
            "not text": "sys.stdout.buffer.write(secret + b'\\xff')",
            "told on both": "sys.stdout.buffer.write(secret); sys.stderr.buffer.write(b'bad: ' + secret); sys.exit(3)",
            "a word of the shell": "sys.stdout.buffer.write(secret); raise SystemExit(1)",
            "two lines": "sys.stdout.buffer.write(secret + b'\\n' + secret + b'\\n\\x00'); sys.exit(1)",
        }[how]
    )
    world.mailctl("server", "add", "gmail", "--name", "G", "--preset", "gmail")
    done = world.mailctl(
        "test", "receive", "gmail", "--username", USER,
        "--password-from", f"command:{sys.executable} {program}", "-o", output,
    )  # fmt: skip
    assert done.code == 6, done
    world.assert_clean(done)


class _Leaking(io.StringIO):
    """A standard output that fails with what it should never have known."""

    def __init__(self, secret: str) -> None:
        super().__init__()
        self._secret = secret

    def write(self, _text: str) -> int:
        raise RuntimeError(f"cannot write {self._secret!r}", self._secret) from KeyError(self._secret)


@pytest.mark.parametrize("output", ["table", "json"])
def test_a_bug_tells_where_it_is_and_not_what_was_there(
    world: World, output: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.mailctl("server", "add", "gmail", "--name", "G", "--preset", "gmail")
    with monkeypatch.context() as patched:
        patched.setattr(sys, "stdout", _Leaking(world.secret))
        done = world.mailctl("server", "show", "gmail", "-o", output)
    assert done.code == 70
    assert "RuntimeError" in done.err
    assert "terminal.py" in done.err
    world.assert_clean(done)


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_no_process_shows_it_while_a_login_goes_on(world: World, ca: CertificateAuthority) -> None:
    """Arguments and environment of the process and its children, while the server lets it wait for the verdict."""
    logged_in = threading.Event()
    server = server_of("imap", (Announce(logged_in), Stall()))
    with ScriptedServer(server.script, tls=context_of(ca.good)) as double:
        added = world.mailctl(
            "server", "add", "x", "--name", "X", "--smtp-host", "unused.example.org", "--incoming-protocol", "imap",
            "--incoming-host", "localhost", "--incoming-port", str(double.port), "--incoming-security", "tls",
            "--incoming-auth", "plain",
            "--incoming-timeout", "120", "--ca-file", str(ca.ca_file),
        )  # fmt: skip
        assert added.code == 0, added
        command = [sys.executable, "-m", "mailctl", "--config", str(world.folder / "mailctl.toml"), "--debug"]
        command += ["test", "receive", "x", "--username", USER, "--password-stdin", "--transcript"]
        environment = {name: value for name, value in os.environ.items() if name != "CANARY"}
        with subprocess.Popen(
            command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        ) as process:
            assert process.stdin is not None
            process.stdin.write(world.secret.encode())
            process.stdin.close()
            process.stdin = None
            assert logged_in.wait(30), process.communicate()
            seen = b"".join(path.read_bytes() for path in _proc_files(process.pid))
            process.send_signal(signal.SIGTERM)
            out, err = process.communicate(timeout=30)
    assert b"--password-stdin" in seen
    world.assert_clean(Run(process.returncode, out.decode(), err.decode()), Run(0, seen.decode(errors="replace"), ""))
    assert process.returncode == 130


def _proc_files(pid: int) -> Iterator[Path]:
    yield from (Path(f"/proc/{pid}/{name}") for name in ("cmdline", "environ"))
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            yield from _proc_files(int(child))


def test_the_search_finds_every_form() -> None:
    """A search that finds nothing anywhere would prove nothing."""
    for secret in SECRETS.values():
        for _name, verdict in echoes("smtp", secret):
            said = verdict if isinstance(verdict, bytes) else b""
            assert any(form in said for form in forms(secret)), said
