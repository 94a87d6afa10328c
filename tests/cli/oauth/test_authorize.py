"""`mailctl oauth authorize` as scripts call it, against a real authorisation server."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

import pytest
from tests.cli.oauth.conftest import MAIL
from tests.credentials.keyring_doubles import MODULE, Memory
from tests.oauth.provider import TOKENS, Reply, ScriptedProvider
from tests.servers.people import ALICE, BOB

if TYPE_CHECKING:
    from tests.cli.conftest import Mailctl
    from tests.cli.oauth.conftest import Site

OFFLINE = "offline_access"


# Two calls, with the person in between


def test_a_script_authorises_in_two_calls(site: Site) -> None:
    printed = site.mailctl.must("oauth", "authorize", "sysmail", "--print-url")
    redirect = site.server.sign_in(printed.out.strip(), user=ALICE.address)
    granted = site.mailctl.must("oauth", "authorize", "sysmail", "--resume", "-o", "json", stdin=redirect.encode())
    assert granted.json["changed"] is True
    assert granted.json["grant"]["condition"] == "granted"
    assert granted.json["grant"]["flow"] == "paste"
    assert granted.json["grant"]["scopes"] == [MAIL, OFFLINE]
    assert granted.json["next"] == "mailctl test send --to ADDRESS"
    assert set(site.secrets()) == {"oauth/sysmail"}


def test_the_address_asks_for_what_the_client_and_the_target_need(site: Site) -> None:
    printed = site.mailctl.must("oauth", "authorize", "sysmail", "--print-url", "-o", "json").json
    query = {name: values[0] for name, values in parse_qs(urlsplit(printed["url"]).query).items()}
    assert query["scope"] == f"{MAIL} {OFFLINE}"
    assert query["login_hint"] == ALICE.address
    assert query["code_challenge_method"] == "S256"
    assert printed["next"] == "mailctl oauth authorize sysmail --resume"
    assert printed["expires_at"].endswith("+00:00")


@pytest.mark.parametrize("form", ["address", "query", "code"])
def test_what_is_pasted_may_be_the_address_its_query_or_the_code(site: Site, form: str) -> None:
    url = site.mailctl.must("oauth", "authorize", "sysmail", "--print-url").out.strip()
    redirect = site.server.sign_in(url, user=ALICE.address)
    query = urlsplit(redirect).query
    pasted = {"address": redirect, "query": query, "code": parse_qs(query)["code"][0]}[form]
    site.mailctl.must("oauth", "authorize", "sysmail", "--resume", stdin=f"{pasted}\n".encode())
    assert site.grant()["ok"]


def test_after_a_wrong_paste_the_right_one_still_completes(site: Site) -> None:
    first = site.mailctl.must("oauth", "authorize", "sysmail", "--print-url").out.strip()
    other = site.server.sign_in(first, user=ALICE.address)
    url = site.mailctl.must("oauth", "authorize", "sysmail", "--print-url").out.strip()
    redirect = site.server.sign_in(url, user=ALICE.address)
    wrong = ((b"http://127.0.0.1/?nothing=1", 2), (b"garbage", 2), (other.encode(), 12), (b"", 2))
    for pasted, code in (*wrong, (redirect.encode(), 0)):
        assert site.mailctl("oauth", "authorize", "sysmail", "--resume", stdin=pasted).code == code
    assert site.grant()["ok"]


def test_what_was_begun_for_a_server_goes_with_it(site: Site) -> None:
    site.mailctl.must("oauth", "authorize", "sysmail", "--print-url")
    site.mailctl.must("oauth", "authorize", "office", "--username", ALICE.address, "--print-url")
    assert set(site.secrets()) == {"oauth-pending/sysmail", f"oauth-pending/server:office/{ALICE.address}"}
    site.mailctl.must("server", "delete", "office", "--yes", "--force")
    assert set(site.secrets()) == {"oauth-pending/sysmail"}


def test_a_code_is_good_for_one_call(site: Site) -> None:
    url = site.mailctl.must("oauth", "authorize", "sysmail", "--print-url").out.strip()
    redirect = site.server.sign_in(url, user=ALICE.address).encode()
    site.mailctl.must("oauth", "authorize", "sysmail", "--resume", stdin=redirect)
    again = site.mailctl("oauth", "authorize", "sysmail", "--resume", "-o", "json", stdin=redirect)
    assert again.code == 2
    assert "--print-url" in again.error["hint"]


def test_a_refused_sign_in_is_told_and_leaves_nothing(site: Site) -> None:
    url = site.mailctl.must("oauth", "authorize", "sysmail", "--print-url").out.strip()
    redirect = site.server.decline(url, user=ALICE.address)
    result = site.mailctl("oauth", "authorize", "sysmail", "--resume", "-o", "json", stdin=redirect.encode())
    assert result.code == 12
    assert "access_denied" in result.error["message"]
    assert site.grant()["condition"] == "not-granted"


def test_a_server_that_names_itself_is_held_to_its_name(site: Site, use_client: Callable[..., None]) -> None:
    issuer = ("--issuer", site.server.issuer)
    use_client("named", site.server.clients.native, *issuer)
    site.authorise()
    assert site.grant()["oauth_client"] == "named"
    site.mailctl.must("oauth", "client", "edit", "named", "--issuer", f"{site.server.issuer}/other")
    url = site.mailctl.must("oauth", "authorize", "sysmail", "--print-url").out.strip()
    redirect = site.server.sign_in(url, user=ALICE.address).encode()
    refused = site.mailctl("oauth", "authorize", "sysmail", "--resume", "-o", "json", stdin=redirect)
    assert refused.code == 12
    assert "another authorisation server" in refused.error["message"]
    assert f"{site.server.issuer}/other" in refused.error["hint"]


def test_an_attempt_ends_after_ten_minutes(site: Site) -> None:
    url = site.mailctl.must("oauth", "authorize", "sysmail", "--print-url").out.strip()
    redirect = site.server.sign_in(url, user=ALICE.address)
    begun = json.loads(site.secrets()["oauth-pending/sysmail"])["created_at"]
    site.keep_pending({"created_at": begun - 601})
    result = site.mailctl("oauth", "authorize", "sysmail", "--resume", "-o", "json", stdin=redirect.encode())
    assert result.code == 12
    assert "10 minutes" in result.error["message"]
    assert site.secrets() == {}


def test_an_attempt_is_no_orphan_until_it_ends(site: Site) -> None:
    def orphans() -> list[str]:
        found = site.mailctl.must("secret", "status", "-o", "json").json["orphans"]
        assert isinstance(found, list)
        return found

    site.mailctl.must("oauth", "authorize", "sysmail", "--print-url")
    assert orphans() == []
    site.keep_pending({"created_at": 1.0})
    assert orphans() == ["vault:oauth-pending/sysmail"]
    assert "an authorisation was begun and not ended" in site.mailctl("doctor", "--offline", "-o", "json").out
    site.mailctl.must("secret", "delete", "oauth-pending/sysmail", "--yes")
    assert site.secrets() == {}


def test_an_attempt_is_of_the_client_that_it_was_begun_through(site: Site, use_client: Callable[..., None]) -> None:
    url = site.mailctl.must("oauth", "authorize", "sysmail", "--print-url").out.strip()
    redirect = site.server.sign_in(url, user=ALICE.address)
    use_client("desktop", site.server.clients.desktop)
    result = site.mailctl("oauth", "authorize", "sysmail", "--resume", "-o", "json", stdin=redirect.encode())
    assert result.code == 2
    assert "'native'" in result.error["message"]


# Nobody who could sign in


@pytest.mark.parametrize("flow", [(), ("--flow", "browser"), ("--flow", "device"), ("--flow", "paste")])
def test_without_a_terminal_nothing_waits_for_a_person(site: Site, flow: tuple[str, ...]) -> None:
    before = len(site.server.requests)
    result = site.mailctl("oauth", "authorize", "sysmail", *flow, "-o", "json")
    assert result.code == 2
    assert "--flow" in result.error["message"] + result.error["hint"]
    assert "--print-url" in result.error["hint"]
    assert len(site.server.requests) == before


def test_a_client_with_a_secret_gets_a_token_for_itself(site: Site, use_client: Callable[..., None]) -> None:
    use_client("service", site.server.clients.service, scopes=(MAIL,))
    granted = site.mailctl.must("oauth", "authorize", "sysmail", "--flow", "client-credentials", "-o", "json").json
    assert granted["grant"]["condition"] == "granted"
    assert granted["grant"]["flow"] == "client-credentials"
    assert site.kept()["refresh_token"] is None


def test_a_client_that_can_do_no_other_flow_needs_none_named(site: Site, tmp_path: Path) -> None:
    client = site.server.clients.service
    site.mailctl.must(
        "oauth", "client", "add", "alone", "--provider", "custom", "--client-id", client.id, "--client-secret-stdin",
        "--token-url", site.server.token_url, "--scope", MAIL, stdin=(client.secret or "").encode(),
    )  # fmt: skip
    site.mailctl.must("server", "edit", "office", "--oauth-client", "alone")
    granted = site.mailctl.must("oauth", "authorize", "sysmail", "-o", "json").json
    assert granted["grant"]["flow"] == "client-credentials"


def test_a_certificate_in_the_place_of_a_secret(site: Site, use_client: Callable[..., None]) -> None:
    client = site.server.clients.certified_service
    assert client.pair is not None
    proof = ("--certificate", str(client.pair.certificate), "--key-from", f"file:{client.pair.key}")
    use_client("certified", client, *proof, scopes=(MAIL,))
    site.mailctl.must("oauth", "authorize", "sysmail", "--flow", "client-credentials")
    grant = site.grant()
    assert grant["ok"]
    assert grant["ends_because"] == "the certificate of 'certified' ends"
    assert grant["ends_at"] is not None


def test_a_service_account_acts_for_the_mailbox(
    site: Site, use_client: Callable[..., None], account_file: Path
) -> None:
    account = site.server.clients.service_account
    use_client("workspace", account, "--service-account-from", f"file:{account_file}", scopes=(MAIL,))
    granted = site.mailctl.must("oauth", "authorize", "sysmail", "--flow", "service-account", "-o", "json").json
    assert granted["grant"]["username"] == ALICE.address
    other = site.mailctl.must(
        "oauth", "authorize", "office", "--username", BOB.address, "--flow", "service-account", "-o", "json"
    ).json
    assert other["grant"]["target"] == f"server:office/{BOB.address}"


def test_a_store_that_goes_away_under_it_costs_the_grant_and_that_is_said(site: Site) -> None:
    def take_the_key(_: object) -> object:
        site.key_file.rename(site.key_file.with_suffix(".away"))
        return TOKENS.body

    with ScriptedProvider(Reply(body=take_the_key)) as double:
        site.mailctl.must(
            "oauth", "client", "add", "machine", "--provider", "custom", "--client-id", "id-1",
            "--token-url", f"{double.url}/token", "--client-secret-stdin", stdin=b"canary-7",
        )  # fmt: skip
        site.mailctl.must("server", "edit", "office", "--oauth-client", "machine")
        result = site.mailctl("oauth", "authorize", "sysmail", "--flow", "client-credentials", "-o", "json")
    assert result.code == 6
    assert str(site.key_file) in result.error["message"]
    assert "is lost: then `mailctl oauth authorize sysmail` once more" in result.error["hint"]


# What is refused


@pytest.mark.parametrize(
    ("provider", "flow", "hint"),
    [
        ("google", "device", "--flow browser"),
        ("google", "client-credentials", "--flow service-account"),
        ("microsoft", "service-account", "--flow client-credentials"),
        ("microsoft", "client-credentials", "--directory-id"),
    ],
)
def test_an_impossible_flow_is_refused_with_the_one_to_take(site: Site, provider: str, flow: str, hint: str) -> None:
    site.mailctl.must("oauth", "client", "add", "big", "--provider", provider, "--client-id", "id-1")
    site.mailctl.must("server", "add", "cloud", "--name", "Cloud", "--oauth-client", "big")
    result = site.mailctl("oauth", "authorize", "cloud", "--username", "a@example.org", "--flow", flow, "-o", "json")
    assert result.code == 2
    assert hint in result.error["hint"]


def test_a_persons_own_mailbox_is_refused_to_an_application(mailctl: Mailctl) -> None:
    mailctl.must(
        "oauth", "client", "add", "daemon", "--provider", "microsoft", "--client-id", "id-1",
        "--directory-id", "contoso", "--client-secret-from", "env:MAILCTL_TEST_SECRET",
    )  # fmt: skip
    mailctl.must("sysmail", "set", "--address", "alerts@outlook.com", "--oauth-client", "daemon")
    result = mailctl("oauth", "authorize", "sysmail", "--flow", "client-credentials", "-o", "json")
    assert result.code == 2
    assert "alerts@outlook.com" in result.error["message"]
    assert "--flow browser" in result.error["hint"]


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("office",), 2, "--username"),
        (("nowhere", "--username", "a@example.org"), 3, "nowhere"),
        (("nowhere",), 3, "no server with the code 'nowhere'"),
        (("bob@example.test",), 3, "bob@example.test"),
        (("tenant:x",), 3, "no tenant with the code 'x'"),
        (("sysmail", "--print-url", "--resume"), 2, "--resume"),
        (("sysmail", "--print-url", "--flow", "device"), 2, "--flow paste"),
        (("sysmail", "--flow", "magic"), 2, "magic"),
        (("sysmail", "--resume"), 2, "standard input"),
        (("office", "--username", "a\x1bb"), 2, "--username"),
    ],
)
def test_what_cannot_be_meant_is_said(site: Site, arguments: tuple[str, ...], code: int, said: str) -> None:
    result = site.mailctl("oauth", "authorize", *arguments, "-o", "json")
    assert result.code == code
    assert said in result.error["message"]


def test_a_target_without_an_oauth_client_is_told_how_to_get_one(site: Site) -> None:
    site.mailctl.add_server("plain", "--smtp-auth", "plain")
    result = site.mailctl("oauth", "authorize", "plain", "--username", "a@example.org", "-o", "json")
    assert result.code == 2
    assert "mailctl server edit plain --oauth-client NAME" in result.error["hint"]


@pytest.mark.parametrize("double", ["Chatty", "Forgetful", "Stubborn", "NoSuchClass"])
@pytest.mark.parametrize("step", [("--print-url",), ("--flow", "client-credentials")])
def test_nobody_is_asked_where_the_grant_could_not_be_kept(
    site: Site, use_client: Callable[..., None], monkeypatch: pytest.MonkeyPatch, double: str, step: tuple[str, ...]
) -> None:
    use_client("service", site.server.clients.service, scopes=(MAIL,))
    Memory.reset()
    monkeypatch.setenv("MAILCTL_KEYRING_BACKEND", f"{MODULE}.{double}")
    text = site.mailctl.settings().replace('backend = "vault"', 'backend = "keyring"')
    site.mailctl.config.write_text(text)
    before = len(site.server.requests)
    result = site.mailctl("oauth", "authorize", "sysmail", *step)
    assert result.code == 6, result
    assert len(site.server.requests) == before
    assert "http://127" not in result.out


def test_scopes_that_were_not_granted_are_named(site: Site, use_client: Callable[..., None]) -> None:
    use_client("greedy", site.server.clients.native, scopes=(MAIL, OFFLINE, "https://graph.example.test/Mail.Send"))
    url = site.mailctl.must("oauth", "authorize", "sysmail", "--print-url").out.strip()
    redirect = site.server.sign_in(url, user=ALICE.address)
    result = site.mailctl.must("oauth", "authorize", "sysmail", "--resume", "-o", "json", stdin=redirect.encode())
    assert result.json["grant"]["missing_scopes"] == ["https://graph.example.test/Mail.Send"]
    assert "https://graph.example.test/Mail.Send" in result.err


def test_a_rehearsal_asks_nobody_and_keeps_nothing(site: Site) -> None:
    before = site.mailctl.settings(), len(site.server.requests)
    result = site.mailctl.must("oauth", "authorize", "sysmail", "--print-url", "--dry-run", "-o", "json").json
    assert result["dry_run"] is True
    assert (result["flow"], result["scopes"]) == ("paste", [MAIL, OFFLINE])
    assert (site.mailctl.settings(), len(site.server.requests)) == before
    assert site.secrets() == {}


# The grant among the other secrets


def test_a_grant_is_listed_moved_and_deleted_as_every_secret(
    site: Site, keyring: dict[tuple[str, str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    site.authorise()
    site.mailctl.must("secret", "migrate", "--to", "keyring")
    assert site.grant()["ok"]
    assert [user for _, user in keyring if "#" not in user] == ["oauth/sysmail"]
    names = [secret["name"] for secret in site.mailctl.must("secret", "status", "-o", "json").json["secrets"]]
    assert names == ["oauth/sysmail"]
    site.mailctl.must("sysmail", "unset", "--yes")
    assert keyring == {}
    assert "grants" not in site.mailctl.settings()


def test_a_grant_follows_its_server_and_ends_with_it(site: Site) -> None:
    site.mailctl.must("sysmail", "unset", "--yes")
    site.authorise("office", "--username", BOB.address, user=BOB.address)
    site.mailctl.must("server", "edit", "office", "--code", "main")
    assert site.grant("main", "--username", BOB.address)["ok"]
    site.mailctl.must("server", "delete", "main", "--yes")
    assert site.secrets() == {}
    assert "grants" not in site.mailctl.settings()


def test_several_mailboxes_of_a_server_are_apart(site: Site) -> None:
    for person in (ALICE, BOB):
        site.authorise("office", "--username", person.address, user=person.address)
    code, grants = site.status()
    assert code == 12  # the system mail account's is missing
    assert [(grant["target"], grant["ok"]) for grant in grants] == [
        ("sysmail", False),
        (f"server:office/{ALICE.address}", True),
        (f"server:office/{BOB.address}", True),
    ]
