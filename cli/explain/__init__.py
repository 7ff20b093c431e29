"""`billstream explain`: why the costs of two periods differ, with the slices behind it."""

from billstream.cli.explain.commands import app

__all__ = ["app"]
