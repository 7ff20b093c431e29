"""The way from a number to the lines of the files that it adds up, and from a file to the numbers that it moved."""

from billstream.common.amount import Amount
from billstream.consumer.lineage.cell import COSTS, DIMENSIONS, Cell
from billstream.consumer.lineage.lines import FileReader, Line, Reading, ReadState, set_of
from billstream.consumer.lineage.loads import LoadedFile, Moved, Share, amounts_at, loads_named, moved_by, shares_of

__all__ = [
    "COSTS",
    "DIMENSIONS",
    "Amount",
    "Cell",
    "FileReader",
    "Line",
    "LoadedFile",
    "Moved",
    "ReadState",
    "Reading",
    "Share",
    "amounts_at",
    "loads_named",
    "moved_by",
    "set_of",
    "shares_of",
]
