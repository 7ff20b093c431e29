"""`billstream backup`, `restore` and `relocate`; and the lake rebuilt from its bucket."""

from billstream.cli.backup.commands import app

__all__ = ["app"]
