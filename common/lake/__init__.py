"""The lake: the sole owner of DuckDB connections, and the one way to change what is in it."""

from billstream.common.lake.guard import Claim, ProcessedKey
from billstream.common.lake.lake import Lake, Write

__all__ = ["Claim", "Lake", "ProcessedKey", "Write"]
