"""`mailctl oauth`."""
