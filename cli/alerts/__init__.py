"""`billstream alerts`: the outbox of alerts, and the sinks that they go to."""

from billstream.cli.alerts.commands import app

__all__ = ["app"]
