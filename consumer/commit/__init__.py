"""One transaction: ledger lines, claims, rows. What it refuses, and what became of each event."""
