"""HTTP by requests, over the connections that the mail protocols use too."""
