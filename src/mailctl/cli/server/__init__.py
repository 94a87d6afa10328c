"""`mailctl server`."""
