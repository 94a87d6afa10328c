"""Connections to mail servers: dialling, TLS, and the SMTP, POP3 and IMAP sessions that sending and receiving use.

`smtp.open_smtp`, `pop3.open_pop3` and `imap.open_imap` take a `route.Route` (where, how secured, with which login) and
a `watch.Watch` (which records the stages as they happen). Everything below them goes through one `wire.Wire`, which
owns the socket and so the deadlines, the caps and the check for bytes that came before TLS.
"""
