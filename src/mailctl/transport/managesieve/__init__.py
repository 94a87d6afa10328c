"""ManageSieve on a wire: a session opened, and an account's scripts in it. RFC 5804."""
