"""The watermark of a target: what it holds a copy of."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, kw_only=True)
class Watermark:
    """What a target has. It is stored in the target, in the transaction that makes it true.

    Attributes:
        lake_id: the lake's own id, which a backup keeps.
        snapshot_id: the snapshot that the charges are of, and that the aggregates are sums of.
        read_at: the snapshot that the aggregates were read in; a refresh commits after the snapshot that it folds.
        read_time: the time of that snapshot; a lake that was restored may have another one of the same number.
        refreshed_at: the time of the refresh that made the aggregates.
        layout: a digest of the tables' columns.
    """

    lake_id: str
    snapshot_id: int
    read_at: int
    read_time: datetime
    refreshed_at: datetime
    layout: str
