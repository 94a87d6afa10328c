"""Settings files as people write them."""

BY_HAND = """\
# Mail of the Example Company
schema_version = 1

# the office in Kyoto
[[servers]]
code = "kyoto"            # do not rename
name = '京都'
colour = "red"

[servers.smtp]
security = "tls"
host = "smtp.kyoto.example"
[servers.incoming]
  protocol = "imap"
  host = "imap.kyoto.example"   # behind the firewall
# may move in spring

# ---- customers ----

[[servers]]
code = "osaka"
name = "Osaka"
smtp.host = "smtp.osaka.example"
smtp.auth = "plain"
incoming = { protocol = "pop3", host = "pop.osaka.example" }
motd = \"\"\"
[[servers]]
# not a comment\"\"\"

[extra]
list = [
  1, # one
  2,
]
"""

# Entries as inline tables of one list.
INLINE = """\
servers = [
  { code = 'a', name = 'A', smtp = { host = 'h' }, incoming = { protocol = 'imap', host = 'h' } },  # one
]
"""

# An entry with another table in its middle.
INTERLEAVED = (
    "[[servers]]\ncode = 'a'\nname = 'A'\n[secrets]\nbackend = 'vault'\n"
    "[servers.smtp]\nhost = 'h'\n[servers.incoming]\nprotocol = 'imap'\nhost = 'h'\n"
)
