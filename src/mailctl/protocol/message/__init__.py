"""Messages: their header, their parts, and what they say of themselves. RFC 5322, 2045."""
