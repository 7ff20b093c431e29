"""`billstream quality`: the rules that rows should keep, and what breaks them."""

from billstream.cli.quality.commands import app

__all__ = ["app"]
