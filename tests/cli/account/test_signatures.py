"""`mailctl signature` and `mailctl account signature`: what is set, what is refused, and what comes of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.cli.conftest import Mailctl

ADDRESS = "taro@example.org"


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str, str | bytes], str]:
    def write(name: str, content: str | bytes) -> str:
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return str(path)

    return write


Write = Callable[[str, str], str]


@pytest.fixture
def person(site: Mailctl) -> Mailctl:
    site.must(
        "account", "add", ADDRESS, "--username", "taro", "--server", "hq", "--password-from", "env:PASSWORD",
        "--display-name", "Tarō", "--field", "title=R&D", "--field", "役職=社長",
    )  # fmt: skip
    return site


def shown(mailctl: Mailctl) -> dict[str, Any]:
    signature = mailctl.must("account", "signature", "show", ADDRESS, "-o", "json").json["signature"]
    assert isinstance(signature, dict)
    return signature


def test_the_template_is_filled_in_with_the_persons_fields(person: Mailctl, write: Write) -> None:
    text = write("s.txt", "{display_name}\r\n{title} {役職}\r\nFax {fax}\r\n{address}\r\n")
    html = write("s.html", "<b>{display_name}</b> {title} {fax}")
    person.must("signature", "set", "--text-file", text, "--html-file", html)
    result = person.must("account", "signature", "use", "organisation", ADDRESS)
    assert "taro@example.org has no fax" in result.err
    assert shown(person)["filled"] == {
        "text": f"Tarō\nR&D 社長\n{ADDRESS}", "html": "<b>Tarō</b> R&amp;D", "pictures": [],
    }  # fmt: skip
    assert person.must("signature", "show").out == (
        "text\n{display_name}\n{title} {役職}\nFax {fax}\n{address}\n\nhtml\n<b>{display_name}</b> {title} {fax}\n"
    )


def test_an_unknown_placeholder_is_refused_when_the_template_is_set(person: Mailctl, write: Write) -> None:
    before = person.settings()
    result = person("signature", "set", "--text-file", write("s.txt", "{titel} {nonsense} {a b} { x }"), "-o", "json")
    assert (result.code, person.settings()) == (2, before)
    messages = [problem["message"] for problem in result.error["problems"]]
    assert [message.split(" ")[0] for message in messages] == ["{titel}", "{nonsense}"]
    assert "did you mean {title}?" in messages[0]
    assert "役職" in messages[0]


def test_css_is_no_placeholder(person: Mailctl, write: Write) -> None:
    html = write("s.html", "<style>@media print{p{color:red}} b { x: y }</style><b>{address}</b>")
    person.must("signature", "set", "--html-file", html)
    person.must("account", "signature", "use", "organisation", ADDRESS)
    assert (
        f"<style>@media print{{p{{color:red}}}} b {{ x: y }}</style><b>{ADDRESS}</b>" in shown(person)["filled"]["html"]
    )


def test_one_of_text_and_html_is_made_from_the_other(person: Mailctl, write: Write) -> None:
    person.must("account", "signature", "set", "--text-file", write("s.txt", "A & B\nC"), ADDRESS)
    assert shown(person)["filled"] == {"text": "A & B\nC", "html": "A &amp; B<br>\nC", "pictures": []}
    person.must("account", "signature", "set", "--html-file", write("s.html", "<p>D</p>"), "--clear", "text", ADDRESS)
    assert shown(person)["filled"] == {"text": "D", "html": "<p>D</p>", "pictures": []}


def test_braces_of_an_own_signature_stay_which_is_said(person: Mailctl, write: Write) -> None:
    told = person.must("account", "signature", "set", "--text-file", write("s.txt", "{address} {x}"), ADDRESS).err
    assert shown(person)["filled"]["text"] == "{address} {x}"
    assert "warning: {address} goes out as it stands: only the organisation's signature is filled in" in told
    told = person.must("account", "signature", "set", "--text-file", write("s.txt", "{x}"), ADDRESS).err
    assert "warning" not in told


@pytest.mark.parametrize(
    ("template", "filled"),
    [
        ("{display_name}, {fax}", "Tarō"),
        ("{fax} - {display_name}", "Tarō"),
        ("{display_name} | {fax} | {address}", f"Tarō | {ADDRESS}"),
        ("{display_name} ({fax}), {title}", "Tarō, R&D"),
        ("Fax {fax}\n{display_name}", "Tarō"),
    ],
)
def test_what_is_left_out_leaves_no_signs_behind(person: Mailctl, write: Write, template: str, filled: str) -> None:
    person.must("signature", "set", "--text-file", write("s.txt", template))
    person.must("account", "signature", "use", "organisation", ADDRESS)
    assert shown(person)["filled"]["text"] == filled


def test_a_separator_that_a_file_begins_with_is_not_said_twice(person: Mailctl, write: Write) -> None:
    text, html = write("s.txt", "-- \r\nTarō\r\n-- Ltd."), write("s.html", "-- <br>\n<b>Tarō</b>")
    person.must("account", "signature", "set", "--text-file", text, "--html-file", html, ADDRESS)
    assert shown(person)["filled"] == {"text": "Tarō\n-- Ltd.", "html": "<b>Tarō</b>", "pictures": []}


def test_the_two_words_in_the_wrong_order_are_explained(person: Mailctl) -> None:
    refused = person("account", "signature", "use", ADDRESS, "organisation")
    assert refused.code == 2
    assert "it stands before the address: `mailctl account signature use organisation ADDRESS`" in refused.err


def test_an_own_signature_is_kept_while_it_is_not_used(person: Mailctl, write: Write) -> None:
    person.must("account", "signature", "set", "--text-file", write("s.txt", "Tarō"), ADDRESS)
    person.must("account", "signature", "use", "none", ADDRESS)
    assert (shown(person)["filled"], shown(person)["text"]) == (None, "Tarō")
    assert "no signature in use" in person.must("account", "signature", "show", ADDRESS).err
    assert person.must("account", "signature", "use", "own", ADDRESS, "-o", "json").json["changed"] is True
    assert person.must("account", "signature", "use", "own", ADDRESS, "-o", "json").json["changed"] is False
    person.must("account", "edit", ADDRESS, "--display-name", "T")
    assert shown(person)["text"] == "Tarō"


@pytest.mark.parametrize(
    ("which", "code", "said"),
    [
        ("own", 2, "no signature of its own"),
        ("organisation", 2, "the organisation has no signature"),
        ("mine", 2, "none of"),
    ],
)
def test_what_was_never_set_is_not_used(person: Mailctl, which: str, code: int, said: str) -> None:
    result = person("account", "signature", "use", which, ADDRESS)
    assert (result.code, said in result.err) == (code, True)


def test_the_organisation_without_a_signature(site: Mailctl) -> None:
    assert site("signature", "show").code == 3
    assert site.must("signature", "show", "-o", "json").json["signature"] is None
    assert site("signature", "set").code == 2


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ('<img src="nowhere.png">', "cannot be read: there is no such file"),
        ('<img src="s.html">', "is no picture by its name"),
        ('<img src="cid:x">', "is neither a file nor an https: address"),
        ('<img src="data:image/png;base64,AAAA">', "is neither a file nor an https: address"),
        (" \n", "must not be blank"),
        ("x" * 100_001, "at most 100000 characters"),
        (b"\xff", "is not in UTF-8"),
    ],
)
def test_html_that_cannot_be_a_signature_is_refused(
    person: Mailctl, write: Callable[[str, str | bytes], str], content: str | bytes, said: str
) -> None:
    before = person.settings()
    result = person("account", "signature", "set", "--html-file", write("s.html", content), ADDRESS)
    assert (result.code, person.settings()) == (2, before)
    assert "--html-file: " in result.err
    assert said in result.err


def test_a_picture_of_the_web_stays_there(person: Mailctl, write: Write) -> None:
    html = '<img src="https://example.org/logo.png">'
    person.must("account", "signature", "set", "--html-file", write("s.html", html), ADDRESS)
    assert shown(person)["filled"]["html"] == html


def test_a_picture_that_has_gone_is_told_before_anything_is_sent(person: Mailctl, write: Write, tmp_path: Path) -> None:
    write("logo.png", "x")
    person.must("account", "signature", "set", "--html-file", write("s.html", '<img src="logo.png">'), ADDRESS)
    (tmp_path / "logo.png").unlink()
    result = person("send", "--account", ADDRESS, "--to", "a@example.org", "--body", "x")
    assert result.code == 2
    assert f"the picture {tmp_path / 'logo.png'} cannot be read" in result.err


def test_a_dry_run_writes_nothing(person: Mailctl, write: Write) -> None:
    before = person.settings()
    text = write("s.txt", "Tarō\nYamada")
    assert '+text = """Tarō' in person.must("signature", "set", "--text-file", text, "--dry-run").out
    person.must("account", "signature", "set", "--text-file", text, "--dry-run", ADDRESS)
    assert person.settings() == before
