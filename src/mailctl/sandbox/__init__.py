"""A throw-away mail server on loopback, for rehearsals and CI: SMTP, IMAP and POP3 over one store in memory.

```
with open_sandbox() as sandbox:
    sandbox.ports["imaps"], sandbox.ca_file, sandbox.logins[0].password_file
```

    server              open_sandbox: certificates, logins, clean end
    listeners           ports, event loop, thread
    port_file           how other programs find it
    store, search       mailboxes in memory, IMAP SEARCH over them
    submission_server   SMTP by aiosmtpd
    imap_server, imap_account, message_parts, pop3_server, authentication
                        IMAP and POP3 by Twisted
    twisted_bridge      Twisted's protocols on asyncio's transports

All messages end here, nothing is ever relayed, and nobody logs in without TLS. The servers come with the extra
`mailctl[sandbox]`; nothing of them is imported before a sandbox runs.
"""

from mailctl.sandbox.server import Login, Sandbox, open_sandbox

__all__ = ["Login", "Sandbox", "open_sandbox"]
