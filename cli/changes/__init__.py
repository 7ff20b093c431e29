"""`billstream changes`: the costs that restatements and new files changed between two snapshots."""

from billstream.cli.changes.commands import app

__all__ = ["app"]
