"""The place of an object in an export's folders, and the scope that a delivery replaces."""

from dataclasses import dataclass
from datetime import datetime

from billstream.consumer.events import EXPORT_BUCKET


@dataclass(frozen=True)
class Place:
    """An export, one of its billing periods, and the folder of one delivery, where the export has such folders.

    `prefix` is the key up to the export's own folders, with its last slash; empty at the root of a bucket. `period` is
    `yyyy-mm` for a calendar month, in whatever way the vendor writes it; other periods are `yyyymmdd-yyyymmdd`.
    """

    prefix: str
    period: str
    delivery: str | None = None

    @property
    def export(self) -> str:
        """The export's own name: the last folder of `prefix`, empty at the root of a bucket."""
        return self.prefix.rstrip("/").rpartition("/")[2]

    def same_export(self, other: "Place") -> bool:
        """Return whether both are in one export and one period."""
        return (self.prefix, self.period) == (other.prefix, other.period)

    def scope_key(self, bucket: str) -> str:
        """Return the key of the ledger's lines about the deliveries of this export and period."""
        return f"{bucket}/{self.prefix}{self.period}"

    def scope(self, bucket: str) -> str:
        """Return the scope that a whole delivery replaces."""
        return f"{EXPORT_BUCKET}//{self.scope_key(bucket)}"

    @property
    def written_at(self) -> datetime | None:
        """The time that the delivery's folder begins with, such as `2024-05-18T20:16:37Z-<id>`; None without one."""
        stamp, zone, _ = (self.delivery or "").partition("Z")
        try:
            return datetime.fromisoformat(f"{stamp}+00:00") if zone and "T" in stamp else None
        except ValueError:
            return None
