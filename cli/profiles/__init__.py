"""`billstream profile`: which profiles there are, what they make of a file, and a proposal for a new one."""

from billstream.cli.profiles.commands import app

__all__ = ["app"]
