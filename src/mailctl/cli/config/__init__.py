"""`mailctl config`."""
