"""`billstream lineage`: from a number to the lines of files behind it, and from a file to the numbers that it moved."""

from billstream.cli.lineage.commands import app

__all__ = ["app"]
