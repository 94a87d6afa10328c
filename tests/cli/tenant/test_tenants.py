"""`mailctl tenant add|edit|show|list|delete`: each tenant's own settings, and what is in force for it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.cli.conftest import Mailctl
    from tests.cli.tenant.conftest import Show

ACME = ("tenant", "add", "acme", "--name", "Acme Ltd")
DEDICATED = ("--smtp-host", "mail.acme.example", "--smtp-auth", "auto", "--username", "it@acme.example")
FROM_ENV = ("--password-from", "env:TENANT_PASSWORD")


def test_a_tenant_without_a_server_sends_through_the_global_one(site: Mailctl, show: Show) -> None:
    added = site.must(*ACME, "--address", "no@acme.example", "-o", "json").json
    tenant = show("acme")
    assert (added["changed"], added["tenant"]) == (True, tenant)
    assert (tenant["code"], tenant["name"], tenant["side"], tenant["why_off"]) == ("acme", "Acme Ltd", "global", None)
    assert tenant["server"] is None
    effective = {name: (value["value"], value["from"]) for name, value in tenant["effective"].items()}
    assert effective["address"] == ("no@acme.example", "tenant")
    assert effective["sender_name"] == ("Example", "global")
    assert effective["server"] == ("hq", "global")
    assert effective["smtp"][1] == effective["tls"][1] == "server hq"
    assert effective["username"] == ("noreply", "global")


def test_an_address_that_appears_under_the_global_name_is_told_with_the_option_that_changes_it(site: Mailctl) -> None:
    remark = (
        "note: mail from no@acme.example is shown as from 'Example', the global sender name; "
        "`mailctl tenant edit acme --sender-name NAME` gives the tenant its own"
    )
    assert remark in " ".join(site.must(*ACME, "--address", "no@acme.example").err.split())
    assert "sender name" not in site.must("tenant", "edit", "acme", "--name", "Acme").err
    assert "sender name" not in site.must("tenant", "edit", "acme", "--sender-name", "Acme").err
    assert remark in " ".join(site.must("tenant", "edit", "acme", "--clear", "sender_name").err.split())
    assert "sender name" not in site.must("tenant", "add", "globex", "--name", "Globex").err


def test_what_is_in_force_is_shown_with_where_it_comes_from(site: Mailctl) -> None:
    site.must(*ACME, "--address", "no@acme.example")
    assert site.must("tenant", "show", "acme").out == (
        "acme  Acme Ltd  active\n"
        "  SETTING        COMES FROM  VALUE\n"
        "  address        tenant      no@acme.example\n"
        "  sender name    global      Example\n"
        "  envelope from  tenant      no@acme.example\n"
        "  utf-8 headers  global      no\n"
        "  server         global      'hq' of the catalogue\n"
        "  smtp           server hq   smtp.example.org:465 tls, time-out 10 s\n"
        "  tls            server hq   certificates are verified\n"
        "  login          global      noreply by plain\n"
    )


@pytest.mark.parametrize(
    ("options", "said"),
    [(("--no-smtputf8",), "no"), (("--smtputf8",), "where the server offers them")],
)
def test_of_utf8_headers_the_lender_and_the_tenant_say_the_same(
    site: Mailctl, options: tuple[str, ...], said: str
) -> None:
    site.must("sysmail", "set", *options)
    site.must(*ACME)
    assert f"utf-8 headers  {said}\n" in site.must("sysmail", "show").out
    assert f"utf-8 headers  global      {said}\n" in site.must("tenant", "show", "acme").out


def test_graph_takes_utf8_headers_by_itself(site: Mailctl) -> None:
    site.must("oauth", "client", "add", "ms", "--provider", "microsoft", "--client-id", "id")
    site.must("sysmail", "set", "--graph", "--oauth-client", "ms")
    site.must(*ACME)
    for command in (("sysmail", "show"), ("tenant", "show", "acme")):
        [line] = [line for line in site.must(*command).out.splitlines() if "utf-8 headers" in line]
        assert line.endswith("  Microsoft Graph takes them")


def test_a_dedicated_server_brings_its_own_login(site: Mailctl, show: Show) -> None:
    site.must(*ACME, *DEDICATED, *FROM_ENV)
    tenant = show("acme")
    assert tenant["side"] == "tenant"
    assert tenant["password"] == {"reference": "env:TENANT_PASSWORD", "present": True}
    origins = {name: value["from"] for name, value in tenant["effective"].items()}
    assert (origins["address"], origins["smtp"], origins["username"]) == ("global", "tenant", "tenant")
    assert tenant["effective"]["smtp"]["value"]["host"] == "mail.acme.example"
    assert tenant["effective"]["username"]["value"] == "it@acme.example"


def test_pop_before_smtp_goes_with_a_tenants_dedicated_server(site: Mailctl, show: Show) -> None:
    site.must(*ACME, "--smtp-host", "relay.acme.example", "--pop-before-smtp", "--pop-host", "pop.acme.example",
              "--pop-username", "gate", "--pop-password-stdin", stdin=b"pop\n")  # fmt: skip
    assert show("acme")["pop_before_smtp"]["password"] == {
        "reference": "vault:tenant:acme/pop-password", "present": True,
    }  # fmt: skip


def test_any_script_and_the_file_as_it_is_written(site: Mailctl) -> None:
    site.must("tenant", "add", "株式", "--name", "山田商店", "--address", "山田@株式.会社", "--smtp-host",
              "メール.会社", "--smtputf8")  # fmt: skip
    assert site.settings().endswith(
        '\n[[tenants]]\ncode = "株式"\nname = "山田商店"\naddress = "山田@株式.会社"\nsmtputf8 = true\n\n'
        '[tenants.smtp]\nhost = "メール.会社"\nport = 465\nsecurity = "tls"\nauth = "none"\ntimeout = 10\n'
    )
    assert site.must("tenant", "list", "-o", "json").json["tenants"][0]["address"] == "山田@株式.会社"


def test_the_list_says_what_is_a_tenants_own(site: Mailctl) -> None:
    assert site.must("tenant", "list").err.startswith("no tenants yet")
    site.must(*ACME, "--address", "no@acme.example", *DEDICATED, *FROM_ENV)
    site.must("tenant", "add", "globex", "--name", "Globex")
    assert site.must("tenant", "list").out == (
        "CODE    NAME      FROM             SERVER\n"
        "acme    Acme Ltd  no@acme.example  mail.acme.example:465 tls\n"
        "globex  Globex    (global)         (global)\n"
    )
    listed = site.must("tenant", "list", "-o", "json").json["tenants"]
    assert [tenant["code"] for tenant in listed] == ["acme", "globex"]
    assert listed[0]["password"] == {"reference": "env:TENANT_PASSWORD", "present": None}


def test_what_is_not_named_stays_and_what_changes_nothing_leaves_the_file_alone(site: Mailctl, show: Show) -> None:
    site.must(*ACME, *DEDICATED, *FROM_ENV, "--reply-to", "help@acme.example")
    before = show("acme")
    site.must("tenant", "edit", "acme", "--sender-name", "Acme")
    assert {name for name, value in show("acme").items() if value != before[name]} == {"sender_name", "effective"}
    written = site.config.stat().st_mtime_ns
    assert site.must("tenant", "edit", "acme", "--sender-name", "Acme", "-o", "json").json["changed"] is False
    assert site.must(*ACME, *DEDICATED, *FROM_ENV, "--reply-to", "help@acme.example", "--sender-name", "Acme",
                     "--if-not-exists", "-o", "json").json["changed"] is False  # fmt: skip
    assert site.config.stat().st_mtime_ns == written


def test_a_dry_run_shows_the_difference_and_writes_nothing(site: Mailctl) -> None:
    before = site.settings()
    assert '+code = "acme"' in site.must(*ACME, "--dry-run").out
    assert site.must(*ACME, "--dry-run", "-o", "json").json["dry_run"] is True
    assert site.settings() == before


def test_a_taken_code_and_one_that_is_not_there(site: Mailctl) -> None:
    site.must(*ACME)
    taken = site(*ACME, "-o", "json")
    assert (taken.code, taken.error["tenant"]) == (4, "acme")
    assert site(*ACME, "--sender-name", "X", "--if-not-exists").code == 4
    for command in (("show", "amce"), ("edit", "amce", "--name", "X"), ("delete", "amce", "--yes")):
        missing = site("tenant", *command, "-o", "json")
        assert missing.code == 3
        assert missing.error["hint"] == "did you mean acme?"


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        ((), 2, "--name"),
        (("--name", "A", "--username", "u"), 2, "--username: belongs to a server of the tenant's own"),
        (("--name", "A", "--no-tls-verify"), 2, "--no-tls-verify: belongs to a server of the tenant's own"),
        (("--name", "A", "--server", "nope"), 3, "there is no server with the code 'nope'"),
        (("--name", "A", "--server", "hq", "--smtp-host", "h"), 4, "--smtp-host"),
        (("--name", "A", "--server", "hq"), 2, "missing: --username, --password-stdin or --password-from"),
        (("--name", "A", "--address", "nobody"), 2, "--address: 'nobody' is not an address"),
        (("--name", "A", "--support-address", "a@b.example"), 4, "may not have a support address"),
    ],
)
def test_what_is_refused_names_the_option(site: Mailctl, options: tuple[str, ...], code: int, said: str) -> None:
    before = site.settings()
    refused = site("tenant", "add", "acme", *options)
    assert refused.code == code
    assert said in refused.err
    assert site.settings() == before


def test_edit_wants_to_know_what_is_to_change(site: Mailctl) -> None:
    site.must(*ACME)
    assert site("tenant", "edit", "acme").code == 2


@pytest.mark.parametrize("options", [("--no-server",), ("--clear", "smtp")])
def test_back_to_the_global_server_the_own_login_is_forgotten(
    site: Mailctl, show: Show, options: tuple[str, ...]
) -> None:
    site.must(*ACME, *DEDICATED, "--password-stdin", stdin=b"own\n")
    changed = site.must("tenant", "edit", "acme", *options)
    assert "the login of it@acme.example is gone: the global server sends for 'acme'" in changed.err
    tenant = show("acme")
    assert (tenant["side"], tenant["username"], tenant["password"], tenant["smtp"]) == ("global", None, None, None)
    status = site.must("secret", "status", "-o", "json").json
    assert ([secret["name"] for secret in status["secrets"]], status["orphans"]) == (["sysmail/password"], [])


def test_no_server_and_a_server_exclude_each_other(site: Mailctl) -> None:
    site.must(*ACME)
    assert site("tenant", "edit", "acme", "--no-server", "--server", "hq").code == 2


def test_a_new_code_keeps_the_stored_secret(site: Mailctl, show: Show) -> None:
    site.must(*ACME, *DEDICATED, "--password-stdin", stdin=b"own\n")
    site.must("tenant", "edit", "acme", "--code", "アクメ", "--sender-name", "Acme")
    assert show("アクメ")["password"]["present"] is True
    assert site("tenant", "show", "acme").code == 3
    status = site.must("secret", "status", "-o", "json").json
    assert "tenant:アクメ/password" in [secret["name"] for secret in status["secrets"]]


def test_a_code_is_compared_in_one_form_of_unicode(site: Mailctl, show: Show) -> None:
    decomposed = "cafe\u0301"
    site.must("tenant", "add", decomposed, "--name", "Café", *DEDICATED, "--password-stdin", stdin=b"own\n")
    assert show("caf\u00e9")["password"] == {"reference": "vault:tenant:caf\u00e9/password", "present": True}
    site.must("tenant", "delete", decomposed, "--yes")
    assert site.must("secret", "status", "-o", "json").json["orphans"] == []


def test_deleting_a_tenant_deletes_what_was_stored_for_it_and_no_borrowed_secret(site: Mailctl, tmp_path: Path) -> None:
    borrowed = tmp_path / "borrowed"
    borrowed.write_text("lent", encoding="utf-8")
    borrowed.chmod(0o600)
    site.must(*ACME, *DEDICATED, "--password-stdin", stdin=b"own\n")
    site.must("tenant", "add", "globex", "--name", "Globex", *DEDICATED, "--password-from", f"file:{borrowed}")
    refused = site("tenant", "delete", "acme")
    assert refused.code == 2
    assert "--yes" in refused.err
    assert '-code = "acme"' in site.must("tenant", "delete", "acme", "--dry-run").out
    for code in ("acme", "globex"):
        assert site.must("tenant", "delete", code, "--yes", "-o", "json").json["deleted"] == [code]
    status = site.must("secret", "status", "-o", "json").json
    assert ([secret["name"] for secret in status["secrets"]], status["orphans"]) == (["sysmail/password"], [])
    assert borrowed.read_text(encoding="utf-8") == "lent"


def test_the_first_own_login_is_a_secret_of_its_own(site: Mailctl) -> None:
    site.must(*ACME, *DEDICATED, "--password-stdin", stdin=b"own\n")
    site.must("secret", "set", "tenant:acme/password", "--stdin", stdin=b"new\n")
    assert site("secret", "set", "tenant:acme/pop-password", "--stdin", stdin=b"x").code == 3


def test_validate_tells_what_is_odd_of_a_tenant(site: Mailctl) -> None:
    site.must("support", "set", "--tenant-addresses")
    site.must(*ACME, "--support-address", "help@acme.example", "--smtp-host", "h", "--smtp-port", "465",
              "--smtp-security", "none")  # fmt: skip
    site.must("support", "set", "--no-tenant-addresses")
    warnings = site.must("config", "validate", "-o", "json").json["warnings"]
    assert [(warning["where"], warning["message"].partition(":")[0]) for warning in warnings] == [
        (
            "tenants[0]",
            "port 465 of SMTP usually goes with security tls, not none; none usually has port 25 "
            "(`mailctl tenant edit acme --smtp-security tls`)",
        ),
        ("tenants[0].support_address", "is not used"),
    ]


def test_switching_the_global_sender_off_tells_that_tenants_are_concerned(site: Mailctl) -> None:
    site.must(*ACME)
    assert "nothing is sent for tenants either" in site.must("sysmail", "deactivate").err
    assert "tenants" not in site.must("sysmail", "activate").err


def test_problems_of_a_file_edited_by_hand_are_named_at_their_lines(site: Mailctl) -> None:
    site.config.write_text(
        site.settings() + '\n[[tenants]]\ncode = "a"\nname = "A"\nserver = "gone"\n\n[[tenants]]\ncode = "a"\n'
        'name = "B"\nusername = "u"\n\n[[tenants]]\ncode = "c"\nadress = "c@c.example"\n',
        encoding="utf-8",
    )
    invalid = site("tenant", "list", "-o", "json")
    assert invalid.code == 5
    assert [(problem["where"], problem["line"]) for problem in invalid.error["problems"]] == [
        ("tenants[1].username", site.settings().split("\n").index('username = "u"') + 1),
        ("tenants[2].name", site.settings().split("\n").index('code = "c"')),
    ]
    assert "(tenant 'a')" in invalid.error["message"]
    site.config.write_text(
        site.settings().replace('username = "u"\n', "").replace('adress = "c@c.example"', 'name = "C"'),
        encoding="utf-8",
    )
    invalid = site("tenant", "list", "-o", "json")
    assert json.dumps(invalid.error["problems"]).count("'a' is borne by 2 tenants") == 2
    assert "there is no server with the code 'gone'" in invalid.error["message"]
