"""Models as text: for people, and for the programs that read reports."""
