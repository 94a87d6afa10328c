"""IMAP on a wire: a session opened, and what is done with a mailbox in it. RFC 9051, 3501."""
