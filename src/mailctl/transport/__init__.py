"""Connections to mail servers: dialling, TLS, and the sessions in which mail is sent, received and filed.

A folder each for SMTP, IMAP, POP3, ManageSieve, HTTP and Microsoft Graph. The `session` of a mail protocol opens one
from a `route.Route` (where, how secured, with which login), and a `watch.Watch` records the stages as they happen
(`opening`, one order for all of them). A session speaks through one `network.wire.Wire`, which owns the socket and so
the deadlines, the caps and the check for bytes that came before TLS; HTTP dials and secures its connections as they do.
"""
