"""The production path of sending: drafts, messages, sessions, batches."""
