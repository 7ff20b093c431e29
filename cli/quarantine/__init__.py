"""`billstream quarantine`: what could not be loaded, why, and another try."""

from cli.quarantine.commands import app

__all__ = ["app"]
