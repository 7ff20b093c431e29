"""Insights: what the aggregates and the ledger say, as values."""
