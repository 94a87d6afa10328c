"""Where the settings name secrets, and how these are stored, moved and described."""
