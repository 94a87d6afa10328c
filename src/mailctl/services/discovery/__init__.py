"""What can be found out about a domain's mail servers."""
