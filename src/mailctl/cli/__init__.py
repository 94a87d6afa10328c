"""The command line: commands, options, questions, what is told. Nothing is decided here."""
