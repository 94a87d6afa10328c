"""The wizard of `server add`, as a person at a terminal meets it."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.servers.dovecot import Dovecot
from tests.servers.people import ALICE
from tests.servers.postfix import Postfix

if TYPE_CHECKING:
    import pexpect
    from tests.cli.conftest import Mailctl

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")

Wizard = Callable[..., "pexpect.spawn[str]"]
NEXT = r"Try it, save it, change it, or quit \(t, s, c, q\) \[{}\]: "


@pytest.fixture
def wizard(mailctl: Mailctl) -> Iterator[Wizard]:
    """Start `server add` with some options on a terminal."""
    pexpect = pytest.importorskip("pexpect", reason="needs a pseudo-terminal")
    children = []

    def start(*options: str, **changes: str) -> Any:
        child = pexpect.spawn(
            sys.executable, ["-m", "mailctl", "--config", str(mailctl.config), "server", "add", *options],
            env=os.environ | {"NO_COLOR": "1", "TERM": "xterm"} | changes, encoding="utf-8", timeout=30,
        )  # fmt: skip
        children.append(child)
        return child

    yield start
    for child in children:
        child.close(force=True)


def answer(child: pexpect.spawn[str], *dialogue: tuple[str, str]) -> None:
    """Wait for each question, a regular expression, and give its answer."""
    for question, said in dialogue:
        child.expect(question)
        child.sendline(said)


def finish(child: pexpect.spawn[str]) -> tuple[int, str]:
    import pexpect

    child.expect(pexpect.EOF)
    child.close()
    return int(child.exitstatus or 0), str(child.before)


def shown(mailctl: Mailctl, code: str) -> Any:
    return mailctl.must("server", "show", code, "-o", "json").json["server"]


def assert_nothing_saved(mailctl: Mailctl) -> None:
    assert [path.name for path in mailctl.config.parent.iterdir() if path.suffix in (".toml", ".vault")] == []


def test_only_the_name_is_asked_for_beside_a_preset(mailctl: Mailctl, wizard: Wizard) -> None:
    child = wizard("g", "--preset", "gmail")
    answer(child, (r"Name \[Gmail and Google Workspace\]: ", ""))
    code, said = finish(child)
    assert code == 0
    assert "test send g --depth tls" in said
    assert shown(mailctl, "g")["name"] == "Gmail and Google Workspace"


def test_a_provider_is_enough(mailctl: Mailctl, wizard: Wizard) -> None:
    child = wizard()
    answer(
        child, (r"Code.*: ", "g"), (r"Name \[g\]: ", "Gmail für alle"), (r"gmail.*\[custom\]: ", "gmail"),
        (r"\[imap\]: ", ""), (NEXT.format("try"), "s"),
    )  # fmt: skip
    code, said = finish(child)
    assert code == 0
    assert "added 'g'" in said
    assert "next:" not in said
    server = shown(mailctl, "g")
    assert (server["name"], server["smtp"]["host"], server["incoming"]["port"]) == (
        "Gmail für alle", "smtp.gmail.com", 993,
    )  # fmt: skip


def test_a_provider_without_pop3_is_not_asked_for_it(mailctl: Mailctl, wizard: Wizard) -> None:
    child = wizard("i")
    answer(child, (r"Name", ""), (r"\[custom\]: ", "icloud"), (NEXT.format("try"), "save"))
    assert finish(child)[0] == 0
    assert shown(mailctl, "i")["incoming"]["protocol"] == "imap"


def test_a_provider_that_was_named_is_not_asked_for(mailctl: Mailctl, wizard: Wizard) -> None:
    child = wizard("--preset", "gmx")
    answer(
        child, (r"Code", "g"), (r"Name \[g\]: ", ""), (r"^[^C]*Mail is read.*\[imap\]: ", ""), (NEXT.format("try"), "s")
    )
    assert finish(child)[0] == 0
    assert shown(mailctl, "g")["smtp"]["host"] == "mail.gmx.net"


def test_everything_but_the_host_is_proposed(mailctl: Mailctl, wizard: Wizard) -> None:
    child = wizard("hq")
    answer(
        child, (r"Name \[hq\]: ", ""), (r"\[custom\]: ", ""), (r"\[imap\]: ", "pop3"),
        (r"SMTP host: ", "mail.example.org"), (r"none 25, starttls 587, tls 465\) \[tls\]: ", "starttls"),
        (r"SMTP port \[587\]: ", ""), (r"login\? \[Y/n\]: ", "n"), (r"POP3 host \[mail.example.org\]: ", ""),
        (r"POP3 security.*\[tls\]: ", ""), (r"POP3 port \[995\]: ", ""), (NEXT.format("try"), "s"),
    )  # fmt: skip
    assert finish(child)[0] == 0
    server = shown(mailctl, "hq")
    smtp, incoming = server["smtp"], server["incoming"]
    assert (smtp["host"], smtp["port"], smtp["security"], smtp["auth"]) == ("mail.example.org", 587, "starttls", "none")
    assert (incoming["protocol"], incoming["host"], incoming["port"]) == ("pop3", "mail.example.org", 995)


def test_wrong_answers_say_the_rule_and_are_asked_again(mailctl: Mailctl, wizard: Wizard) -> None:
    mailctl.add_server("taken")
    child = wizard("taken")
    answer(
        child, (r"'taken' exists already.*Code.*: ", "a b"), (r"contains a blank.*Code.*: ", "hq"), (r"Name", ""),
        (r"\[custom\]: ", "gmial"), (r"no preset 'gmial'.*\[custom\]: ", ""), (r"\[imap\]: ", "jmap"),
        (r"'jmap' is none of: pop3, imap.*\[imap\]: ", ""), (r"SMTP host: ", ""), (r"SMTP host: ", "no host"),
        (r"blank.*SMTP host: ", "mail.example.org"), (r"\[tls\]: ", "ssl"), (r"none of.*\[tls\]: ", ""),
        (r"SMTP port \[465\]: ", "99999"), (r"99999.*SMTP port \[465\]: ", ""),
    )  # fmt: skip
    child.close(force=True)
    assert mailctl.codes == ["taken"]


@pytest.mark.parametrize("at", ["Code", "Name", "custom", "SMTP host", "Try it", "User name"])
def test_ctrl_c_leaves_nothing_wherever_it_comes(mailctl: Mailctl, wizard: Wizard, at: str) -> None:
    child = wizard()
    for question, said in (
        ("Code", "hq"), ("Name", ""), ("custom", ""), ("imap\\]", ""), ("SMTP host", "mail.example.org"),
        ("SMTP security", ""), ("SMTP port", ""), ("login\\?", ""), ("IMAP host", ""), ("IMAP security", ""),
        ("IMAP port", ""), ("Try it", "t"), ("User name", ""),
    ):  # fmt: skip
        child.expect(question)
        if question == at:
            break
        child.sendline(said)
    child.sendintr()
    code, said = finish(child)
    assert code == 130
    assert said.endswith("\ninterrupted\r\n")
    assert_nothing_saved(mailctl)


def test_quitting_saves_nothing(mailctl: Mailctl, wizard: Wizard) -> None:
    child = wizard("g")
    answer(child, (r"Name", ""), (r"\[custom\]: ", "gmail"), (r"\[imap\]: ", ""), (NEXT.format("try"), "q"))
    code, said = finish(child)
    assert code == 1
    assert "nothing was saved" in said
    assert_nothing_saved(mailctl)


def test_options_that_were_given_are_proposed_and_answers_win(mailctl: Mailctl, wizard: Wizard) -> None:
    child = wizard("--name", "HQ", "--smtp-host", "given.example.org", "--incoming-protocol", "pop3")
    answer(
        child, (r"Code.*: ", "hq"), (r"\[pop3\]: ", ""), (r"SMTP host \[given.example.org\]: ", "said.example.org"),
        (r"\[tls\]: ", ""), (r"\[465\]: ", ""), (r"\[Y/n\]: ", ""), (r"POP3 host \[said.example.org\]: ", ""),
        (r"\[tls\]: ", ""), (r"\[995\]: ", ""), (NEXT.format("try"), "s"),
    )  # fmt: skip
    assert finish(child)[0] == 0
    assert shown(mailctl, "hq")["smtp"]["host"] == "said.example.org"


def test_the_result_alone_goes_to_standard_output(mailctl: Mailctl, wizard: Wizard, tmp_path: Path) -> None:
    import json

    pexpect = pytest.importorskip("pexpect")
    out = tmp_path / "out.json"
    child = pexpect.spawn(
        "sh", ["-c", f"'{sys.executable}' -m mailctl --config '{mailctl.config}' server add -o json > '{out}'"],
        env=os.environ | {"NO_COLOR": "1"}, encoding="utf-8", timeout=30,
    )  # fmt: skip
    answer(
        child, (r"Code", "x"), (r"Name", ""), (r"\[custom\]: ", ""), (r"\[imap\]: ", ""), (r"SMTP host", "127.0.0.1"),
        (r"security", ""), (r"port", "1"), (r"login", "n"), (r"IMAP host", ""), (r"security", ""), (r"port", "1"),
        (NEXT.format("try"), ""), (r"User name", ""), (r"refused.*" + NEXT.format("change"), "s"),
    )  # fmt: skip
    assert finish(child)[0] == 0
    assert json.loads(out.read_text(encoding="utf-8"))["server"]["code"] == "x"


@pytest.fixture
def clients(mailctl: Mailctl) -> Mailctl:
    """OAuth clients `google`, `ms` and `own` are registered."""
    own = ("--authorize-url", "https://login.example.org/a", "--token-url", "https://login.example.org/t")
    for name, provider, *options in (("google", "google"), ("ms", "microsoft"), ("own", "custom", *own)):
        mailctl.must("oauth", "client", "add", name, "--provider", provider, "--client-id", "id", *options)
    return mailctl


def test_a_registered_client_is_offered_and_brings_its_hosts(clients: Mailctl, wizard: Wizard) -> None:
    child = wizard("g")
    answer(
        child, (r"Name", ""), (r"OAuth client.*\(google, ms, own\), or none \[none\]: ", "gogle"),
        (r"No OAuth client 'gogle' is registered; did you mean google\?.*\[none\]: ", "google"),
        (r"\[imap\]: ", "pop3"), (NEXT.format("try"), "c"), (r"\[pop3\]: ", "imap"), (NEXT.format("try"), "s"),
    )  # fmt: skip
    assert finish(child)[0] == 0
    server = shown(clients, "g")
    assert (server["oauth_client"], server["smtp"]["host"]) == ("google", "smtp.gmail.com")
    assert (server["incoming"]["host"], server["incoming"]["auth"]) == ("imap.gmail.com", "xoauth2")


def test_a_provider_with_several_presets_asks_which(clients: Mailctl, wizard: Wizard) -> None:
    child = wizard("--oauth-client", "ms")
    answer(
        child, (r"Code", "o"), (r"Name", ""), (r"Servers \(microsoft365, outlook.com\) \[microsoft365\]: ", "yahoo"),
        (r"none of: microsoft365, outlook.com.*: ", "outlook.com"), (r"\[imap\]: ", ""), (NEXT.format("try"), "s"),
    )  # fmt: skip
    assert finish(child)[0] == 0
    assert shown(clients, "o")["smtp"]["host"] == "smtp-mail.outlook.com"


def test_a_client_without_hosts_asks_for_them_and_for_no_login(clients: Mailctl, wizard: Wizard) -> None:
    child = wizard("w")
    answer(
        child, (r"Name", ""), (r"\[none\]: ", "own"), (r"\[custom\]: ", ""), (r"\[imap\]: ", ""),
        (r"SMTP host: ", "127.0.0.1"), (r"\[tls\]: ", ""), (r"\[465\]: ", "1"), (r"^(?!.*login)[^?]*IMAP host", ""),
        (r"\[tls\]: ", ""), (r"\[993\]: ", "1"), (NEXT.format("try"), ""),
        (r"Nobody is authorised yet.*refused.*" + NEXT.format("change"), "s"),
    )  # fmt: skip
    assert finish(child)[0] == 0
    server = shown(clients, "w")
    assert (server["oauth_client"], server["smtp"]["auth"], server["incoming"]["auth"]) == ("own", "xoauth2", "xoauth2")


def test_with_clients_registered_none_is_the_proposal(clients: Mailctl, wizard: Wizard) -> None:
    child = wizard("g")
    answer(
        child, (r"Name", ""), (r"\[none\]: ", ""), (r"\[custom\]: ", "gmail"), (r"\[imap\]: ", ""),
        (NEXT.format("try"), "s"),
    )  # fmt: skip
    assert finish(child)[0] == 0
    assert (shown(clients, "g")["oauth_client"], shown(clients, "g")["smtp"]["auth"]) == (None, "auto")


@pytest.fixture
def described(wizard: Wizard, dovecot: Dovecot, postfix: Postfix) -> pexpect.spawn[str]:
    """A wizard that knows the real Postfix and Dovecot, and asks what to do."""
    child = wizard("hq", "--ca-file", str(postfix.ca_file))
    answer(
        child, (r"Name", ""), (r"\[custom\]: ", ""), (r"\[imap\]: ", ""), (r"SMTP host", "localhost"),
        (r"SMTP security", ""), (r"SMTP port", str(postfix.smtps_port)), (r"login", ""), (r"IMAP host", ""),
        (r"IMAP security", ""), (r"IMAP port", str(dovecot.imaps_port)),
    )  # fmt: skip
    return child


def test_a_login_is_tried_at_real_servers_and_forgotten(mailctl: Mailctl, described: pexpect.spawn[str]) -> None:
    answer(described, (NEXT.format("try"), ""), (r"not stored.*User name.*: ", ALICE.address))
    described.expect("Password")
    described.waitnoecho()
    described.sendline(ALICE.password)
    described.expect("passed: sending through hq")
    described.expect("passed: receiving from hq")
    told = str(described.before)
    answer(described, (NEXT.format("save"), ""))
    code, said = finish(described)
    assert code == 0
    assert ALICE.password not in told + said
    for path in mailctl.config.parent.rglob("*"):
        if path.is_file():
            assert ALICE.password.encode() not in path.read_bytes(), path
            assert ALICE.address.encode() not in path.read_bytes(), path
    assert shown(mailctl, "hq")["smtp"]["host"] == "localhost"


def test_a_try_that_fails_tells_why_and_lets_the_fields_be_changed(
    mailctl: Mailctl, described: pexpect.spawn[str], dovecot: Dovecot, postfix: Postfix
) -> None:
    answer(described, (NEXT.format("try"), "change"), (r"\[imap\]: ", ""), (r"SMTP host \[localhost\]: ", ""))
    answer(described, (r"\[tls\]: ", ""), (rf"\[{postfix.smtps_port}\]: ", "1"), (r"\[Y/n\]: ", ""))
    answer(described, (r"\[localhost\]: ", ""), (r"\[tls\]: ", ""), (rf"\[{dovecot.imaps_port}\]: ", ""))
    answer(described, (NEXT.format("try"), ""), (r"User name", ""))
    described.expect("refused.*what to do.*failed: sending through hq")
    described.expect("passed: receiving from hq")
    answer(described, (NEXT.format("change"), ""), (r"\[imap\]: ", ""), (r"SMTP host", ""), (r"security", ""))
    answer(described, (r"SMTP port \[1\]: ", str(postfix.smtps_port)), (r"\[Y/n\]: ", ""), (r"IMAP host", ""))
    answer(described, (r"IMAP security", ""), (r"IMAP port", ""), (NEXT.format("try"), ""), (r"User name", ""))
    answer(described, (r"passed: sending.*passed: receiving.*" + NEXT.format("save"), ""))
    assert finish(described)[0] == 0
    assert shown(mailctl, "hq")["smtp"]["port"] == postfix.smtps_port


def test_after_a_certificate_that_fails_a_ca_file_may_be_named(
    mailctl: Mailctl, wizard: Wizard, dovecot: Dovecot, postfix: Postfix
) -> None:
    child = wizard("hq")
    ports = (str(postfix.smtps_port), str(dovecot.imaps_port))
    answer(
        child, (r"Name", ""), (r"\[custom\]: ", ""), (r"\[imap\]: ", ""), (r"SMTP host", "localhost"),
        (r"SMTP security", ""), (r"SMTP port", ports[0]), (r"login", ""), (r"IMAP host", ""),
        (r"IMAP security", ""), (r"IMAP port", ports[1]), (NEXT.format("try"), ""), (r"User name", ""),
    )  # fmt: skip
    child.expect("failed: sending through hq at certificate")
    assert "server edit" not in str(child.before)
    answer(
        child, (NEXT.format("change"), ""), (r"\[imap\]: ", ""), (r"SMTP host", ""), (r"security", ""), (r"port", ""),
        (r"\[Y/n\]: ", ""), (r"IMAP host", ""), (r"security", ""), (r"port", ""),
        (r"CA file.*\[none\]: ", "/nowhere/ca.pem"), (r"CA file.*\[none\]: ", str(postfix.ca_file)),
        (NEXT.format("try"), ""), (r"User name", ""),
        (r"passed: sending.*passed: receiving.*" + NEXT.format("save"), ""),
    )  # fmt: skip
    assert finish(child)[0] == 0
    assert shown(mailctl, "hq")["tls"]["ca_file"] == str(postfix.ca_file)


def test_a_login_that_is_refused_may_be_tried_again_or_the_server_saved_anyway(
    mailctl: Mailctl, described: pexpect.spawn[str]
) -> None:
    said = ""
    for question in (r"User name \(Enter.*: ", rf"User name \[{ALICE.address}\]: "):
        answer(described, (NEXT.format("try"), ""), (question, ALICE.address))
        described.expect("Password")
        described.waitnoecho()
        described.sendline("canary-4711")
        described.expect("failed: sending through hq at auth")
        described.expect("passed: receiving from hq")
        assert "the login was refused already" in str(described.before)
        said += str(described.before)
    answer(described, (NEXT.format("try"), "s"))
    code, rest = finish(described)
    assert code == 0
    assert "canary" not in said + rest
    assert "canary" not in mailctl.settings()
