"""Connections to mail servers: dialling, TLS, and the SMTP, POP3 and IMAP sessions that sending and receiving use.

A folder each for SMTP, IMAP, POP3, ManageSieve, HTTP and Microsoft Graph; its `session` opens one from a `route.Route`
(where, how secured, with which login), and a `watch.Watch` records the stages as they happen (`opening`, one order for
all of them). Everything goes through one `network.wire.Wire`, which owns the socket and so the deadlines, the caps and
the check for bytes that came before TLS.
"""
