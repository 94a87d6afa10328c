"""What becomes of a person's new mail: rules and answers, decided here or written as Sieve."""
