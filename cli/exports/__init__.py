"""`billstream exports`: the exports of the lake, and which of two counts."""

from billstream.cli.exports.commands import app

__all__ = ["app"]
