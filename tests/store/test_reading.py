"""Loading: what is said of a file that is broken, odd or foreign, and that it stays as it is."""

from __future__ import annotations

import subprocess
import sys

import pytest
from tests.store.layouts import BY_HAND

from mailctl.errors import SettingsError, SettingsInvalidError
from mailctl.model.settings import Settings

SERVER = """
[[servers]]
code = "a"
name = "A"
smtp = { host = "h" }
incoming = { protocol = "imap", host = "h" }
"""


def problems_of(settings_file):
    content = settings_file.path.read_bytes()
    with pytest.raises(SettingsInvalidError) as caught:
        settings_file.load()
    assert settings_file.path.read_bytes() == content
    return [(problem.line, problem.where, problem.message) for problem in caught.value.problems]


def test_without_a_file_the_settings_are_empty(settings_file):
    assert settings_file.load() == Settings()
    assert not settings_file.path.exists()


def test_what_is_not_toml_is_shown_with_its_line(settings_file, write):
    write("schema_version = 1\n\nservers = [[\n")
    ((line, _, message),) = problems_of(settings_file)
    assert line == 4
    assert "not TOML" in message
    write("a = 1\nhost = mail.example.com\n")
    ((line, _, message),) = problems_of(settings_file)
    assert line == 2
    assert message.endswith("'host = mail.example.com'")


def test_a_key_that_is_there_twice_is_shown_with_its_line(settings_file, write):
    write(SERVER + 'name = "B"\n')
    ((line, _, message),) = problems_of(settings_file)
    assert line == 7
    assert "'name = \"B\"'" in message


@pytest.mark.parametrize(
    "line",
    [
        "password = hunter2",
        'smtp_PASSWORD = "hunter2',
        "client_secret=hunter2",
        "access-token = 'hunter2",
        "x = hunter2 # the password",
        "password hunter2",
        'passphrase = """\nhunter2\nx = "',
    ],
)
def test_what_may_be_a_secret_is_not_shown(settings_file, write, line):
    write(f"schema_version = 1\n{line}\n")
    with pytest.raises(SettingsInvalidError) as caught:
        settings_file.load()
    assert "hunter2" not in str(caught.value)
    assert "hunter2" not in repr(caught.value.details)
    assert caught.value.problems[0].line is not None


def test_control_characters_of_a_broken_line_are_shown_escaped(settings_file, write):
    write('host = "\x1b[2J"\n')
    ((_, _, message),) = problems_of(settings_file)
    assert "\x1b" not in message
    assert "\\x1b" in message


def test_bytes_that_are_not_utf_8_are_shown_with_their_line(settings_file, write):
    write(b'# caf\xc3\xa9\nname = "caf\xe9"\n')
    assert problems_of(settings_file) == [(2, "", "byte 0xe9 is not UTF-8 text")]


def test_values_nested_without_end_are_refused(settings_file, write):
    write("x = " + "[" * 5000 + "]" * 5000)
    ((_, _, message),) = problems_of(settings_file)
    assert "nested" in message


def test_every_problem_is_named_with_its_line(settings_file, write):
    write(
        BY_HAND.replace("smtp.host", "smtp.port = 99999\nsmtp.host")
        .replace('protocol = "pop3"', 'protocol = "pop4"')
        .replace('host = "smtp.kyoto.example"', "timeout = 5")
        + "\n[secrets]\nnamed = { 'a.b' = 'env:X', 'c' = 'no reference' }\n"
    )
    assert [(line, where) for line, where, _ in problems_of(settings_file)] == [
        (10, "servers[0].smtp.host"),  # missing: the line of its table
        (12, "servers[0].smtp.timeout"),
        (23, "servers[1].smtp.port"),
        (26, "servers[1].incoming.protocol"),
        (38, "secrets.named.c"),
    ]


def test_values_in_lists_of_several_lines_have_their_own_line(settings_file, write):
    write(SERVER + '[servers.tls]\npins = [\n  # the first\n  "sha256:' + "0" * 64 + '",\n  "md5:1",\n]\n')
    ((line, where, _),) = problems_of(settings_file)
    assert (line, where) == (11, "servers[0].tls.pins[1]")


def test_two_servers_with_one_code_are_both_named(settings_file, write):
    write(SERVER + SERVER)
    assert [(line, where) for line, where, _ in problems_of(settings_file)] == [
        (3, "servers[0].code"),
        (9, "servers[1].code"),
    ]


@pytest.mark.parametrize(("version", "message"), [("2", "schema 2; this mailctl knows schemas up to 1")])
def test_a_newer_schema_is_refused_with_both_versions(settings_file, write, version, message):
    write(f"# new\nschema_version = {version}\n[new]\nthings = true\n")
    ((line, where, said),) = problems_of(settings_file)
    assert (line, where) == (2, "schema_version")
    assert message in said


@pytest.mark.parametrize("version", ["0", "-1", '"1"', "true", "1.0"])
def test_what_is_no_schema_version_is_refused(settings_file, write, version):
    write(f"schema_version = {version}\n")
    ((line, where, _),) = problems_of(settings_file)
    assert (line, where) == (1, "schema_version")


def test_a_file_without_a_schema_version_has_the_first_schema(settings_file, write):
    write(SERVER)
    assert settings_file.load().schema_version == 1


def test_unknown_names_are_warned_of_with_their_lines(settings_file, write):
    write(BY_HAND)
    settings_file.load()
    assert [(warning.line, warning.where) for warning in settings_file.loaded.warnings] == [
        (8, "servers[0].colour"),
        (26, "servers[1].motd"),
        (30, "extra"),
    ]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no modes")
@pytest.mark.parametrize("mode", [0o660, 0o604, 0o666])
def test_a_mode_that_gives_others_rights_is_warned_of(settings_file, write, mode):
    write(SERVER)
    settings_file.path.chmod(mode)
    settings_file.load()
    (warning,) = settings_file.loaded.warnings
    assert f"{mode:04o}" in warning.message
    assert f"chmod 600 {settings_file.path}" in warning.message


def test_validating_tells_what_the_servers_warn_of(settings_file, write):
    write(SERVER.replace('smtp = { host = "h" }', 'smtp = { host = "h", port = 465, security = "starttls" }'))
    (warning,) = settings_file.validate()
    assert (warning.line, warning.where) == (2, "servers[0]")
    assert "465" in warning.message


def test_a_folder_and_a_dangling_link_are_named_as_what_they_are(settings_file):
    settings_file.path.mkdir()
    with pytest.raises(SettingsError, match="it is a folder"):
        settings_file.load()
    settings_file.path.rmdir()
    settings_file.path.symlink_to("elsewhere.toml")
    with pytest.raises(SettingsError, match=r"symbolic link to elsewhere\.toml"):
        settings_file.load()


def test_only_reading_imports_nothing_that_only_writing_needs(settings_file, write):
    write(SERVER)
    script = (
        "import sys, pathlib; from mailctl.store import SettingsFile;"
        f"SettingsFile(pathlib.Path({str(settings_file.path)!r})).load();"
        "print(*sys.modules)"
    )
    listed = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    modules = set(listed.stdout.split())
    assert "mailctl.store.reading" in modules
    assert not modules & {"mailctl.store.editing", "tomlkit", "filelock", "asyncio", "tempfile", "keyring", "typer"}


def test_a_problem_names_its_server_by_its_code(settings_file, write):
    write(SERVER.replace('{ host = "h" }', '{ host = "h", security = "ssl3" }', 1))
    ((_, where, message),) = problems_of(settings_file)
    assert where == "servers[0].smtp.security"
    assert message.endswith("(server 'a')")


def test_a_missing_setting_names_what_it_may_be_misspelt_as(settings_file, write):
    write('[sysmail]\nadress = "a@b.org"\nsmtp = { host = "h" }\n')
    ((_, where, message),) = problems_of(settings_file)
    assert where == "sysmail.address"
    assert message == "is missing (did you mean it by 'adress'?)"
