"""`billstream serve`: the published insights over HTTP, read-only."""

from billstream.cli.serve.commands import app

__all__ = ["app"]
