"""Where a replay finds its objects: a choice of the command, which is shown before its code is loaded."""

from enum import StrEnum


class Origin(StrEnum):
    """The source of the objects of a replay."""

    LISTING = "listing"
    LEDGER = "ledger"
