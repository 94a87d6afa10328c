"""The smallest edit: what is changed, and above all what is not."""

from __future__ import annotations

import pytest
from msgspec.structs import replace
from tests.store.layouts import BY_HAND, INLINE, INTERLEAVED

from mailctl.errors import InvalidValueError, SettingsInvalidError, SettingsWriteError
from mailctl.model.server import IncomingAuth, Security, TlsOptions
from mailctl.model.settings import SecretBackend, SecretOptions


def edit_server(index: int, **changes):
    def edit(settings):
        servers = list(settings.servers)
        servers[index] = replace(servers[index], **changes)
        return replace(settings, servers=tuple(servers))

    return edit


def side(settings, index, name, **changes):
    return replace(getattr(settings.servers[index], name), **changes)


def text_of(settings_file) -> str:
    return settings_file.path.read_bytes().decode()


def changed_lines(before: str, after: str) -> tuple[list[str], list[str]]:
    old, new = before.split("\n"), after.split("\n")
    return [line for line in old if line not in new], [line for line in new if line not in old]


def test_a_new_file_says_what_it_is_and_holds_the_server_in_canonical_form(settings_file, make_server, adding):
    change = settings_file.change(
        adding(make_server("office", incoming={"protocol": "pop3", "host": "h", "apop": True}))
    )
    assert change.changed
    assert (
        text_of(settings_file)
        == """\
# Settings of mailctl. This file may be edited by hand: mailctl keeps comments and order.
# It holds no secrets, only references to where they are. `mailctl config validate` checks it.
schema_version = 1

[[servers]]
code = "office"
name = "Server office"

[servers.smtp]
host = "smtp.example.com"
port = 465
security = "tls"
auth = "none"
timeout = 10
credentials = "incoming"

[servers.incoming]
protocol = "pop3"
host = "h"
port = 995
security = "tls"
auth = "auto"
apop = true
timeout = 10
"""
    )


def test_only_what_differs_from_the_default_is_written_of_tls(settings_file, make_server, adding):
    settings_file.change(adding(make_server("a", tls={"verify": False})))
    assert text_of(settings_file).endswith("timeout = 10\n\n[servers.tls]\nverify = false\n")


def test_a_changed_value_is_replaced_in_its_place(settings_file, write):
    write(BY_HAND)
    settings_file.change(edit_server(0, name="Kyôto"))
    assert changed_lines(BY_HAND, text_of(settings_file)) == (["name = '京都'"], ['name = "Kyôto"'])


def test_a_renamed_entry_keeps_its_place_and_comments(settings_file, write):
    write(BY_HAND)
    settings_file.change(edit_server(0, code="heian"))
    expected = ['code = "kyoto"            # do not rename'], ['code = "heian"            # do not rename']
    assert changed_lines(BY_HAND, text_of(settings_file)) == expected


def test_a_new_key_follows_the_sibling_before_it_with_its_indentation(settings_file, write):
    write(BY_HAND)
    change = settings_file.change(
        lambda settings: edit_server(0, incoming=side(settings, 0, "incoming", timeout=30))(settings)
    )
    assert '  host = "imap.kyoto.example"   # behind the firewall\n  timeout = 30\n' in text_of(settings_file)
    assert change.diff.count("\n+") == 1
    assert "\n-" not in change.diff


def test_values_that_followed_from_a_changed_one_are_written_out(settings_file, write):
    write(BY_HAND)  # its port follows from its security
    settings_file.change(
        lambda settings: edit_server(0, smtp=side(settings, 0, "smtp", security=Security.STARTTLS))(settings)
    )
    smtp = settings_file.load().servers[0].smtp
    assert (smtp.port, smtp.security) == (465, Security.STARTTLS)
    assert 'security = "starttls"\nhost = "smtp.kyoto.example"\nport = 465\n' in text_of(settings_file)


def test_inline_tables_and_dotted_keys_are_edited_in_their_own_form(settings_file, write):
    write(BY_HAND)

    def edit(settings):
        smtp = side(settings, 1, "smtp", timeout=60, auth="login")
        incoming = side(settings, 1, "incoming", auth=IncomingAuth.PLAIN, host="new.example")
        return edit_server(1, smtp=smtp, incoming=incoming)(settings)

    settings_file.change(edit)
    removed, added = changed_lines(BY_HAND, text_of(settings_file))
    assert removed == ['smtp.auth = "plain"', 'incoming = { protocol = "pop3", host = "pop.osaka.example" }']
    assert added == [
        "smtp.timeout = 60",
        'smtp.auth = "login"',
        'incoming = { protocol = "pop3", host = "new.example", auth = "plain" }',
    ]


def test_a_cleared_value_leaves_no_empty_table_behind(settings_file, make_server, adding):
    settings_file.change(adding(make_server("a")))
    plain = text_of(settings_file)
    settings_file.change(edit_server(0, tls=TlsOptions(verify=False, ca_file="/ca.pem")))
    settings_file.change(edit_server(0, tls=TlsOptions(ca_file="/ca.pem")))
    assert text_of(settings_file).endswith('\n[servers.tls]\nca_file = "/ca.pem"\n')
    settings_file.change(edit_server(0, tls=TlsOptions()))
    assert text_of(settings_file) == plain


def test_a_cleared_value_leaves_a_table_with_comments_alone(settings_file, write):
    write(
        BY_HAND.replace("# ---- customers ----", "[servers.tls]\n# until the new certificate is there\nverify = false")
    )
    settings_file.change(edit_server(0, tls=TlsOptions()))
    assert "[servers.tls]\n# until the new certificate is there\n\n[[servers]]" in text_of(settings_file)


@pytest.mark.parametrize(
    ("table", "left"),
    [
        ('{ verify = false, ca_file = "c" }', '{ ca_file = "c" }'),
        ('{ ca_file = "c", verify = false }', '{ ca_file = "c" }'),
        ("{ verify = false }", "{ }"),
    ],
)
def test_a_value_cleared_from_an_inline_table_takes_its_comma_with_it(settings_file, write, table, left):
    write(BY_HAND.replace('colour = "red"', f"tls = {table}"))
    settings_file.change(lambda s: edit_server(0, tls=replace(s.servers[0].tls, verify=True))(s))
    assert f"tls = {left}\n" in text_of(settings_file)


def test_reordered_entries_take_their_comments_along_and_leave_what_stands_between(settings_file, write):
    write(BY_HAND)
    settings_file.change(lambda settings: replace(settings, servers=settings.servers[::-1]))
    text = text_of(settings_file)
    marks = [
        "# Mail of",
        '"osaka"',
        "# not a comment",
        "# ---- customers",
        "# the office",
        '"kyoto"',
        "# may move",
        "[extra]",
    ]
    assert sorted(marks, key=text.index) == marks
    settings_file.change(lambda settings: replace(settings, servers=settings.servers[::-1]))
    assert text_of(settings_file) == BY_HAND


def test_a_deleted_entry_takes_its_own_comment_and_one_gap(settings_file, write):
    write(BY_HAND)
    settings_file.change(lambda settings: replace(settings, servers=settings.servers[1:]))
    start, end = BY_HAND.index("# the office"), BY_HAND.index("# ---- customers")
    assert text_of(settings_file) == BY_HAND[:start] + BY_HAND[end:]


def test_all_entries_deleted_leave_everything_else(settings_file, write):
    write(BY_HAND)
    settings_file.change(lambda settings: replace(settings, servers=()))
    text = text_of(settings_file)
    assert text.startswith("# Mail of the Example Company\nschema_version = 1\n\n# ---- customers ----\n")
    assert text.endswith(BY_HAND[BY_HAND.index("[extra]") :])
    assert "code" not in text


def test_a_new_entry_follows_the_one_before_it(settings_file, write, make_server):
    write(BY_HAND)

    def between(settings):
        return replace(settings, servers=(settings.servers[0], make_server("nara"), settings.servers[1]))

    settings_file.change(between)
    text = text_of(settings_file)
    start = text.index("# may move in spring\n") + len("# may move in spring\n")
    assert text[start:].startswith('\n[[servers]]\ncode = "nara"\n')
    added = text.index("\n# ---- customers")
    assert text[:start] + text[added:] == BY_HAND


def test_a_first_entry_goes_before_all_others(settings_file, write, make_server):
    write(BY_HAND)
    settings_file.change(lambda settings: replace(settings, servers=(make_server("nara"), *settings.servers)))
    text = text_of(settings_file)
    assert text.index('"nara"') < text.index("# the office in Kyoto")
    assert [server.code for server in settings_file.load().servers] == ["nara", "kyoto", "osaka"]


@pytest.mark.parametrize("start", [b"", b"# mine\n", b"servers = []\n", b"[secrets]\nbackend = 'vault'"])
def test_an_entry_is_added_to_any_file_without_entries(settings_file, write, make_server, adding, start):
    write(start)
    settings_file.change(adding(make_server("a")))
    assert [server.code for server in settings_file.load().servers] == ["a"]
    assert start.replace(b"servers = []\n", b"") in settings_file.path.read_bytes()


def test_windows_line_ends_stay(settings_file, write, make_server, adding):
    write(BY_HAND.replace("\n", "\r\n"))
    settings_file.change(adding(make_server("a", tls={"verify": False})))
    settings_file.change(lambda s: edit_server(0, name="K", tls=TlsOptions(verify=False))(s))
    content = settings_file.path.read_bytes()
    assert content.count(b"\n") == content.count(b"\r\n")
    assert b'code = "a"\r\n' in content


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_a_byte_order_mark_and_a_missing_last_newline_stay(settings_file, write, make_server, adding, mark):
    content = mark + BY_HAND.removesuffix("\n").encode()
    write(content)
    settings_file.change(edit_server(0, code="heian"))
    assert settings_file.path.read_bytes() == content.replace(b'"kyoto"', b'"heian"')
    settings_file.change(adding(make_server("a")))
    assert not settings_file.path.read_bytes().endswith(b"\n")
    assert len(settings_file.load().servers) == 3


def test_other_tables_are_made_filled_and_removed(settings_file, write):
    write(BY_HAND)
    options = SecretOptions(backend=SecretBackend.VAULT, named={"a.b c": "env:X", "plain": "env:Y"})
    settings_file.change(lambda settings: replace(settings, secrets=options))
    assert settings_file.load().secrets == options
    start = BY_HAND.index("# the office")
    text = text_of(settings_file)
    assert text.startswith(BY_HAND[:start] + '[secrets]\nbackend = "vault"\n\n[secrets.named]\n')
    assert text.endswith("\n\n" + BY_HAND[start:])
    settings_file.change(lambda settings: replace(settings, secrets=SecretOptions()))
    assert text_of(settings_file) == BY_HAND


@pytest.mark.parametrize("name", ['"', "\\", "tab\there", "🐍", "\u00ad", "'''", '"""', "é"])
def test_every_text_comes_back_as_it_was(settings_file, make_server, adding, name):
    server = replace(make_server("a"), name=name)
    if "\t" in name:
        server = replace(server, name="no control characters")
    settings_file.change(adding(server))
    assert settings_file.load().servers == (server,)


def test_an_inline_list_of_entries_is_edited_by_values(settings_file, write):
    write(INLINE)
    settings_file.change(lambda s: edit_server(0, smtp=side(s, 0, "smtp", host="n"), tls=TlsOptions(ca_file="c"))(s))
    assert text_of(settings_file) == INLINE.replace("smtp = { host = 'h' }", 'smtp = { host = "n" }').replace(
        "host = 'h' } },", "host = 'h' }, tls = { ca_file = \"c\" } },"
    )


@pytest.mark.parametrize("layout", [INLINE, INTERLEAVED])
def test_entries_that_are_no_blocks_are_refused_for_what_would_move_them(
    settings_file, write, make_server, adding, layout
):
    write(layout)
    with pytest.raises(SettingsWriteError, match="nothing was changed"):
        settings_file.change(adding(make_server("b")))
    assert text_of(settings_file) == layout


def test_values_are_edited_in_entries_that_other_tables_interrupt(settings_file, write):
    write(INTERLEAVED)
    settings_file.change(edit_server(0, name="B"))
    assert text_of(settings_file) == INTERLEAVED.replace("'A'", '"B"')


def test_a_table_is_added_to_the_entry_that_other_tables_interrupt(settings_file, write):
    write(INTERLEAVED + "\n[[servers]]\ncode = 'b'\nname = 'B'\nsmtp.host = 'h'\n"
          "incoming = { protocol = 'imap', host = 'h' }\n")  # fmt: skip
    settings_file.change(edit_server(0, tls=TlsOptions(verify=False)))
    assert [server.tls.verify for server in settings_file.load().servers] == [False, True]
    assert "\n\n[servers.tls]\nverify = false\n\n[[servers]]\n" in text_of(settings_file)


def test_no_change_leaves_bytes_and_times_alone_and_nothing_beside(settings_file, write):
    write(BY_HAND)
    before = settings_file.path.stat()
    change = settings_file.change(lambda settings: replace(settings))
    assert not change.changed
    assert change.diff == ""
    after = settings_file.path.stat()
    assert (before.st_mtime_ns, before.st_ino) == (after.st_mtime_ns, after.st_ino)
    assert list(settings_file.path.parent.iterdir()) == [settings_file.path]


def test_a_dry_run_shows_the_difference_and_writes_nothing(settings_file, write):
    write(BY_HAND)
    change = settings_file.change(edit_server(1, name="Ōsaka"), dry_run=True)
    assert change.changed
    assert change.diff.splitlines() == [
        "@@ -19,7 +19,7 @@",
        " ",
        " [[servers]]",
        ' code = "osaka"',
        '-name = "Osaka"',
        '+name = "Ōsaka"',
        ' smtp.host = "smtp.osaka.example"',
        ' smtp.auth = "plain"',
        ' incoming = { protocol = "pop3", host = "pop.osaka.example" }',
    ]
    assert text_of(settings_file) == BY_HAND
    assert list(settings_file.path.parent.iterdir()) == [settings_file.path]


def test_a_change_tells_what_was_and_what_is(settings_file, write):
    write(BY_HAND)
    change = settings_file.change(edit_server(1, name="Ōsaka"))
    assert (change.before.servers[1].name, change.after.servers[1].name) == ("Osaka", "Ōsaka")


def test_settings_that_break_a_rule_are_not_written(settings_file, make_server, adding):
    settings_file.change(adding(make_server("a")))
    before = text_of(settings_file)
    with pytest.raises(InvalidValueError, match="'a' is borne by 2 servers"):
        settings_file.change(adding(make_server("a")))
    assert text_of(settings_file) == before


def test_every_value_that_breaks_a_rule_is_named(settings_file, make_server, adding):
    wrong = replace(make_server("a"), name=" ", smtp=replace(make_server("a").smtp, port=0))
    with pytest.raises(InvalidValueError) as caught:
        settings_file.change(adding(wrong))
    assert [problem.where for problem in caught.value.problems] == ["servers[0].name", "servers[0].smtp.port"]
    assert not settings_file.path.exists()


def test_values_are_kept_in_the_form_that_the_rules_give_them(settings_file, make_server, adding):
    change = settings_file.change(adding(replace(make_server("a"), code="e\u0301")))
    assert change.after.servers[0].code == "\u00e9"
    assert settings_file.load() == change.after


@pytest.mark.parametrize("broken", [b"[[servers]\n", b"\xff\n", b"schema_version = 99\n", b"servers = 3\n"])
def test_a_broken_file_is_never_written(settings_file, write, make_server, adding, broken):
    write(broken)
    with pytest.raises(SettingsInvalidError):
        settings_file.change(adding(make_server("a")))
    assert settings_file.path.read_bytes() == broken
    assert list(settings_file.path.parent.iterdir()) == [settings_file.path]
