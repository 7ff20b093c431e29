"""The lake: the only owner of DuckDB connections, and the only way to change the lake's tables."""

from billstream.common.lake.guard import Claim, ProcessedKey
from billstream.common.lake.lake import Lake, Write

__all__ = ["Claim", "Lake", "ProcessedKey", "Write"]
