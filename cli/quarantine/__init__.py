"""`billstream quarantine`: what could not be loaded, why, and another try."""

from billstream.cli.quarantine.commands import app

__all__ = ["app"]
