"""Messages sent: `mailctl send` and `mailctl sendmail`."""
