"""Use cases of OAuth: clients, grants, tokens."""
