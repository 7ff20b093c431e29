"""A consumer over a bucket in memory and a real lake, and what is to be seen of its work."""

from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import count
from pathlib import Path
from typing import Any

from billstream.common.lake import Lake
from billstream.common.policies import DuplicatePolicy, RemovalPolicy
from billstream.common.settings import Settings
from billstream.consumer.commit.ledger import EntryBuilder, LedgerEntry
from billstream.consumer.commit.outcome import Outcome
from billstream.consumer.context import Context
from billstream.consumer.decode import Staging
from billstream.consumer.events import ObjectEvent
from billstream.consumer.intake import Intake
from billstream.consumer.layouts.layout import Layouts
from billstream.consumer.profiles import ProfileRegistry
from billstream.consumer.quality import Quality
from billstream.consumer.s3.fetch import Spool
from billstream.consumer.s3.objects import ObjectStore
from tests.fakes.objects import FakeBucket

START = datetime(2026, 3, 14, 12, tzinfo=UTC)
HEADER = "date,credits,cost,currency,user"


def bill(*lines: str) -> str:
    """A billing file; each line is `cost currency`, or a line as it is."""
    return "\n".join([HEADER, *(_line(line) for line in lines)]) + "\n"


def _line(line: str) -> str:
    cost, _, currency = line.partition(" ")
    return f"2026-03-14,1,{cost},{currency},ada" if currency else line


@dataclass
class House:
    """The lake, and consumers that share it. Buckets are told apart by name, so a lake can serve many tests."""

    lake: Lake
    settings: Settings
    ticks: "count[int]" = field(default_factory=count)
    buckets: "count[int]" = field(default_factory=count)
    stack: ExitStack = field(default_factory=ExitStack)

    def bucket(self, **options: Any) -> FakeBucket:  # noqa: ANN401 - fields of the bucket
        return FakeBucket(name=f"bucket-{next(self.buckets)}", **options)

    def clock(self) -> datetime:
        return START + timedelta(seconds=next(self.ticks))

    def intake(  # noqa: PLR0913 - what tests vary
        self,
        objects: ObjectStore,
        *,
        lake: Lake | None = None,
        on_removed: RemovalPolicy = RemovalPolicy.RETRACT,
        on_duplicate_content: DuplicatePolicy = DuplicatePolicy.WARN,
        name: str = "consumer",
        layouts: Layouts = Layouts(),  # noqa: B008 - frozen
        group_files: int = 200,
        profiles_dir: Path | None = None,
        quality: Quality = Quality(),  # noqa: B008 - frozen
    ) -> Intake:
        lake = lake or self.lake
        context = Context(
            lake=lake,
            objects=objects,
            profiles=ProfileRegistry.load(profiles_dir, columns=lake.columns("charges")),
            spool=Spool(self.settings.spool),
            staging=Staging(lake, quality=quality),
            entries=EntryBuilder(name, on_removed, self.clock),
            on_duplicate_content=on_duplicate_content,
            layouts=layouts,
            group_files=group_files,
        )
        return Intake(context)

    def rival(self, objects: ObjectStore) -> Intake:
        """Another consumer with a hold of its own on the same lake."""
        return self.intake(objects, lake=self.stack.enter_context(Lake.open(self.settings)), name="rival")

    @contextmanager
    def reader(self) -> Iterator[Lake]:
        """Somebody else who looks at the lake."""
        with Lake.open(self.settings, read_only=True) as lake:
            yield lake

    # -- what is in the lake -----------------------------------------------------------------------------

    def totals(self, bucket: FakeBucket, key: str | None = None) -> dict[str, Decimal]:
        """The billed cost by currency of the rows in force, as the charges have it."""
        sql = (
            "SELECT billing_currency, sum(billed_cost) FROM charges WHERE load_id IN "
            "(SELECT load_id FROM ledger WHERE bucket = ? AND (key = ? OR ?)) GROUP BY ALL"
        )
        return dict(self.lake.rows(sql, [bucket.name, key or "", key is None]))

    def ledger(self, bucket: FakeBucket, key: str | None = None) -> list[dict[str, Any]]:
        """The ledger's lines in the order they were written."""
        sql = "SELECT * FROM ledger WHERE bucket = ? AND (key = ? OR ?) ORDER BY processed_at"
        found: list[dict[str, Any]] = self.lake.query(sql, [bucket.name, key or "", key is None]).to_pylist(
            maps_as_pydicts="strict"
        )
        return found

    def states(self, bucket: FakeBucket, key: str | None = None) -> list[str]:
        return [line["state"] for line in self.ledger(bucket, key)]

    def view(self, name: str, bucket: FakeBucket) -> list[dict[str, Any]]:
        """The lines of a view that speak of a bucket."""
        sql = f"SELECT * FROM {name} WHERE scope LIKE ? ORDER BY ALL"
        found: list[dict[str, Any]] = self.lake.query(sql, [f"s3://{bucket.name}/%"]).to_pylist()
        return found

    def staged_files_left(self) -> set[str]:
        """Parquet files of charges that no snapshot has ever named.

        A delete file whose place another one has taken is named by the list of what upkeep removes.
        """
        catalog = "__ducklake_metadata_lake"
        tables = ("ducklake_data_file", "ducklake_delete_file", "ducklake_files_scheduled_for_deletion")
        named = " UNION ALL ".join(f"SELECT path FROM {catalog}.{table}" for table in tables)
        known = {Path(path).name for (path,) in self.lake.rows(named)}
        files = Path(self.lake.data_path, "main", "charges").glob("*.parquet")
        return {str(path) for path in files if path.name not in known}


def labels(outcomes: Iterable[Outcome]) -> list[str]:
    return [outcome.label for outcome in outcomes]


def entry_of(outcome: Outcome) -> LedgerEntry:
    assert outcome.entry is not None
    return outcome.entry


def again(event: ObjectEvent, attempt: int = 2) -> ObjectEvent:
    """The same event on a later receive of its message."""
    return replace(event, attempt=attempt)
