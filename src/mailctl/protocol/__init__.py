"""Mail knowledge without sockets: SASL, replies, capabilities, envelopes, redaction, remedies."""
