"""Who sends for the organisation: the system mail account, tenants, and requests for support."""
