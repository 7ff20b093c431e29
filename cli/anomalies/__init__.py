"""`billstream anomalies`: what is out of the ordinary, why, and what people decided of it."""

from billstream.cli.anomalies.commands import app

__all__ = ["app"]
