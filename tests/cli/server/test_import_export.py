"""`mailctl server import` and `export`: all or nothing, every bad row named, an export a valid import."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.cli.conftest import Mailctl

EXAMPLE = Path(__file__).parents[3] / "examples/servers.csv"
HEADER = "code,name,smtp.host,smtp.port,smtp.security,incoming.protocol,incoming.host\n"


@pytest.fixture
def filled(mailctl: Mailctl) -> Mailctl:
    mailctl.add_server(
        "hq", "--smtp-auth", "scram-sha-256", "--pin", "sha256:" + "0" * 64, "--pin", "sha256:" + "1" * 64
    )
    mailctl.must(
        "server", "add", "本社", "--name", 'a, "b"\u3000本社', "--preset", "gmail",
        "--incoming-protocol", "pop3", "--apop", "--no-tls-verify",
    )  # fmt: skip
    return mailctl


def test_an_export_as_json_is_what_list_prints(filled: Mailctl) -> None:
    listed = filled.must("server", "list", "-o", "json")
    assert listed.json["schema_version"] == 1
    for options in ((), ("--format", "json"), ("-o", "json"), ("-o", "json", "--format", "json")):
        assert filled.must("server", "export", *options).out == listed.out
    refused = filled("server", "export", "-o", "json", "--format", "csv")
    assert refused.code == 2
    assert refused.error["message"] == "-o json and --format csv exclude each other"


@pytest.mark.parametrize("format_", ["csv", "json", "toml"])
def test_an_export_is_a_valid_import(filled: Mailctl, tmp_path: Path, format_: str) -> None:
    exported = filled.must("server", "export", "--format", format_).out
    servers = filled.must("server", "list", "-o", "json").json["servers"]
    file = tmp_path / f"servers.{format_}"
    file.write_text(exported, encoding="utf-8")
    again = filled.must("server", "import", file, "-o", "json").json
    assert again == {"schema_version": 1, "changed": False, "added": [], "updated": [], "unchanged": ["hq", "本社"]}
    filled.must("server", "delete-all", "--yes")
    added = filled.must("server", "import", file, "-o", "json").json
    assert added["added"] == ["hq", "本社"]
    assert filled.must("server", "list", "-o", "json").json["servers"] == servers


def test_rows_add_and_update_in_one_change(mailctl: Mailctl, tmp_path: Path) -> None:
    mailctl.add_server("hq", "--smtp-auth", "plain")
    file = tmp_path / "servers.csv"
    file.write_bytes(
        b"\xef\xbb\xbf"
        + (
            HEADER + "new,Neu,smtp.new,,,pop3,pop.new\nhq,Changed,smtp.example.org,587,starttls,imap,imap.example.org\n"
        ).encode()
    )
    result = mailctl.must("server", "import", file, "-o", "json").json
    assert (result["added"], result["updated"]) == (["new"], ["hq"])
    hq = mailctl.must("server", "show", "hq", "-o", "json").json["server"]
    assert (hq["name"], hq["smtp"]["port"], hq["smtp"]["auth"]) == ("Changed", 587, "plain")
    assert mailctl.codes == ["hq", "new"]


def test_every_bad_row_is_named_with_line_and_column_and_nothing_is_imported(mailctl: Mailctl, tmp_path: Path) -> None:
    mailctl.add_server("hq")
    before = mailctl.settings()
    file = tmp_path / "servers.csv"
    file.write_text(
        HEADER + "ok,Good,h.org,465,tls,imap,i.org\n"
        "a@b,Bad code,h.org,465,tls,imap,i.org\n"
        "c,Bad port,h.org,２５,tls,imap,i.org\n"
        "d,Bad protocol,h.org,465,tls,jmap,i.org\n"
        "ok,Twice,h.org,465,tls,imap,i.org\n",
        encoding="utf-8",
    )
    result = mailctl("server", "import", file, "-o", "json")
    assert result.code == 2
    assert [(problem["line"], problem["where"]) for problem in result.error["problems"]] == [
        (3, "code"), (4, "smtp.port"), (5, "incoming.protocol"), (6, "code"),
    ]  # fmt: skip
    assert "- line 6, code: 'ok' stands in line 2 already" in result.error["message"]
    assert result.error["hint"] == "nothing was imported"
    assert mailctl.settings() == before


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("code,nom\na,b\n", "'nom' is no field of a server"),
        ("name\nx\n", "there is no column 'code'"),
        ("code,code\na,b\n", "the column 'code' stands twice"),
        ("code,name\na\n", "line 2, : 1 cells where the header has 2".replace(", :", ":")),
        ('code,name\n"a,b\n', "not CSV"),
        ("", "there is no column 'code'"),
    ],
)
def test_csv_that_is_none_is_refused(mailctl: Mailctl, tmp_path: Path, content: str, said: str) -> None:
    file = tmp_path / "x.csv"
    file.write_text(content)
    result = mailctl("server", "import", file)
    assert result.code == 2
    assert said in result.err
    assert not mailctl.config.exists()


def test_a_file_of_a_later_schema_is_refused(filled: Mailctl) -> None:
    before = filled.settings()
    exported = filled.must("server", "list", "-o", "json").out
    later = exported.replace('"schema_version": 1', '"schema_version": 99').replace("smtp.example.org", "x.example.org")
    result = filled("server", "import", "-", "--format", "json", stdin=later.encode())
    assert (result.code, filled.settings()) == (2, before)
    assert "schema_version: this mailctl knows schema 1, and not '99'" in result.err


@pytest.mark.parametrize("verify", ["false", "FALSE", "False"])
def test_true_and_false_are_read_as_spreadsheets_write_them(mailctl: Mailctl, verify: str) -> None:
    rows = f"code,name,smtp.host,incoming.protocol,incoming.host,tls.verify\na,A,a.org,imap,a.org,{verify}\n"
    mailctl.must("server", "import", "-", "--format", "csv", stdin=rows.encode())
    assert mailctl.must("server", "show", "a", "-o", "json").json["server"]["tls"]["verify"] is False


def test_the_example_is_imported(mailctl: Mailctl) -> None:
    mailctl.must("server", "import", EXAMPLE)
    assert mailctl.codes == ["hq", "branch", "relay"]


@pytest.mark.parametrize("delimiter", [";", "\t"])
def test_what_other_spreadsheets_write_between_cells_is_understood(
    mailctl: Mailctl, tmp_path: Path, delimiter: str
) -> None:
    file = tmp_path / "x.csv"
    file.write_text(EXAMPLE.read_text(encoding="utf-8").replace(",", delimiter), encoding="utf-8")
    mailctl.must("server", "import", file)
    assert mailctl.codes == ["hq", "branch", "relay"]


def test_columns_are_listed_once_however_many_are_wrong(mailctl: Mailctl, tmp_path: Path) -> None:
    file = tmp_path / "x.csv"
    file.write_text("code,nmae,smtp.hots\n")
    result = mailctl("server", "import", file)
    assert "did you mean 'name'?" in result.err
    assert "did you mean 'smtp.host'?" in result.err
    assert result.err.count("incoming.protocol") == 1


def test_a_short_row_hides_no_problem_of_the_others(mailctl: Mailctl, tmp_path: Path) -> None:
    file = tmp_path / "x.csv"
    file.write_text(HEADER + "short,Short\nbad,Bad,h.org,0,tls,imap,i.org\n")
    result = mailctl("server", "import", file, "-o", "json")
    assert [(problem["line"], problem["where"]) for problem in result.error["problems"]] == [(2, ""), (3, "smtp.port")]
    assert result.error["message"].startswith(f"{file} has 2 problems")


def test_another_character_set_is_refused_with_a_way_out(mailctl: Mailctl, tmp_path: Path) -> None:
    file = tmp_path / "x.csv"
    file.write_bytes("code,name\na,Zürich\n".encode("latin-1"))
    result = mailctl("server", "import", file)
    assert result.code == 2
    assert "save it as UTF-8" in result.err


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("x.json", b"{", "this is not JSON"),
        ("x.json", b"[1]", "servers[0]"),
        ("x.json", b'{"servers": 3}', "a list of servers is expected"),
        ("x.toml", b"a = ", "this is not TOML"),
        ("x.csv", b"code,name\n\xff,b\n", "line 2"),
        ("x.xls", b"", "does not tell its format"),
    ],
)
def test_files_that_are_none_are_refused(
    mailctl: Mailctl, tmp_path: Path, name: str, content: bytes, said: str
) -> None:
    (tmp_path / name).write_bytes(content)
    result = mailctl("server", "import", tmp_path / name)
    assert result.code == 2
    assert said in result.err


def test_new_only_refuses_present_codes(filled: Mailctl, tmp_path: Path) -> None:
    file = tmp_path / "x.json"
    file.write_text(filled.must("server", "export").out, encoding="utf-8")
    result = filled("server", "import", file, "--new-only", "-o", "json")
    assert result.code == 4
    assert result.error["servers"] == ["hq", "本社"]


def test_standard_input_and_dry_run(filled: Mailctl) -> None:
    exported = filled.must("server", "export", "--format", "csv").out
    filled.must("server", "delete-all", "--yes")
    result = filled.must("server", "import", "-", "--format", "csv", "--dry-run", "-o", "json", stdin=exported.encode())
    assert result.json["added"] == ["hq", "本社"]
    assert filled.codes == []


def test_the_csv_columns_are_the_fields_of_show(filled: Mailctl) -> None:
    header = next(csv.reader(io.StringIO(filled.must("server", "export", "--format", "csv").out)))
    shown = filled.must("server", "show", "hq", "-o", "json").json["server"]
    flat = [f"{section}.{name}" if isinstance(value, dict) else section
            for section, value in shown.items() for name in (value if isinstance(value, dict) else [""])]  # fmt: skip
    assert header == flat


def test_an_import_of_many_rows_is_one_change(mailctl: Mailctl, tmp_path: Path) -> None:
    rows = [
        {"code": f"s{n}", "name": "S", "smtp": {"host": "h"}, "incoming": {"protocol": "imap", "host": "h"}}
        for n in range(500)
    ]
    file = tmp_path / "x.json"
    file.write_text(json.dumps(rows))
    mailctl.must("server", "import", file)
    assert len(mailctl.codes) == 500
    mailctl.must("config", "undo")
    assert mailctl.codes == []


def test_what_cannot_be_read_is_told_in_our_own_words(mailctl: Mailctl, tmp_path: Path) -> None:
    folder = mailctl("server", "import", tmp_path, "--format", "csv")
    assert (folder.code, folder.err) == (2, f"error: cannot read {tmp_path}: it is a folder\n")
    missing = mailctl("server", "import", tmp_path / "none.csv")
    assert (missing.code, missing.err) == (
        2,
        f"error: cannot read {tmp_path}/none.csv: there is no such file or folder\n",
    )
