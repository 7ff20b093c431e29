"""The verdict on an event: pure rules, and the look-ups of the ledger that they need."""
