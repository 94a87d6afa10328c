"""Who sends for an organisation: `mailctl sysmail` and `mailctl tenant`."""
