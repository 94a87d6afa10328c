"""Mail knowledge without sockets: SASL, replies, capabilities, messages, rules, redaction, remedies."""
