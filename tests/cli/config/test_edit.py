"""`mailctl config edit` on a terminal, with editors that are small programs."""

from __future__ import annotations

import os
import sys

import pytest

pexpect = pytest.importorskip("pexpect", exc_type=ImportError)
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs pseudo-terminals")

VALID = """\
# mine
[[servers]]
code = "a"
name = "A"
smtp.host = "h"
incoming = { protocol = "imap", host = "h" }
"""


@pytest.fixture
def config(tmp_path):
    path = tmp_path / "mailctl.toml"
    path.write_text(VALID)
    path.chmod(0o600)
    return path


@pytest.fixture
def edit(config, tmp_path):
    """Start `config edit` with an editor: Python code that is given `path`, the file that it edits."""

    def edit(code: str, *options: str):
        editor = tmp_path / "editor.py"
        editor.write_text(f"import pathlib, sys\npath = pathlib.Path(sys.argv[1])\n{code}\n")
        temporary = tmp_path / "temporary"
        temporary.mkdir(exist_ok=True)
        environment = {
            **os.environ,
            "VISUAL": f"'{sys.executable}' '{editor}'",
            "TMPDIR": str(temporary),
            "NO_COLOR": "1",
        }
        environment.pop("MAILCTL_NO_INPUT", None)
        arguments = ["-m", "mailctl", "--config", str(config), "config", "edit", *options]
        return pexpect.spawn(sys.executable, arguments, env=environment, encoding="utf-8", timeout=30)

    return edit


def finish(process) -> tuple[int, str]:
    process.expect(pexpect.EOF)
    process.close()
    return process.exitstatus, process.before


def copies(tmp_path) -> list[str]:
    return [path.read_text() for path in (tmp_path / "temporary").rglob("mailctl.toml")]


def test_what_is_saved_in_the_editor_is_taken(edit, config, tmp_path):
    code, said = finish(edit("path.write_text(path.read_text().replace('\"A\"', '\"B\"'))"))
    assert code == 0
    assert "saved" in said
    assert config.read_text() == VALID.replace('"A"', '"B"')
    assert copies(tmp_path) == []


def test_a_file_that_is_not_there_yet_is_begun_with_its_heading(edit, config):
    config.unlink()
    code, _ = finish(edit(f"path.write_text(path.read_text() + {VALID!r})"))
    assert code == 0
    assert config.read_text().startswith("# Settings of mailctl.")
    assert config.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("exists", [True, False])
def test_nothing_edited_changes_nothing(edit, config, exists):
    if not exists:
        config.unlink()
    code, said = finish(edit(""))
    assert code == 0
    assert "nothing to change" in said
    assert config.exists() is exists


def test_what_is_not_valid_is_shown_and_edited_again(edit, config):
    process = edit("path.write_text('port = oops' if 'oops' not in path.read_text() else '# empty now\\n')")
    process.expect("line 1: not TOML")
    process.expect("Edit it again")
    process.sendline("")
    assert finish(process)[0] == 0
    assert config.read_text() == "# empty now\n"


def test_what_is_not_valid_is_kept_aside_if_it_is_not_edited_again(edit, config, tmp_path):
    process = edit("path.write_text('port = oops')")
    process.expect("Edit it again")
    warned = process.before
    process.sendline("n")
    code, said = finish(process)
    assert code == 5
    assert "is kept in" in said
    assert f"{config} was not changed" in " ".join(said.split())
    for text in (warned, said):
        assert "what you wrote is not valid" in text
        assert "the settings file" not in text
    assert config.read_text() == VALID
    assert copies(tmp_path) == ["port = oops"]


def test_a_change_by_somebody_else_meanwhile_is_not_overwritten(edit, config, tmp_path):
    code, said = finish(
        edit(f"pathlib.Path({str(config)!r}).write_text('# theirs')\npath.write_text(path.read_text() + '# mine')")
    )
    assert code == 5
    assert "changed by another program" in said
    assert config.read_text() == "# theirs"
    assert copies(tmp_path) == [VALID + "# mine"]


def test_a_rehearsal_shows_the_difference_and_writes_nothing(edit, config):
    code, said = finish(edit("path.write_text(path.read_text() + '# more\\n')", "--dry-run"))
    assert code == 0
    assert "+# more" in said
    assert config.read_text() == VALID


def test_an_editor_that_fails_changes_nothing(edit, config, tmp_path):
    code, said = finish(edit("path.write_text('# half')\nsys.exit(3)"))
    assert code == 1
    assert "ended with status 3" in said
    assert copies(tmp_path) == ["# half"]
    assert config.read_text() == VALID
