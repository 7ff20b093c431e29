"""Maintenance keeps a lake that is only written to small and fast: a plan, then one bounded step after the other."""
