"""What `mailctl doctor` looks at on this machine."""
