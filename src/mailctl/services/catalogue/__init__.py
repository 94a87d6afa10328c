"""Use cases of the catalogue of servers."""
