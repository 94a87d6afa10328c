"""`mailctl test`."""
