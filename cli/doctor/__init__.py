"""`billstream doctor`: one report of everything that an operator, or support, would ask. It never fails itself."""

from billstream.cli.doctor.commands import app

__all__ = ["app"]
