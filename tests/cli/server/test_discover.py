"""`mailctl server discover`: all sources at once, against web servers and name servers on loopback."""

from __future__ import annotations

import json
import re
import ssl
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.doubles.dns import DnsServer, Zone
from tests.doubles.web import Page, Web

if TYPE_CHECKING:
    from tests.cli.conftest import Mailctl, Result
    from tests.servers.certificates import CertificateAuthority

AUTOCONFIG = "https://autoconfig.example.org/mail/config-v1.1.xml"
WELL_KNOWN = "https://example.org/.well-known/autoconfig/mail/config-v1.1.xml"
ISPDB = "https://autoconfig.thunderbird.net/v1.1"
AUTODISCOVER = "https://outlook.office365.com/autodiscover/autodiscover.json/v1.0"
HOSTS = (
    "autoconfig.example.org", "example.org", "autoconfig.thunderbird.net", "outlook.office365.com",
    "autoconfig.xn--w0tp6r.xn--6oq404h", "elsewhere.example.net",
)  # fmt: skip
MICROSOFT = '{"Protocol":"AutodiscoverV1","Url":"https://outlook.office365.com/autodiscover/autodiscover.xml"}'


def server(type_: str, host: str, port: int, socket_type: str, *logins: str) -> str:
    element = "outgoingServer" if type_ == "smtp" else "incomingServer"
    said = "".join(f"<authentication>{login}</authentication>" for login in logins or ("password-cleartext",))
    return (
        f'<{element} type="{type_}"><hostname>{host}</hostname><port>{port}</port>'
        f"<socketType>{socket_type}</socketType>{said}</{element}>"
    )


def config(*servers: str, domain: str = "example.org") -> Page:
    return Page(
        f'<clientConfig version="1.1"><emailProvider id="x"><domain>{domain}</domain>'
        f"<displayName>Example Mail</displayName>{''.join(servers)}</emailProvider></clientConfig>"
    )


SMTP = server("smtp", "smtp.example.org", 465, "SSL")
IMAP = server("imap", "imap.example.org", 993, "SSL")
WHOLE = config(SMTP, IMAP)

Net = Callable[..., tuple[Web, DnsServer]]


@pytest.fixture
def net(ca: CertificateAuthority, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Net]:
    """A world of a few web pages and DNS records; what is in neither does not exist."""
    pair = ca.for_names(*HOSTS)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pair.certificate, pair.key)
    monkeypatch.setenv("SSL_CERT_FILE", str(ca.ca_file))
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path / "none"))
    with ExitStack() as running:

        def start(pages: Mapping[str, Page] | None = None, zone: Zone | None = None) -> tuple[Web, DnsServer]:
            web = running.enter_context(Web({f"{ISPDB}/none": Page(status=404), **(pages or {})}, context))
            dns = running.enter_context(DnsServer(zone if zone is not None else {"example.org": {"A": ["192.0.2.1"]}}))
            for name in ("HTTPS_PROXY", "HTTP_PROXY", "https_proxy", "http_proxy"):
                monkeypatch.setenv(name, web.proxy)
            for name in ("NO_PROXY", "no_proxy", "ALL_PROXY", "all_proxy"):
                monkeypatch.delenv(name, raising=False)
            monkeypatch.setenv("MAILCTL_NAMESERVER", dns.place)
            return web, dns

        yield start


@pytest.fixture
def discover(mailctl: Mailctl) -> Callable[..., Result]:
    return lambda *arguments: mailctl("server", "discover", *arguments)


def places(found: Any) -> dict[str, str]:
    """Return the chosen sides of `discover -o json`."""
    return {name: f"{side['host']}:{side['port']} {side['security']}" for name, side in found["server"].items()}


def said(found: Any, source: str) -> list[str]:
    return [answer["outcome"] for answer in found["sources"] if answer["source"] == source]


def test_a_file_at_the_domain(net: Net, discover: Callable[..., Result]) -> None:
    web, _ = net({AUTOCONFIG: WHOLE})
    result = discover("ann@example.org")
    assert result.code == 0, result
    assert result.out.startswith(
        "PROTOCOL  SERVER                    WHO SAYS SO\n"
        "smtp      smtp.example.org:465 tls  autoconfig\n"
        "imap      imap.example.org:993 tls  autoconfig\n"
        "\n"
        "SOURCE "
    )
    sources = [re.split(r"  +", line) for line in result.out.partition("SOURCE ")[2].splitlines()[1:]]
    assert sources == [
        ["preset", "not a domain of a known provider", "mailctl's presets"],
        ["autoconfig", "a file of Example Mail", AUTOCONFIG],
        ["ispdb", "there is no such file (HTTP 404)", f"{ISPDB}/example.org"],
        ["srv", "there are no such records", "_…._tcp.example.org"],
        ["mx", "the domain has no mail exchanger", "MX of example.org"],
        ["autodiscover", "no answer: the proxy does not connect (with outlook.office365.com)", "outlook.office365.com"],
        ["autoconfig-http", "no answer: the web server, or a proxy, fails (HTTP 502)", WELL_KNOWN.replace("s:", ":")],
    ]
    assert "nothing is saved; `mailctl server discover ann@example.org --save CODE` adds the first" in result.err
    assert f"{AUTOCONFIG}?emailaddress=ann%40example.org" in web.asked


def test_the_address_is_told_to_nobody_where_a_domain_is_given(net: Net, discover: Callable[..., Result]) -> None:
    web, _ = net({AUTOCONFIG: WHOLE})
    found = discover("example.org", "-o", "json").json
    assert said(found, "autodiscover") == ["skipped"]
    assert not [url for url in web.asked if "?" in url or "autodiscover" in url]


def test_nothing_above_the_domain_is_asked(net: Net, discover: Callable[..., Result]) -> None:
    web, dns = net(zone={"mail.example.co.uk": {"MX": ["1 mx.hoster.example.net."]}})
    discover("mail.example.co.uk")
    assert not [url for url in web.asked if "//autoconfig.example.co.uk" in url or "//autoconfig.co.uk" in url]
    assert {url.rpartition("/")[2] for url in web.asked if url.startswith(ISPDB)} == {
        "mail.example.co.uk", "hoster.example.net", "example.net",
    }  # fmt: skip
    assert all(question.endswith("mail.example.co.uk " + question.split()[1]) for question in dns.asked)


def test_presets_answer_without_a_network(discover: Callable[..., Result], monkeypatch: pytest.MonkeyPatch) -> None:
    unplug(monkeypatch)
    result = discover("ann@gmail.com", "--timeout", "0.5", "-o", "json")
    assert result.code == 0, result
    assert places(result.json) == {"smtp": "smtp.gmail.com:465 tls", "incoming": "imap.gmail.com:993 tls"}
    assert result.json["preset"] == "gmail"
    assert set(said(result.json, "ispdb") + said(result.json, "mx")) == {"failed"}


def test_without_a_network_an_unknown_domain_is_no_finding(
    discover: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    unplug(monkeypatch)
    result = discover("ann@example.org", "--timeout", "0.5", "-o", "json")
    assert (result.code, result.out) == (10, "")
    assert result.error["code"] == "network"
    assert "nobody could be asked about example.org" in result.error["message"]
    assert "--ispdb" in result.error["hint"]


def unplug(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lead all web requests and questions to the DNS to ports at which nobody listens."""
    with DnsServer({}) as gone:
        pass
    monkeypatch.setenv("MAILCTL_NAMESERVER", gone.place)
    for name in ("HTTPS_PROXY", "HTTP_PROXY", "https_proxy", "http_proxy"):
        monkeypatch.setenv(name, f"http://{gone.place}")
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)


def test_a_domain_that_does_not_exist(net: Net, discover: Callable[..., Result]) -> None:
    net(zone={})
    result = discover("example.org", "-o", "json")
    assert result.code == 10
    assert result.error["message"] == "the domain example.org does not exist"


def test_a_domain_of_which_nobody_knows_anything(net: Net, discover: Callable[..., Result]) -> None:
    net()
    result = discover("example.org")
    assert result.code == 3
    assert "no source names a mail server of example.org" in result.err
    assert "there are no such records" in result.out  # who was asked, all the same


def test_the_domain_is_believed_before_the_database_and_the_disagreement_is_shown(
    net: Net, discover: Callable[..., Result]
) -> None:
    old = config(server("smtp", "smtp.example.org", 587, "STARTTLS"), server("imap", "old.example.org", 993, "SSL"))
    net({AUTOCONFIG: WHOLE, f"{ISPDB}/example.org": old})
    result = discover("example.org")
    assert (
        "The sources disagree:\n"
        "  smtp port, security: autoconfig says 465 tls; ispdb says 587 starttls\n"
        "  imap host: autoconfig says imap.example.org; ispdb says old.example.org\n"
    ) in result.out
    found = discover("example.org", "-o", "json").json
    assert places(found) == {"smtp": "smtp.example.org:465 tls", "incoming": "imap.example.org:993 tls"}
    assert [(entry["protocol"], entry["fields"], entry["sources"]) for entry in found["disagreements"]] == [
        ("smtp", ["port", "security"], ["ispdb"]), ("imap", ["host"], ["ispdb"]),
    ]  # fmt: skip


def test_the_wrong_port_of_a_preset_domain_in_the_database_is_shown(
    net: Net, discover: Callable[..., Result], tmp_path: Path
) -> None:
    folder = tmp_path / "ispdb"
    folder.mkdir()
    wrong = config(server("pop3", "pop3s.pec.aruba.it", 993, "SSL"), domain="pec.it").body
    (folder / "pec.it.xml").write_text(str(wrong))
    net()
    result = discover("pec.it", "--ispdb", str(folder))
    assert result.code == 0, result
    assert "pop3s.pec.aruba.it:995 tls" in result.out
    assert "  pop3 port: preset says 995; ispdb says 993\n" in result.out


def test_a_value_that_no_page_of_the_provider_confirms_is_said(net: Net, discover: Callable[..., Result]) -> None:
    net()
    found = discover("legalmail.it", "-o", "json").json
    assert found["warnings"] == [
        "Legalmail PEC (certified mail): the SMTP endpoint sendm.cert.legalmail.it:465 is unconfirmed"
    ]
    shown = discover("legalmail.it", "--incoming-protocol", "pop3").err
    assert "the POP3 endpoint mbox.cert.legalmail.it:995 is unconfirmed" in shown


def test_a_folder_of_files_is_a_database_and_a_file_may_be_about_several_domains(
    net: Net, discover: Callable[..., Result], tmp_path: Path
) -> None:
    folder = tmp_path / "ispdb"
    folder.mkdir()
    (folder / "example.com.xml").write_text(str(WHOLE.body))
    web, _ = net()
    found = discover("example.org", "--ispdb", str(folder), "-o", "json").json
    assert places(found)["smtp"] == "smtp.example.org:465 tls"
    assert not [url for url in web.asked if url.startswith(ISPDB)]


@pytest.mark.parametrize("place", ["/nowhere/at/all", "http://mirror.example.org/", "ftp://mirror.example.org/"])
def test_a_database_is_a_folder_or_an_https_url(discover: Callable[..., Result], place: str) -> None:
    result = discover("example.org", "--ispdb", place)
    assert result.code == 2
    assert "--ispdb" in result.err


ZONE = {
    "example.org": {"MX": ["10 aspmx.l.google.com."], "A": ["192.0.2.1"]},
    "_submissions._tcp.example.org": {"SRV": ["0 1 465 mail.example.org."]},
    "_imaps._tcp.example.org": {"SRV": ["0 1 993 mail.example.org.", "10 1 993 spare.example.org."]},
    "_pop3s._tcp.example.org": {"SRV": ["0 0 0 ."]},
    "_pop3._tcp.example.org": {"SRV": ["0 0 0 ."]},
}


def test_service_records_come_before_what_the_exchanger_leads_to(net: Net, discover: Callable[..., Result]) -> None:
    net(zone=ZONE)
    found = discover("example.org", "-o", "json").json
    assert places(found) == {"smtp": "mail.example.org:465 tls", "incoming": "mail.example.org:993 tls"}
    imap = [entry for entry in found["candidates"] if entry["protocol"] == "imap"]
    assert [(entry["host"], entry["authenticated"]) for entry in imap] == [
        ("mail.example.org", False), ("spare.example.org", False), ("imap.gmail.com", True),
    ]  # fmt: skip
    assert any("anybody on the way can forge" in warning for warning in found["warnings"])
    pop3 = next(entry for entry in found["disagreements"] if entry["protocol"] == "pop3")
    assert (pop3["said"], pop3["sources"], pop3["chosen"]["host"]) == (None, ["srv"], "pop.gmail.com")


def test_a_host_of_another_domain_in_service_records_is_said(net: Net, discover: Callable[..., Result]) -> None:
    net(zone={**ZONE, "_submissions._tcp.example.org": {"SRV": ["0 1 465 evil.example.net."]}})
    assert "and it is not a host of example.org" in discover("example.org").err


@pytest.mark.parametrize(
    ("exchanger", "preset"),
    [
        ("aspmx.l.google.com.", "gmail"),
        ("example-org.mail.protection.outlook.com.", "microsoft365"),
        ("example-org.l-v1.mx.microsoft.", "microsoft365"),
        ("in1-smtp.messagingengine.com.", "fastmail"),
    ],
)
def test_an_exchanger_leads_to_its_provider(
    net: Net, discover: Callable[..., Result], exchanger: str, preset: str
) -> None:
    net(zone={"example.org": {"MX": [f"10 {exchanger}"]}})
    found = discover("example.org", "-o", "json").json
    assert (found["preset"], said(found, "mx")) == (preset, ["found"])


def test_an_exchangers_host_is_looked_up_in_the_database(net: Net, discover: Callable[..., Result]) -> None:
    net({f"{ISPDB}/hoster.example.net": WHOLE}, {"example.org": {"MX": ["10 mx1.in.hoster.example.net."]}})
    found = discover("example.org", "-o", "json").json
    assert said(found, "ispdb-mx") == ["found"]
    assert places(found)["smtp"] == "smtp.example.org:465 tls"


def test_microsoft_365_knows_its_mailboxes(net: Net, discover: Callable[..., Result]) -> None:
    web, _ = net({f"{AUTODISCOVER}/ann@example.org": Page(MICROSOFT)})
    found = discover("ann@example.org", "-o", "json").json
    assert found["preset"] == "microsoft365"
    assert [url for url in web.asked if url.endswith("?Protocol=AutodiscoverV1")]


@pytest.mark.parametrize(
    "page",
    [
        Page(status=302, headers={"Location": "https://autodiscover.example.org/autodiscover.json"}),
        Page('{"Protocol":"AutodiscoverV1","Url":"https://outlook.office365.com.example.net/"}'),
        Page("[" * 5000),
        Page("{}"),
    ],
)
def test_any_other_answer_of_microsofts_says_nothing(net: Net, discover: Callable[..., Result], page: Page) -> None:
    net({f"{AUTODISCOVER}/ann@example.org": page, AUTOCONFIG: WHOLE})
    found = discover("ann@example.org", "-o", "json").json
    assert said(found, "autodiscover") == ["nothing"]
    assert found["preset"] is None


def test_redirects_are_followed_on_https_alone(net: Net, discover: Callable[..., Result]) -> None:
    net(
        {
            AUTOCONFIG: Page(status=301, headers={"Location": "https://elsewhere.example.net/c.xml"}),
            "https://elsewhere.example.net/c.xml": WHOLE,
            WELL_KNOWN: Page(status=302, headers={"Location": "http://elsewhere.example.net/d.xml"}),
            "http://elsewhere.example.net/d.xml": WHOLE,
        }
    )
    found = discover("example.org", "-o", "json").json
    answers = {answer["place"]: answer for answer in found["sources"] if answer["source"] == "autoconfig"}
    assert answers[AUTOCONFIG]["outcome"] == "found"
    assert answers[WELL_KNOWN]["outcome"] == "failed"
    assert "from https to http" in answers[WELL_KNOWN]["said"]


def test_a_circle_of_redirects_ends(net: Net, discover: Callable[..., Result]) -> None:
    web, _ = net({AUTOCONFIG: Page(status=302, headers={"Location": AUTOCONFIG}), WELL_KNOWN: WHOLE})
    assert discover("example.org").code == 0
    assert web.asked.count(AUTOCONFIG) == 4


def test_a_file_by_plain_http_is_found_and_not_trusted(net: Net, discover: Callable[..., Result]) -> None:
    net({AUTOCONFIG.replace("https", "http"): WHOLE})
    result = discover("example.org", "-o", "json")
    assert "found" in said(result.json, "autoconfig-http")
    assert {entry["authenticated"] for entry in result.json["candidates"]} == {False}
    assert len(result.json["warnings"]) == 2


def test_hostile_files_cost_a_source_and_nothing_else(net: Net, discover: Callable[..., Result]) -> None:
    bomb = '<!DOCTYPE x [<!ENTITY a "aaaa">]><clientConfig>&a;</clientConfig>'
    net({AUTOCONFIG: Page("x" * 1000, endless=True), WELL_KNOWN: Page(bomb), f"{ISPDB}/example.org": WHOLE})
    found = discover("example.org", "-o", "json").json
    assert sorted(said(found, "autoconfig")) == ["failed", "nothing"]
    assert places(found)["smtp"] == "smtp.example.org:465 tls"


def test_a_source_that_does_not_answer_has_its_deadline(net: Net, discover: Callable[..., Result]) -> None:
    net({AUTOCONFIG: Page(silent=True), f"{ISPDB}/example.org": WHOLE})
    found = discover("example.org", "--timeout", "0.5", "-o", "json").json
    late = next(answer for answer in found["sources"] if answer["place"] == AUTOCONFIG)
    assert (late["outcome"], late["reason"]) == ("failed", "timed-out")
    assert places(found)["smtp"] == "smtp.example.org:465 tls"


CLEAR = config(server("smtp", "smtp.example.org", 25, "plain"), IMAP)


def test_what_is_in_the_clear_comes_last_and_is_marked(net: Net, discover: Callable[..., Result]) -> None:
    both = config(server("smtp", "smtp.example.org", 25, "plain"), SMTP, IMAP)
    net({AUTOCONFIG: both})
    result = discover("example.org")
    smtp = [re.split(r"  +", line) for line in result.out.splitlines()[1:3]]
    assert smtp == [
        ["smtp", "smtp.example.org:465 tls", "autoconfig"],
        ["", "smtp.example.org:25 none (in the clear!)", "autoconfig"],
    ]
    assert "in the clear:" not in result.err


def test_what_is_in_the_clear_alone_is_warned_of_and_saved_by_an_option_only(
    net: Net, discover: Callable[..., Result], mailctl: Mailctl
) -> None:
    net({AUTOCONFIG: CLEAR})
    refused = discover("example.org", "--save", "hq", "--yes")
    assert refused.code == 2
    assert "--allow-cleartext" in refused.err
    assert "smtp smtp.example.org:25 is in the clear" in refused.err
    assert not mailctl.config.exists()
    assert discover("example.org", "--save", "hq", "--allow-cleartext").code == 0
    shown = mailctl.must("server", "show", "hq", "-o", "json").json["server"]
    assert shown["smtp"]["security"] == "none"


def test_saving_what_the_domain_itself_says(net: Net, discover: Callable[..., Result], mailctl: Mailctl) -> None:
    net({AUTOCONFIG: WHOLE})
    result = discover("example.org", "--save", "hq", "-o", "json")
    assert result.code == 0, result
    assert result.json["changed"] is True
    assert result.json["server"] == mailctl.must("server", "show", "hq", "-o", "json").json["server"]
    saved = result.json["server"]
    assert (saved["name"], saved["smtp"]["host"], saved["smtp"]["auth"]) == ("Example Mail", "smtp.example.org", "auto")
    assert (saved["incoming"]["protocol"], saved["incoming"]["port"]) == ("imap", 993)
    assert discover("example.org", "--save", "hq").code == 4
    again = discover("example.org", "--save", "hq", "--if-not-exists", "-o", "json")
    assert (again.code, again.json["changed"]) == (0, False)


def test_a_dry_run_saves_nothing(net: Net, discover: Callable[..., Result], mailctl: Mailctl) -> None:
    net({AUTOCONFIG: WHOLE})
    result = discover("example.org", "--save", "hq", "--dry-run")
    assert result.code == 0
    assert '+host = "smtp.example.org"' in result.out
    assert not mailctl.config.exists()


def test_what_only_the_dns_says_is_not_saved_unasked(
    net: Net, discover: Callable[..., Result], mailctl: Mailctl
) -> None:
    net(zone=ZONE)
    refused = discover("example.org", "--save", "hq")
    assert refused.code == 2
    assert "--yes" in refused.err
    assert not mailctl.config.exists()
    assert discover("example.org", "--save", "hq", "--yes").code == 0
    assert mailctl.codes == ["hq"]


def test_pop3_may_be_wanted(net: Net, discover: Callable[..., Result], mailctl: Mailctl) -> None:
    net()
    discover("ann@gmail.com", "--save", "g", "--incoming-protocol", "pop3")
    assert mailctl.must("server", "show", "g", "-o", "json").json["server"]["incoming"]["host"] == "pop.gmail.com"


def test_a_side_that_nobody_names_is_not_made_up(net: Net, discover: Callable[..., Result], mailctl: Mailctl) -> None:
    net({AUTOCONFIG: config(IMAP)})
    assert discover("example.org", "-o", "json").json["server"] is None
    result = discover("example.org", "--save", "hq")
    assert result.code == 3
    assert "no source names an outgoing server" in result.err
    assert not mailctl.config.exists()


def test_any_script(net: Net, discover: Callable[..., Result], mailctl: Mailctl) -> None:
    domain = "xn--w0tp6r.xn--6oq404h"
    file = config(server("smtp", "smtp.%EMAILDOMAIN%", 465, "SSL"), server("imap", "imap.%EMAILDOMAIN%", 993, "SSL"))
    web, dns = net({f"https://autoconfig.{domain}/mail/config-v1.1.xml": file}, {domain: {"A": ["192.0.2.1"]}})
    result = discover("山田太郎@株式.会社", "--save", "本社", "--name", "本社メール", "-o", "json")
    assert result.code == 0, result
    assert (result.json["domain"], result.json["address"]) == (domain, "山田太郎@株式.会社")
    assert result.json["server"]["smtp"]["host"] == f"smtp.{domain}"
    assert f"{domain} MX" in dns.asked
    assert any("emailaddress=%E5%B1%B1%E7%94%B0" in url for url in web.asked)


@pytest.mark.parametrize(
    "subject", ["", "alice", "a b", "ann@", "192.0.2.1", "ann@[192.0.2.1]", "[::1]", "-x.example.org", "a\r\nb"]
)
def test_what_is_neither_an_address_nor_a_domain(discover: Callable[..., Result], subject: str) -> None:
    result = discover("-o", "json", "--", subject)
    assert result.code == 2
    assert json.loads(result.err)["error"]["exit_code"] == 2
