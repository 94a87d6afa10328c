"""What may go into a command, and addresses in the form that the server can take."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailctl.errors import CapabilityError, InvalidValueError
from mailctl.protocol.envelope import check_command_text, command_text, parse_address


@pytest.mark.parametrize("what", ["user name", "password", "host", "EHLO name", "mailbox", "search term", "address"])
@pytest.mark.parametrize(
    ("character", "said"), [("\r", "(CR)"), ("\n", "(LF)"), ("\0", "a NUL"), ("\udce9", "not UTF-8")]
)
def test_what_would_end_a_command_is_refused_by_name_and_not_quoted(what: str, character: str, said: str) -> None:
    with pytest.raises(InvalidValueError) as caught:
        check_command_text(what, f"top{character}secret")
    message = str(caught.value)
    assert message.startswith(f"{what}: contains")
    assert said in message
    assert "secret" not in message


@pytest.mark.parametrize("text", ["", "tab\t bell\x07", 'quote " back \\ slash', "山田🔑"])
def test_any_other_text_may_pass(text: str) -> None:
    check_command_text("password", text)


@pytest.mark.parametrize(
    ("text", "command", "needs_smtputf8"),
    [
        ("alice@example.com", "alice@example.com", False),
        ("Alice.Smith+tag@Example.COM", "Alice.Smith+tag@example.com", False),
        ("root@localhost", "root@localhost", False),
        ("info@株式.会社", "info@xn--l8je6s7a45b.xn--vuq861b", False),
        ("info@bücher.example", "info@xn--bcher-kva.example", False),
        ("bob@[192.0.2.1]", "bob@[192.0.2.1]", False),
        ("bob@[ipv6:2001:DB8::1]", "bob@[IPv6:2001:db8::1]", False),
        ('"john doe"@example.com', '"john doe"@example.com', False),
        ('"a@b"@example.com', '"a@b"@example.com', False),
        (r'"a\"b"@example.com', r'"a\"b"@example.com', False),
        ('"plain"@example.com', "plain@example.com", False),
        ("a..b.@docomo.ne.jp", '"a..b."@docomo.ne.jp', False),
        ("山田太郎@株式.会社", None, True),
        ("jürgen@example.com", None, True),
    ],
)
def test_an_address_goes_in_ascii_unless_its_name_needs_smtputf8(
    text: str, command: str | None, needs_smtputf8: bool
) -> None:
    if text == "info@株式.会社":
        command = "info@" + "株式.会社".encode("idna").decode()
    address = parse_address(text)
    assert address.needs_smtputf8 is needs_smtputf8
    if command is None:
        with pytest.raises(CapabilityError) as caught:
            command_text(address, smtputf8=False)
        assert caught.value.reason == "smtputf8-not-offered"
        assert command_text(address, smtputf8=True) == text
    else:
        assert command_text(address, smtputf8=False) == command


def test_names_that_look_the_same_are_the_same() -> None:
    assert parse_address("ju\u0308rgen@example.com") == parse_address("j\u00fcrgen@example.com")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "alice",
        "@example.com",
        "alice@",
        "alice@example..com",
        "alice@-example.com",
        "alice@192.0.2.1",
        "alice@[300.0.0.1]",
        "alice@[IPv6:x]",
        "alice@[192.0.2.1",
        "a b@example.com",
        "a@b@example.com",
        "<alice@example.com>",
        "Alice <alice@example.com>",
        "alice@example.com,bob@example.com",
        "alice@example.com>\r\nRCPT TO:<bob@example.com",
        "alice@example.com ",
        "al\u202eice@example.com",
        '"alice@example.com',
        "a" * 65 + "@example.com",
        "a@" + ".".join(["b" * 60] * 5),
    ],
)
def test_what_is_no_address_is_refused_where_it_came_from(text: str) -> None:
    with pytest.raises(InvalidValueError) as caught:
        parse_address(text, "--to")
    assert caught.value.problems[0].where == "--to"
    assert "\n" not in str(caught.value)


@given(st.text(max_size=30), st.sampled_from(["example.com", "株式.会社", "[192.0.2.1]"]))
def test_an_address_that_is_taken_is_one_argument_and_reads_back_the_same(local: str, domain: str) -> None:
    try:
        address = parse_address(f"{local}@{domain}")
    except InvalidValueError:
        return
    command = command_text(address, smtputf8=True)
    assert command.isprintable()
    assert parse_address(command) == address
    if not address.needs_smtputf8:
        assert command_text(address, smtputf8=False).isascii()
