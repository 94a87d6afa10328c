"""SMTP on a wire: a session opened, messages submitted in it. RFC 5321."""
