"""Backfill: events that no notification reported, made from the bucket's listing or from the ledger."""
