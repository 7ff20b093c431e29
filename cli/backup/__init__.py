"""`billstream backup`, `restore` and `relocate`."""

from billstream.cli.backup.commands import app

__all__ = ["app"]
