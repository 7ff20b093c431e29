"""Alerts: an outbox in the lake, and the sinks that it is delivered to after the commit."""
