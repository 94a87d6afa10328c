"""`mailctl account filter`: rules kept in the settings, and run by a real Dovecot with Pigeonhole on delivery."""

from __future__ import annotations

import datetime as dt
import secrets
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from imapclient import IMAPClient
from tests.servers.certificates import CertificateAuthority
from tests.servers.dovecot import Dovecot
from tests.servers.people import Person

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.account.conftest import AddPerson
    from tests.cli.conftest import Mailctl

INVOICE = (
    b"From: Shop <shop@example.test>\r\nTo: me@example.test\r\nSubject: =?utf-8?B?6KuL5rGC5pu4?= 7\r\n\r\nPay.\r\n"
)
OTHER = b"From: a@example.test\r\nTo: me@example.test\r\nSubject: Hello\r\n\r\nHi.\r\n"


@pytest.fixture
def ruled(add_person: AddPerson, person: Person, dovecot: Dovecot) -> str:
    """The address of somebody new, whose account knows where its rules are installed."""
    return add_person(person, "--sieve-host", "localhost", "--sieve-port", str(dovecot.sieve_port))


def add(mailctl: Mailctl, address: str, name: str, condition: str, *actions: str, more: tuple[str, ...] = ()) -> None:
    thens = [word for action in actions for word in ("--then", action)]
    mailctl.must("account", "filter", "add", address, name, "--if", condition, *thens, *more)


def test_a_rule_is_kept_in_the_settings_and_listed_in_order(mailctl: Mailctl, account: str) -> None:
    add(mailctl, account, "請求書", "Subject Contains 請求書", "move Rechnungen/2026", "mark read", more=("--stop",))
    add(mailctl, account, "big", "size over 10m", "flag $Big", more=("--match", "none"))
    listed = mailctl.must("account", "filter", "list", account, "-o", "json").json
    assert listed["filters"] == [
        {
            "name": "請求書",
            "match": "all",
            "conditions": ["subject contains 請求書"],
            "actions": ["move Rechnungen/2026", "mark read", "stop"],
        },
        {"name": "big", "match": "none", "conditions": ["size over 10M"], "actions": ["flag $Big"]},
    ]
    shown = [line.split() for line in mailctl.must("account", "show", account).out.splitlines()]
    assert shown[-2:] == [["filters", "請求書"], ["big"]]
    table = mailctl.must("account", "filter", "list", account).out.splitlines()
    assert [line.split() for line in table] == [
        ["#", "NAME", "IF", "THEN"],
        ["1", "請求書", "subject", "contains", "請求書", "move", "Rechnungen/2026,", "mark", "read,", "stop"],
        ["2", "big", "not", "size", "over", "10M", "flag", "$Big"],
    ]


def test_rules_are_changed_reordered_and_deleted(mailctl: Mailctl, account: str) -> None:
    for name in "abc":
        add(mailctl, account, name, f"subject is {name}", "delete")
    edited = mailctl.must(
        "account", "filter", "edit", account, "b", "--then", "keep", "--name", "second", "-o", "json"
    ).json
    assert edited["changed"] is True
    assert edited["filters"][1] == {
        "name": "second", "match": "all", "conditions": ["subject is b"], "actions": ["keep"],
    }  # fmt: skip
    mailctl.must("account", "filter", "reorder", account, "c", "second", "a")
    mailctl.must("account", "filter", "delete", account, "a", "--yes")
    listed = mailctl.must("account", "filter", "list", account, "-o", "json").json["filters"]
    assert [rule["name"] for rule in listed] == ["c", "second"]
    same = mailctl.must("account", "filter", "reorder", account, "c", "second", "-o", "json").json
    assert same["changed"] is False


def test_a_stop_is_set_and_ended_apart_from_the_other_actions(mailctl: Mailctl, account: str) -> None:
    def actions_after(*words: str) -> list[str]:
        edited = mailctl.must("account", "filter", "edit", account, "a", *words, "-o", "json").json
        [rule] = edited["filters"]
        return list(rule["actions"])

    add(mailctl, account, "a", "subject is a", "move X", "mark read")
    assert actions_after("--stop") == ["move X", "mark read", "stop"]
    assert actions_after("--then", "move Y") == ["move Y", "stop"]
    assert actions_after("--no-stop") == ["move Y"]
    assert actions_after("--then", "stop") == ["stop"]
    refused = mailctl("account", "filter", "edit", account, "a", "--no-stop")
    assert (refused.code, "--then: is empty" in refused.err) == (2, True)


def test_a_dry_run_shows_the_difference_and_writes_nothing(mailctl: Mailctl, account: str) -> None:
    before = mailctl.settings()
    result = mailctl.must(
        "account", "filter", "add", account, "x", "--if", "subject is x", "--then", "delete", "--dry-run"
    )
    assert '+conditions = ["subject is x"]' in result.out
    assert mailctl.settings() == before


def test_a_folder_that_is_called_as_a_role_is_told_apart_from_it(mailctl: Mailctl, account: str) -> None:
    rule = ("account", "filter", "add", account, "a", "--if", "subject is a", "--then", "move junk")
    said = " ".join(mailctl.must(*rule).err.split())
    assert "'junk' is the one called so, not the spam folder" in said


def test_rules_of_a_pop3_mailbox_are_for_its_server_alone(mailctl: Mailctl) -> None:
    mailctl.add_server("p", "--incoming-protocol", "pop3")
    address = "z@example.test"
    mailctl.must("account", "add", address, "--server", "p", "--username", "z", "--password-from", "env:Z")
    said = " ".join(
        mailctl.must("account", "filter", "add", address, "--if", "subject is a", "--then", "keep", "a").err.split()
    )
    assert "a POP3 mailbox has no folders for `filter run`" in said


def test_one_rule_is_moved_to_a_place(mailctl: Mailctl, account: str) -> None:
    def order_after(*words: str) -> str:
        done = mailctl.must("account", "filter", "reorder", account, *words, "-o", "json").json
        return "".join(rule["name"] for rule in done["filters"])

    for name in "abc":
        add(mailctl, account, name, f"subject is {name}", "keep")
    assert order_after("c", "--first") == "cab"
    assert order_after("c", "--last") == "abc"
    assert order_after("c", "--before", "b") == "acb"
    assert order_after("a", "--after", "b") == "cba"


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("reorder", "{}", "a", "--before", "a"), 2, "'a' cannot be placed before itself"),
        (("reorder", "{}", "a", "--after", "b"), 3, "has no filter 'b'"),
        (("reorder", "{}", "a", "--first", "--last"), 2, "take one of --first"),
        (("add", "{}", "x"), 2, "missing: --if, --then"),
        (("add", "{}", "x", "--if", "subject is", "--then", "keep"), 2, "--if: 'subject is' is no condition"),
        (("add", "{}", "x", "--if", "subject is x", "--then", "explode"), 2, "--then: 'explode' is no action"),
        (("add", "{}", " ", "--if", "subject is x", "--then", "keep"), 2, "NAME: "),
        (("add", "{}", "x", "--if", "subject is x", "--then", "keep", "--match", "some"), 2, "none of: all, any, none"),
        (("add", "{}", "a", "--if", "subject is x", "--then", "keep"), 4, "has a filter 'a' already"),
        (("edit", "{}", "aa", "--then", "keep"), 3, "did you mean a"),
        (("edit", "{}", "a"), 2, "name what is to change"),
        (("reorder", "{}", "a", "a"), 2, "twice: a"),
        (("delete", "{}", "a"), 2, "--yes"),
        (("list", "nobody@example.test"), 3, "nobody@example.test"),
    ],
)
def test_what_cannot_be_done_is_said_and_changes_nothing(
    mailctl: Mailctl, account: str, words: tuple[str, ...], code: int, said: str
) -> None:
    add(mailctl, account, "a", "subject is a", "keep")
    before = mailctl.settings()
    result = mailctl("account", "filter", *(word.replace("{}", account) for word in words))
    assert result.code == code
    assert said in result.err
    assert mailctl.settings() == before


def test_an_installed_rule_moves_a_delivered_message_by_itself(
    mailctl: Mailctl, ruled: str, dovecot: Dovecot, imap: IMAPClient
) -> None:
    add(mailctl, ruled, "請求書", "subject contains 請求書", "move 請求書", "mark read", "flag $Work")
    result = mailctl.must("account", "filter", "install", ruled)
    assert "installed 1 filter as the active script 'mailctl' at localhost" in result.err
    dovecot.deliver(ruled, INVOICE)
    dovecot.deliver(ruled, OTHER)
    assert len(dovecot.messages(ruled)) == 1
    imap.select_folder("請求書")
    [flags] = [entry[b"FLAGS"] for entry in imap.fetch([1], ["FLAGS"]).values()]
    assert {b"\\Seen", b"$Work"} <= set(flags)


def test_the_server_that_runs_the_rules_is_shown(mailctl: Mailctl, ruled: str, dovecot: Dovecot) -> None:
    shown = mailctl.must("account", "show", ruled).out
    assert f"\n  rules     managesieve localhost:{dovecot.sieve_port} starttls\n" in shown
    mailctl.must("account", "edit", ruled, "--clear", "sieve")
    assert "managesieve" not in mailctl.must("account", "show", ruled).out


def test_installing_again_changes_nothing_until_the_rules_do(mailctl: Mailctl, ruled: str, dovecot: Dovecot) -> None:
    add(mailctl, ruled, "x", "subject is Hello", "move Other")
    install = ("account", "filter", "install", ruled, "-o", "json")
    assert mailctl.must(*install).json["changed"] is True
    assert mailctl.must(*install).json["changed"] is False
    mailctl.must("account", "filter", "delete", ruled, "x", "--yes")
    add(mailctl, ruled, "y", "subject is Bye", "move Other")
    assert mailctl.must(*install).json == {
        "schema_version": 1, "changed": True, "account": ruled, "server": f"localhost:{dovecot.sieve_port}",
        "filters": ["y"], "vacation": False, "removed": False, "replaced": None, "warnings": None, "inactive": [],
    }  # fmt: skip
    dovecot.deliver(ruled, OTHER)
    assert len(dovecot.messages(ruled)) == 1


def test_the_script_goes_with_the_last_rule_and_answer(
    mailctl: Mailctl, ruled: str, dovecot: Dovecot, tmp_path: Path
) -> None:
    body = tmp_path / "away.txt"
    body.write_text("Away.\n", encoding="utf-8")
    install = ("account", "filter", "install", ruled)
    scripts = dovecot.folder / "mail" / ruled / "sieve"
    nothing = f"{ruled} has no filter and gives no answer"
    add(mailctl, ruled, "x", "subject is Hello", "move Other")
    mailctl.must("account", "vacation", "set", ruled, "--subject", "Away", "--body-file", body)
    mailctl.must(*install)
    assert [path.name for path in scripts.glob("*.sieve")] == ["mailctl.sieve"]
    mailctl.must("account", "filter", "delete", ruled, "x", "--yes")
    assert "installed the out-of-office answer" in mailctl.must(*install).err
    mailctl.must("account", "vacation", "off", ruled)
    assert "dry run, nothing was removed" in mailctl.must(*install, "--dry-run").err
    assert "installed" not in (removed := mailctl.must(*install).err)
    assert f"removed the script 'mailctl' at localhost: {nothing}" in removed
    assert [*scripts.glob("*.sieve")] == []
    dovecot.deliver(ruled, OTHER)
    assert len(dovecot.messages(ruled)) == 1
    again = mailctl.must(*install, "-o", "json").json
    assert (again["changed"], again["removed"]) == (False, False)
    assert f"nothing to change: {nothing}" in mailctl.must(*install).err


def test_a_dry_run_shows_the_script_that_the_server_has_checked(mailctl: Mailctl, ruled: str) -> None:
    add(mailctl, ruled, "x", "subject is Hello", "move Other")
    result = mailctl.must("account", "filter", "install", ruled, "--dry-run")
    assert 'if allof (header :is "subject" "Hello")' in result.out
    assert "nothing was stored" in result.err
    assert mailctl.must("account", "filter", "install", ruled, "-o", "json").json["changed"] is True


def test_a_persons_own_script_is_put_aside_only_when_asked(mailctl: Mailctl, ruled: str, dovecot: Dovecot) -> None:
    own = dovecot.folder / "mail" / ruled / "sieve"
    own.mkdir(parents=True)
    (own / "roundcube.sieve").write_bytes(b"keep;\r\n")
    (dovecot.folder / "mail" / ruled / ".dovecot.sieve").symlink_to("sieve/roundcube.sieve")
    for path in (own.parent, own, own / "roundcube.sieve"):
        path.chmod(0o777)
    assert "nothing to change" in mailctl.must("account", "filter", "install", ruled).err
    add(mailctl, ruled, "x", "subject is Hello", "move Other")
    refused = mailctl("account", "filter", "install", ruled)
    assert refused.code == 4
    assert "has an active script of its own: 'roundcube'" in refused.err
    result = mailctl.must("account", "filter", "install", ruled, "--replace")
    assert "the script 'roundcube' was put aside" in result.err
    mailctl.must("account", "filter", "delete", ruled, "x", "--yes")
    removed = mailctl.must("account", "filter", "install", ruled).err
    assert "stored there, and not active: 'roundcube'" in " ".join(removed.split())
    assert [path.name for path in own.glob("*.sieve")] == ["roundcube.sieve"]
    assert (own / "roundcube.sieve").read_bytes() == b"keep;\r\n"


def test_what_the_server_has_run_the_rules_on_is_left_to_it(
    mailctl: Mailctl, ruled: str, dovecot: Dovecot, imap: IMAPClient
) -> None:
    run = ("account", "filter", "run", ruled)
    add(mailctl, ruled, "x", "subject is Hello", "copy Copies")
    assert "would be created: 'Copies'" in mailctl.must(*run, "--dry-run").err
    before = dt.datetime.now(dt.UTC) - dt.timedelta(minutes=1)
    imap.append("INBOX", OTHER, msg_time=before)
    mailctl.must("account", "filter", "install", ruled)
    dovecot.deliver(ruled, OTHER)
    edited = mailctl.must("account", "filter", "edit", ruled, "x", "--match", "any").err
    assert "until then the server runs the rules as they were installed last" in " ".join(edited.split())
    result = mailctl.must(*run)
    assert "looked at 2 messages" in result.err
    assert "rules apply to 1" in result.err
    assert "the rules are installed at the server since" in (said := " ".join(result.err.split()))
    assert "what came since is left to it; 1 message so far" in said
    assert f"`mailctl account filter uninstall {ruled}` ends that" in said
    assert mailctl.must(*run, "--all", "-o", "json").json["left_to_server"] == 1
    assert len(dovecot.messages(ruled, "Copies")) == 2
    delete = ("account", "delete", ruled, "--yes", "--dry-run")
    assert f"`mailctl account filter uninstall {ruled}` takes it away" in " ".join(mailctl.must(*delete).err.split())
    assert "without --dry-run" in mailctl.must("account", "filter", "uninstall", ruled, "--dry-run").err
    assert "removed the script 'mailctl'" in mailctl.must("account", "filter", "uninstall", ruled).err
    assert "uninstall" not in mailctl.must(*delete).err
    assert "nothing to change" in mailctl.must("account", "vacation", "uninstall", ruled).err
    said = " ".join(mailctl.must(*run, "--all").err.split())
    assert "1 message came while the server ran the rules itself" in said
    imap.append("INBOX", OTHER, msg_time=dt.datetime.now(dt.UTC) + dt.timedelta(minutes=1))
    assert "rules apply to 1" in mailctl.must(*run).err
    assert len(dovecot.messages(ruled, "Copies")) == 3
    assert "rules apply to 3" in mailctl.must(*run, "--after-server").err
    assert len(dovecot.messages(ruled, "Copies")) == 4


def test_the_server_answers_while_the_answer_is_installed_and_a_run_does_not(
    mailctl: Mailctl, ruled: str, imap: IMAPClient, tmp_path: Path
) -> None:
    body = tmp_path / "away.txt"
    body.write_text("Away.\n", encoding="utf-8")
    mailctl.must("account", "vacation", "set", ruled, "--subject", "Away", "--body-file", body)
    mailctl.must("account", "vacation", "install", ruled)
    to_them = OTHER.replace(b"me@example.test", ruled.encode())
    imap.append("INBOX", to_them, msg_time=dt.datetime.now(dt.UTC) + dt.timedelta(minutes=1))
    run = ("account", "vacation", "run", ruled, "--dry-run")
    [told] = mailctl.must(*run, "-o", "json").json["messages"]
    assert told["why_not"] == "it came while the answer was the server's to give"
    assert f"`mailctl account vacation uninstall {ruled}` ends that" in " ".join(mailctl.must(*run).err.split())
    mailctl.must("account", "vacation", "uninstall", ruled, "-o", "json")
    [told] = mailctl.must(*run, "-o", "json").json["messages"]
    assert told["why_not"] is None


def test_what_is_deleted_goes_to_the_folder_that_the_server_tells(
    mailctl: Mailctl, ruled: str, dovecot: Dovecot, imap: IMAPClient
) -> None:
    add(mailctl, ruled, "x", "subject is Hello", "delete")
    mailctl.must("account", "filter", "install", ruled)
    dovecot.deliver(ruled, OTHER)
    assert imap.select_folder("Trash")[b"EXISTS"] == 1


def test_a_mapped_trash_that_has_gone_is_named_before_rules_are_installed(
    mailctl: Mailctl, ruled: str, imap: IMAPClient
) -> None:
    imap.create_folder("Bin")
    mailctl.must("account", "folders", "set", ruled, "trash", "Bin")
    imap.delete_folder("Bin")
    add(mailctl, ruled, "x", "subject is Hello", "delete")
    refused = mailctl("account", "filter", "install", ruled)
    assert (refused.code, f"{ruled} has no folder 'Bin'" in refused.err) == (3, True)


def test_without_a_look_into_the_mailbox_the_trash_must_be_mapped(mailctl: Mailctl, ruled: str) -> None:
    add(mailctl, ruled, "x", "subject is Hello", "delete")
    mailctl.must("account", "edit", ruled, "--incoming-port", "1")
    refused = mailctl("account", "filter", "install", ruled)
    assert refused.code == 2
    assert f"mailctl account folders detect {ruled} --save" in refused.err


@pytest.fixture(scope="module")
def nested_dovecot(ca: CertificateAuthority) -> Iterator[Dovecot]:
    """A Dovecot that keeps all folders below INBOX, and tells nothing of their roles."""
    with Dovecot(ca=ca, sieve=True, folder_prefix="INBOX.", separator=".", special_folders=()) as server:
        yield server


def test_a_folder_outside_of_the_prefix_is_refused_with_the_name_to_take(
    mailctl: Mailctl, add_person: AddPerson, nested_dovecot: Dovecot
) -> None:
    newcomer = Person(f"{secrets.token_hex(6)}@example.test", "secret")
    nested_dovecot.add_user(newcomer.address, newcomer.password)
    sieve = ("--sieve-host", "localhost", "--sieve-port", str(nested_dovecot.sieve_port))
    address = add_person(newcomer, *sieve, imap=nested_dovecot)
    add(mailctl, address, "x", "subject is Hello", "move Other")
    for command in ("install", "run"):
        refused = mailctl("account", "filter", command, address)
        assert refused.code == 13
        assert "folders of this mailbox begin with 'INBOX.': name it 'INBOX.Other'" in refused.err
    mailctl.must("account", "filter", "edit", address, "x", "--then", "move INBOX.Other")
    mailctl.must("account", "filter", "install", address)
    nested_dovecot.deliver(address, OTHER)
    assert len(nested_dovecot.messages(address, "INBOX.Other")) == 1
    add(mailctl, address, "y", "subject is Bye", "delete")
    for command in ("install", "run"):
        refused = mailctl("account", "filter", command, address)
        assert (refused.code, "which folder" in refused.err) == (2, True)


def test_a_server_without_managesieve_is_said_with_the_way_on(mailctl: Mailctl, account: str, tmp_path: Path) -> None:
    body = tmp_path / "away.txt"
    body.write_text("I am away.\n")
    mailctl.must("account", "edit", account, "--sieve-host", "localhost", "--sieve-port", "1")
    mailctl.must("account", "vacation", "set", account, "--subject", "Away", "--body-file", body)
    refused = mailctl("account", "vacation", "install", account)
    assert refused.code == 10
    assert "error: ManageSieve at localhost, port 1: the connection was refused" in refused.err
    assert f"`mailctl account vacation run {account}` does the same from here" in refused.err
    assert "filter run" not in refused.err
    add(mailctl, account, "x", "subject is Hello", "move Other")
    both = f"`mailctl account filter run {account}` and `mailctl account vacation run {account}` do the same"
    for group in ("filter", "vacation"):
        assert both in mailctl("account", group, "install", account).err
    mailctl.must("account", "vacation", "off", account)
    refused = mailctl("account", "vacation", "install", account)
    assert f"`mailctl account filter run {account}` does the same" in refused.err
    assert "vacation run" not in refused.err
