"""A guarded connection: names, addresses, sockets, TLS, deadlines; and the wire that all of it ends in."""
