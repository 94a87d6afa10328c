"""`mailctl account` and its groups."""
