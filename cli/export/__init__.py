"""`billstream export`: charges as files of an open format."""

from billstream.cli.export.commands import app

__all__ = ["app"]
