"""What an event gets: pure verdicts, and the look-ups of the ledger that they need."""
