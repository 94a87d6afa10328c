"""What callers write on a sendmail's command line, and what it means."""

from __future__ import annotations

from typing import Any

import pytest

from mailctl.errors import UsageError
from mailctl.sendmail.options import Options, parse_options

WITH_DOTS: dict[str, Any] = {"dot_ends_message": False}
FROM_HEADER: dict[str, Any] = {"recipients_from_header": True}


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        # Debian's cron, PHP's default, git send-email, bsd-mailx, mailutils, smartd's and mdadm's.
        ("-FCronDaemon -i -B8BITMIME -oem root", Options(recipients=("root",), sender_name="CronDaemon", **WITH_DOTS)),
        ("-FCron -i -odi -oem -oi -t -f root", Options(sender_name="Cron", sender="root", **FROM_HEADER, **WITH_DOTS)),
        ("-t -i", Options(**FROM_HEADER, **WITH_DOTS)),
        ("-ti", Options(**FROM_HEADER, **WITH_DOTS)),
        ("-i a@b.example c@d.example", Options(recipients=("a@b.example", "c@d.example"), **WITH_DOTS)),
        ("-oi -f a@b.example -t", Options(sender="a@b.example", **WITH_DOTS, **FROM_HEADER)),
        ("-t -oem -oi", Options(**FROM_HEADER, **WITH_DOTS)),
        ("-ra@b.example x@y.example", Options(sender="a@b.example", recipients=("x@y.example",))),
        ("-N never -R hdrs -V id -v -G -bm x@y.example", Options(recipients=("x@y.example",))),
        ("x@y.example -f a@b.example", Options(sender="a@b.example", recipients=("x@y.example",))),
        ("-i -- -x@y.example", Options(**WITH_DOTS, recipients=("-x@y.example",))),
        ("--tenant acme --config=/etc/m.toml -t", Options(tenant="acme", config="/etc/m.toml", **FROM_HEADER)),
        ("-C /etc/m.toml root", Options(config="/etc/m.toml", recipients=("root",))),
        ("--help", Options(show="help")),
    ],
)  # fmt: skip
def test_what_callers_write_is_understood(line: str, wanted: Options) -> None:
    assert parse_options(line.split()) == wanted


def test_a_value_may_be_empty_in_a_word_of_its_own() -> None:
    assert parse_options(["-f", "", "root"]) == Options(sender="", recipients=("root",))


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("-bs", "-bs"),
        ("-bd -q15m", "daemon"),
        ("-bp", "queue"),
        ("-bi", "aliases"),
        ("-q", "queue"),
        ("-Z root", "-Z"),
        ("--colour root", "--colour"),
        ("--help=much", "--help=much"),
        ("-t -f", "-f"),
        ("--tenant", "--tenant"),
    ],
)
def test_what_cannot_be_done_is_refused_by_name(line: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        parse_options(line.split())
