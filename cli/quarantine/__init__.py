"""`billstream quarantine`: files, messages and records that could not be loaded."""

from billstream.cli.quarantine.commands import app

__all__ = ["app"]
