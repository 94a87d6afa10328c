"""Rules as Sieve in Pigeonhole and as decided here: the same rules make the same of the same message."""

from __future__ import annotations

import datetime as dt
import os
import re
import subprocess

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.servers.dovecot import PACKAGE_USER
from tests.servers.processes import get_program, make_folder

from mailctl.errors import CapabilityError
from mailctl.model.filters import Filter, Match
from mailctl.model.vacation import Vacation
from mailctl.protocol.message.header_block import parse_header_block
from mailctl.protocol.rules.filtering import Disposition, Filing, Mail, decide, find_needs
from mailctl.protocol.rules.sieve import compile_sieve

ALL_EXTENSIONS = ("body", "copy", "fileinto", "imap4flags", "mailbox")
TRASH = "Trash"


def rule(*conditions, then=("move A",), match="all", name="r"):
    return Filter(name=name, match=Match(match), conditions=conditions, actions=then)


def mail(message: bytes) -> Mail:
    header, _, body = message.partition(b"\r\n\r\n")
    return Mail(parse_header_block(header), len(message), [body.decode()])


@pytest.fixture(scope="module")
def pigeonhole():
    """Return a function that has Pigeonhole decide, by its own tester."""
    folder = make_folder("sieve")
    configuration = folder / "dovecot.conf"
    configuration.write_text(f"mail_location = maildir:{folder}/mail\nssl = no\n")
    configuration.chmod(0o644)
    folder.chmod(0o755)

    def run(filters, message: bytes) -> Disposition:
        script, source = folder / "rules.sieve", folder / "message"
        script.write_bytes(compile_sieve(filters, trash=TRASH, extensions=ALL_EXTENSIONS).encode())
        source.write_bytes(message)
        done = subprocess.run(
            [get_program("sieve-test"), "-C", "-c", configuration, script, source],
            capture_output=True,
            text=True,
            **({"user": PACKAGE_USER, "group": PACKAGE_USER, "extra_groups": []} if os.geteuid() == 0 else {}),
            env={"HOME": str(folder), "PATH": os.environ["PATH"]},
            check=False,
        )
        assert done.returncode == 0, done.stderr + script.read_text()
        return read_disposition(done.stdout)

    return run


def read_disposition(told: str) -> Disposition:
    """Read what sieve-test prints."""
    performed, _, implicit = told.partition("Implicit keep:")
    filings: dict[str, tuple[str, ...]] = {}
    redirects = []
    for block in re.split(r"\n \* ", performed + "\n" + implicit):
        flags = re.search(r"add IMAP flags: (.*)", block)
        named = tuple(flags[1].split()) if flags else ()
        if stored := re.match(r"store message in folder: (.*)", block):
            filings[stored[1]] = named
        elif redirect := re.match(r"redirect message to: <(.*)>", block):
            redirects.append(redirect[1])
    return Disposition(tuple(Filing(*pair) for pair in filings.items()), tuple(redirects))


def alike(disposition: Disposition) -> tuple[object, object]:
    """Return what counts of an disposition: system flags have any case, and the order of folders means nothing."""
    filings = {(filing.folder, frozenset(flag.lower() for flag in filing.flags)) for filing in disposition.filings}
    return filings, frozenset(disposition.redirects)


WORDS = st.sampled_from(["a", "A", "b", "山", "é", "É", "*", "?", "\\", '"', "x y", "ab", "aab", "."])
TEXTS = st.lists(WORDS, min_size=1, max_size=4).map("".join).filter(lambda text: text == text.strip())
ADDRESSES = st.sampled_from(["boss@example.test", "Boss@Example.TEST", "a@example.test", "b.c@x.test"])


def is_alike_everywhere(condition):
    """Pigeonhole's `?` is an octet and no character, and a backslash at the end of a pattern crashes it."""
    return "matches" not in condition or not ("?" in condition or condition.endswith("\\"))


CONDITIONS = st.one_of(
    st.builds(
        "{} {} {}".format,
        st.sampled_from(["subject", "from", "x-a", "header:sender", "body"]),
        st.sampled_from(["contains", "is", "matches"]),
        TEXTS,
    ).filter(is_alike_everywhere),
    st.builds(
        "{} {} {}".format, st.sampled_from(["sender", "recipient"]), st.sampled_from(["is", "contains"]), ADDRESSES
    ),
    st.builds("size {} {}".format, st.sampled_from(["over", "under"]), st.sampled_from(["1", "150", "200", "1K"])),
)
# Pigeonhole keeps a message in INBOX that one rule copies, and a later one moves, into the same folder: not tried here.
ACTIONS = st.sampled_from(
    ["move A", "move 見積書", "copy B", "mark read", "flag", "flag $Work", "delete", "keep", "stop",
     "redirect c@example.test", "move INBOX"]
)  # fmt: skip
RULES = st.lists(
    st.builds(
        lambda match, conditions, actions: rule(*conditions, then=tuple(actions), match=match),
        st.sampled_from(Match),
        st.lists(CONDITIONS, min_size=1, max_size=3),
        st.lists(ACTIONS, min_size=1, max_size=4),
    ),
    min_size=1,
    max_size=3,
).map(lambda rules: [Filter(name=f"r{at}", match=r.match, conditions=r.conditions, actions=r.actions)
                     for at, r in enumerate(rules)])  # fmt: skip


@st.composite
def messages(draw):
    from email.header import Header

    def field(name, text):
        encoded = text if draw(st.booleans()) and text.isascii() else Header(text, "utf-8", maxlinelen=0).encode()
        return f"{name}: {encoded}\r\n"

    lines = [
        f"From: {draw(st.sampled_from(['', 'The Boss ', '=?utf-8?Q?B=C3=B6ss?= ']))}<{draw(ADDRESSES)}>\r\n",
        f"To: {draw(ADDRESSES)}, Somebody <{draw(ADDRESSES)}>\r\n",
        f"Cc: {draw(ADDRESSES)}\r\n",
        field("Subject", draw(TEXTS)),
        *(field("X-A", text) for text in draw(st.lists(TEXTS, max_size=2))),
        "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n",
    ]
    return ("".join(lines) + "\r\n" + draw(TEXTS) + "\r\n").encode()


@pytest.mark.real("dovecot")
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(filters=RULES, message=messages())
def test_the_same_rules_mean_the_same_as_in_pigeonhole(pigeonhole, filters, message):
    ours = decide(filters, mail(message), trash=TRASH)
    assert alike(ours) == alike(pigeonhole(filters, message))


@pytest.mark.parametrize(
    ("pattern", "text", "fits"),
    [
        ("山?太", "山田太", True),
        ("山?太", "山太", False),
        ("*.pdf", "Rechnung.PDF", True),
        ("*a*b*c", "xaybbzc", True),
        ("*a*b*c", "xaybbzcd", False),
        ("a**b", "ab", True),
        (r"\*x\?", "*x?", True),
        (r"\*x\?", "axb", False),
        (r"\\*", "\\anything", True),
        ("*", "", True),
        ("*" * 20 + "b", "a" * 20_000, False),
        ("*a" * 20 + "b", "a" * 20_000, False),
    ],
)
def test_patterns_stand_for_whole_values(pattern, text, fits):
    disposition = decide([rule(f"subject matches {pattern}")], mail(f"Subject: {text}\r\n\r\n".encode()), trash=None)
    assert [filing.folder for filing in disposition.filings] == (["A"] if fits else ["INBOX"])


def test_only_what_conditions_look_at_is_needed():
    needs = find_needs([rule("sender is a@x.test", "size over 1M"), rule("header:Sender contains x", "List-Id is y")])
    assert (needs.fields, needs.body) == ({"from", "sender", "list-id"}, False)
    assert find_needs([rule("body contains x", "recipient is a@x.test")]).body


def test_an_outcome_names_the_rules_that_matched():
    rules = [rule("subject is x", name="1"), rule("subject is y", name="2"), rule("subject contains x", name="3")]
    assert decide(rules, mail(b"Subject: x\r\n\r\n"), trash=None).applied == ("1", "3")


def test_what_a_server_lacks_is_named_with_the_rules_that_need_it():
    rules = [rule("body contains x", name="Körper"), rule("subject is x", then=("copy A", "flag"), name="Kopie")]
    with pytest.raises(CapabilityError) as caught:
        compile_sieve(rules, trash=None, extensions=["fileinto", "imap4flags"])
    assert "body (needed by Körper)" in caught.value.message
    assert "copy (needed by Kopie)" in caught.value.message
    assert "imap4flags" not in caught.value.message


def test_a_script_has_nothing_that_a_name_or_value_could_end():
    name = 'a rule; # with */ all \\ "marks"'
    script = compile_sieve(
        [rule('subject is x" { discard; } #', then=('move a"b\\c',), name=name)], trash=None, extensions=["fileinto"]
    )
    assert r'header :is "subject" "x\" { discard; } #"' in script
    assert r'fileinto "a\"b\\c";' in script
    assert [line for line in script.split("\r\n") if line.startswith("# a")] == [f"# {name}"]


@pytest.mark.real("dovecot")
def test_pigeonholes_compiler_takes_what_every_word_becomes(tmp_path):
    everything = rule(
        "subject contains a", "from is b", "header:sender matches *c?", "sender is d@x.test", "recipient contains e",
        "body contains f", "size over 1M", "size under 2G",
        then=("move 見積書", "copy B", "mark read", "flag", "flag $W", "delete", "redirect g@例え.jp", "keep", "stop"),
        name="規則",
    )  # fmt: skip
    away = Vacation(
        subject='不在 "x"', text="Away.\n.\nBye \\", from_date=dt.date(2026, 12, 24), until=dt.date(2027, 1, 3)
    )
    offered = (*ALL_EXTENSIONS, "vacation", "date", "relational")
    script = tmp_path / "all.sieve"
    text = compile_sieve([everything], trash=TRASH, extensions=offered, vacation=away, own=["h@x.test"])
    script.write_bytes(text.encode())
    compiled = subprocess.run([get_program("sievec"), script], capture_output=True, text=True, check=False)
    assert compiled.returncode == 0, compiled.stderr
