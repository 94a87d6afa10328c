"""POP3 on a wire: a session opened, and what is done with a mailbox in it. RFC 1939."""
