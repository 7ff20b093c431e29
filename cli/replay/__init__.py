"""`billstream replay`: objects announced anew, straight to the intake or through the queue."""

from billstream.cli.replay.order import Order, Origin, selection
from billstream.consumer.backfill.execution import carry_out

__all__ = ["Order", "Origin", "carry_out", "selection"]
