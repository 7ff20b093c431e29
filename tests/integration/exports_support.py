"""Exports in a bucket in memory: deliveries as vendors lay them out, and what the lake has of them."""

import gzip
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from zlib import crc32

from billstream.common.policies import RemovalPolicy
from billstream.consumer.events import ObjectEvent
from billstream.consumer.intake import Intake
from billstream.consumer.layouts.layout import Layouts
from billstream.consumer.s3.objects import ObjectStore
from tests.fakes.objects import FakeBucket
from tests.integration.intake_support import House, bill

LAYOUTS = Layouts.load(None)
NOON = datetime(2026, 3, 14, 12, tzinfo=UTC)

Told = list[ObjectEvent]


@dataclass(frozen=True)
class Vendor:
    """How one vendor lays out a delivery; templates of the period `p`, the delivery's id `d` and a part's name `n`.

    Without a manifest a delivery is one file, with everything that the delivery costs.
    """

    part: str
    manifest: str
    overwrites: bool
    compressed: bool = False

    @property
    def one_file(self) -> bool:
        return not self.manifest

    def part_key(self, period: str, delivery: str, name: str) -> str:
        run = f"{crc32(delivery.encode()):08x}"
        return self.part.format(p=period, d=run if self.one_file else delivery, n=name, **_days(period))

    def manifest_key(self, period: str, delivery: str) -> str:
        return self.manifest.format(p=period, d=delivery, **_days(period))

    def text(self, bucket: str, keys: Sequence[str], sizes: Sequence[int], time: datetime, delivery: str) -> str:
        if "metadata" in self.manifest:
            return json.dumps({"executionId": delivery, "dataFiles": [f"s3://{bucket}/{key}" for key in keys]})
        if self.manifest.endswith("/manifest.json"):
            blobs = [{"blobName": k, "byteCount": s, "dataRowCount": 1} for k, s in zip(keys, sizes, strict=True)]
            return json.dumps({"blobs": blobs, "runInfo": {"runId": delivery, "submittedTime": time.isoformat()}})
        return json.dumps({"assemblyId": delivery, "reportKeys": list(keys)})


def _days(period: str) -> Mapping[str, str]:
    first = datetime.strptime(period, "%Y-%m").replace(tzinfo=UTC)
    following = (first + timedelta(days=32)).replace(day=1)
    return {"days": f"{first:%Y%m%d}-{following:%Y%m%d}"}


VENDORS = {
    "cur_new": Vendor("cur/r/{days}/{d}/r-{n}.csv.gz", "cur/r/{days}/{d}/r-Manifest.json", False, True),
    "cur_new_above": Vendor("cur/r/{days}/{d}/r-{n}.csv", "cur/r/{days}/r-Manifest.json", False),
    "cur_over": Vendor("cur/r/{days}/r-{n}.csv", "cur/r/{days}/r-Manifest.json", True),
    "exports_new": Vendor(
        "p/x/data/BILLING_PERIOD={p}/{d}/x-{n}.csv.gz", "p/x/metadata/BILLING_PERIOD={p}/x-Manifest.json", False, True
    ),
    "exports_over": Vendor("data/BILLING_PERIOD={p}/x-{n}.csv", "metadata/BILLING_PERIOD={p}/x-Manifest.json", True),
    "hub": Vendor("sub/e/{days}/{d}/part_{n}.csv", "sub/e/{days}/{d}/manifest.json", False),
}


RUNS = {"runs": Vendor("cost/daily/{days}/daily_{d}.csv", "", False)}
"""Vendors without manifests."""


@dataclass
class Site:
    """A bucket that a vendor delivers into, and a consumer of it. An hour passes with each delivery."""

    house: House
    vendor: Vendor
    bucket: FakeBucket = field(init=False)
    intake: Intake = field(init=False)
    group_files: int = 200
    on_removed: RemovalPolicy = RemovalPolicy.RETRACT

    def __post_init__(self) -> None:
        self.bucket = self.house.bucket(now=NOON)
        self.intake = self.consumer(self.bucket)

    def consumer(self, objects: ObjectStore, **options: Any) -> Intake:  # noqa: ANN401 - of the intake
        return self.house.intake(
            objects, layouts=LAYOUTS, group_files=self.group_files, on_removed=self.on_removed, **options
        )

    # -- what the vendor does ----------------------------------------------------------------------------

    def deliver(
        self, costs: Mapping[str, str], delivery: str = "d1", period: str = "2026-03"
    ) -> tuple[Told, ObjectEvent]:
        """Put a part for each name and then the manifest; returns the events of the parts and that of the manifest.

        Args:
            costs: name of a part to what it costs, in USD.
        """
        self.bucket.now += timedelta(hours=1)
        if self.vendor.one_file:
            key = self.vendor.part_key(period, delivery, "")
            return [], self.bucket.put(key, self._content(" ".join(costs.values())))
        parts = self.put_parts(costs, delivery, period)
        self.bucket.now += timedelta(seconds=5)
        return parts, self.put_manifest(list(costs), delivery, period)

    def put_parts(self, costs: Mapping[str, str], delivery: str = "d1", period: str = "2026-03") -> Told:
        return [
            self.bucket.put(self.vendor.part_key(period, delivery, name), self._content(cost))
            for name, cost in costs.items()
        ]

    def put_manifest(self, names: Sequence[str], delivery: str = "d1", period: str = "2026-03") -> ObjectEvent:
        keys = [self.vendor.part_key(period, delivery, name) for name in names]
        sizes = [len(self.bucket.content(key) or b"") for key in keys]
        text = self.vendor.text(self.bucket.name, keys, sizes, self.bucket.now, delivery)
        return self.bucket.put(self.vendor.manifest_key(period, delivery), text)

    def _content(self, cost: str) -> bytes:
        text = bill(*(f"{one} USD" for one in cost.split())).encode()
        return gzip.compress(text, mtime=0) if self.vendor.compressed else text

    # -- what is in the lake -----------------------------------------------------------------------------

    def total(self) -> Decimal | None:
        """The sum of all that is in force, of all periods."""
        return self.house.totals(self.bucket).get("USD")

    def states(self) -> dict[str, str]:
        """File name (or scope) to the state of the newest line that is about it."""
        rows = self.house.lake.rows(
            "SELECT key, state FROM latest_entries WHERE bucket = ? OR key LIKE ?",
            [self.bucket.name, f"{self.bucket.name}/%"],
        )
        return {key.rsplit("/", 1)[-1] if "." in key else "scope": state for key, state in rows}

    def deliveries(self) -> list[dict[str, Any]]:
        sql = "SELECT * FROM deliveries WHERE starts_with(scope, 'export://' || ? || '/') ORDER BY scope"
        found: list[dict[str, Any]] = self.house.lake.query(sql, [self.bucket.name]).to_pylist(maps_as_pydicts="strict")
        return found

    def fetched(self) -> list[str]:
        return [key.rsplit("/", 1)[-1] for call, key in self.bucket.calls if call == "fetch"]
