"""`billstream publish …`."""

from billstream.cli.publish.commands import app

__all__ = ["app"]
