"""`billstream budgets`: check the file of budgets, and show what they have used."""

from billstream.cli.budgets.commands import app

__all__ = ["app"]
