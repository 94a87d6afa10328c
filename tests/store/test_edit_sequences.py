"""Any sequence of edits: the file says what was wanted, and keeps whatever nobody asked to change."""

from __future__ import annotations

import re
import unicodedata

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from mailctl.model.decode import decode_or_raise
from mailctl.model.oauth import OAuthClient
from mailctl.model.sending import SystemMail
from mailctl.model.server import IncomingAuth, Security, Server, SmtpAuth, TlsOptions
from mailctl.model.settings import SecretOptions
from mailctl.model.support import SupportOptions
from mailctl.model.tenant import Tenant
from mailctl.store.editing import edit_content
from mailctl.store.reading import parse_settings

# Each entry's comments and unknown keys bear its number, so that it can be told whose are still there.
BLOCKS = """\
# file: top

# entry 0: lead
[[servers]]
code = "zero" # entry 0: code
unknown = 0
name = "0"
[servers.smtp]
# entry 0: smtp
host = "h" # entry 0: host
[servers.smtp.unknown]
deep = [ "entry 0: deep", # entry 0: in array
]
[servers.incoming]
protocol = "imap"
host = "h"

# file: between
[secrets]
unknown = "file: in secrets"
# file: secrets

[[servers]]
# entry 1: first
"code" = "one"
name = \"\"\"
[[servers]] "" # \"\"\"
smtp = {host="h",security="none" } # entry 1: smtp
incoming.protocol = 'pop3'
incoming . host = "h"

   # entry 2: lead
   [[ servers ]]
   code = 'two'
   name = '''2'''
   smtp.host = "h"
   note = "entry 2: note"
   [servers."incoming"]
   protocol = "imap"
   host = "h"
   # entry 2: tail

# file: end
[x.y]
z = 2001-01-01 10:00:00 # file: date
""".replace('[[servers]] "" # """', '[[servers]] " # """').replace('name = """\n', 'name = """\\\n')

# The system mail account in the forms that people write it in: before the rest of the file, and behind it.
ACCOUNTS = [
    ("", ""),
    ('sysmail = {address="a@b.c", smtp = { host = "h" },tls={verify=false}}\n', ""),
    ('sysmail.address = "a@b.c"\nsysmail.smtp.host="h"\n  sysmail.smtp.auth = "auto" # account\n', ""),
    ("", '[sysmail]\n# account\naddress="a@b.c"\nsmtp.host="h"\n[sysmail.tls]\npins=[ # none\n]\nverify=false\n'),
    ("", '\n[sysmail.smtp]\nhost="h"\n[y]\n[sysmail]\naddress="a@b.c"\npop_before_smtp={ host = "p" }\n'),
]

MARK = re.compile(r"(?:file|entry \d): [a-z ]+")

texts = st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp", "Cf"]), min_size=1, max_size=8).map(
    lambda text: unicodedata.normalize("NFC", text.strip() or "n")
)
codes = st.text(st.characters(categories=["L", "N"], include_characters='"\\#[]=.'), min_size=1, max_size=6).map(
    lambda text: unicodedata.normalize("NFC", text)
)
PIN = "sha256:" + "0a" * 32
indices = st.integers(0, 99)
edits = st.one_of(
    st.tuples(st.just("add"), codes, indices),
    st.tuples(st.just("delete"), indices),
    st.tuples(st.just("rename"), indices, codes),
    st.tuples(st.just("name"), indices, texts),
    st.tuples(st.just("clients"), st.lists(codes, max_size=3, unique=True), st.integers(1, 9)),
    st.tuples(st.just("smtp"), indices, st.integers(1, 65535), st.sampled_from(Security), st.sampled_from(SmtpAuth)),
    st.tuples(st.just("incoming"), indices, st.integers(10, 120), st.sampled_from(IncomingAuth)),
    st.tuples(st.just("tls"), indices, st.booleans(), st.none() | st.just("ca.pem"), st.sampled_from([(), ("p",)])),
    st.tuples(st.just("move"), indices, indices),
    st.tuples(st.just("account"), st.none() | st.just({})),
    st.tuples(
        st.just("account"),
        st.fixed_dictionaries(
            {"active": st.booleans()},
            optional={
                "sender_name": texts,
                "smtp": st.builds(lambda port: {"host": "h", "port": port, "security": "tls"}, st.integers(1, 99)),
                "tls": st.builds(lambda pins: {"pins": [PIN] * pins, "ca_file": "ca.pem"}, st.integers(0, 2)),
                "pop_before_smtp": st.builds(lambda wait: {"host": "p", "wait": wait}, st.integers(0, 10)),
            },
        ),
    ),
    st.tuples(
        st.just("tenants"),
        st.lists(codes, max_size=3, unique=True),
        st.fixed_dictionaries(
            {"name": texts},
            optional={
                "address": st.just("山@b.c"),
                "smtp": st.builds(lambda port: {"host": "h", "port": port, "security": "tls"}, st.integers(1, 99)),
            },
        ),
    ),
    st.tuples(st.just("support"), st.none() | st.just("a@b.c"), st.booleans()),
    st.tuples(st.just("secrets"), st.dictionaries(texts, st.just("env:X"), max_size=2), st.none() | st.just("n")),
)


def edited(before, edit, origins):  # noqa: C901 (one branch for each kind of edit)
    """Return the settings after an edit; `origins` holds for each server the number of its entry, and is kept up."""
    kind, *values = edit
    servers = list(before.servers)
    if kind == "secrets":
        return replace(before, secrets=SecretOptions(named=values[0], namespace=values[1]))
    if kind == "account":
        given = values[0] is not None and {"address": "a@b.c", "smtp": {"host": "h"}} | values[0]
        return replace(before, sysmail=decode_or_raise(SystemMail, given) if given else None)
    if kind == "tenants":
        tenants = ({"code": code, **values[1]} for code in values[0] if not code.startswith("-"))
        return replace(before, tenants=tuple(decode_or_raise(Tenant, tenant) for tenant in tenants))
    if kind == "support":
        return replace(before, support=SupportOptions(address=values[0], tenant_addresses=values[1]))
    if kind == "clients":
        url = f"https://login.example.org/{values[1]}"
        clients = ({"name": name, "provider": "custom", "client_id": "id", "token_url": url} for name in values[0])
        return replace(before, oauth_clients=tuple(decode_or_raise(OAuthClient, client) for client in clients))
    if kind == "add":
        code, index = values
        if before.find_server(code) or code.startswith("-"):
            return before
        given = {"code": code, "name": "n", "smtp": {"host": "h"}, "incoming": {"protocol": "imap", "host": "h"}}
        servers.insert(index % (len(servers) + 1), decode_or_raise(Server, given))
        origins.insert(index % (len(origins) + 1), None)
        return replace(before, servers=tuple(servers))
    if not servers:
        return before
    index = values[0] % len(servers)
    server = servers[index]
    if kind == "delete":
        del servers[index], origins[index]
    elif kind == "move":
        target = values[1] % len(servers)
        servers.insert(target, servers.pop(index))
        origins.insert(target, origins.pop(index))
    elif kind == "rename":
        if before.find_server(values[1]):
            return before
        servers[index] = replace(server, code=values[1])
    elif kind == "name":
        servers[index] = replace(server, name=values[1])
    elif kind == "smtp":
        port, security, auth = values[1:]
        servers[index] = replace(server, smtp=replace(server.smtp, port=port, security=security, auth=auth))
    elif kind == "incoming":
        timeout, auth = values[1:]
        servers[index] = replace(server, incoming=replace(server.incoming, timeout=timeout, auth=auth))
    elif kind == "tls":
        verify, ca_file, pins = values[1:]
        servers[index] = replace(server, tls=TlsOptions(verify=verify, ca_file=ca_file, pins=(PIN,) * len(pins)))
    return replace(before, servers=tuple(servers))


@settings(deadline=None, max_examples=150)
@given(st.lists(edits, max_size=6), st.sampled_from(ACCOUNTS), st.sampled_from(["\n", "\r\n"]), st.booleans())
def test_the_file_says_what_was_wanted_and_keeps_the_rest(tmp_path_factory, sequence, account, newline, open_end):
    path = tmp_path_factory.getbasetemp() / "named-only.toml"
    content = BLOCKS.join(account).replace("\n", newline).removesuffix(newline if open_end else "").encode()
    current, origins = parse_settings(content, path).settings, [0, 1, 2]
    for edit in sequence:
        intended = edited(current, edit, origins)
        content = edit_content(content, current, intended, path).content
        current = parse_settings(content, path).settings
        assert current == intended
    text = content.decode()
    kept = [mark for mark in MARK.findall(BLOCKS) if mark.startswith("file") or int(mark[6]) in origins]
    assert sorted(MARK.findall(text)) == sorted(kept)
    assert text.endswith(newline) is not open_end
    assert text.count("\n") == text.count(newline)
