"""`billstream replay`: objects processed as if S3 had just announced them, here or by the consumers."""

from billstream.cli.replay.order import Order, Origin, selection
from billstream.cli.replay.run import carry_out

__all__ = ["Order", "Origin", "carry_out", "selection"]
