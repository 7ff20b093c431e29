"""The story that the samples tell: three vendors, a season of daily files, and what goes wrong in real life."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal

from billstream.cli.demo.samples.files import SampleFile, partition
from billstream.cli.demo.samples.focus import focus_file
from billstream.cli.demo.samples.season import Season
from billstream.cli.demo.samples.truth import Truth
from billstream.cli.demo.samples.usage import usage_file
from billstream.cli.demo.samples.vendors import FJORD, NIMBUS

DEFAULT_DAYS = 90
DEFAULT_SEED = 1729
LEAST_DAYS = 2
ENOUGH_DAYS = 60
"""Days from which the history is long enough for all that is out of the ordinary in it to be found."""

RESTATEMENT = Decimal("0.93")
# A workbook that somebody renamed: the signature of a ZIP archive, cut off.
NOT_A_CSV = b"PK\x03\x04\x14\x00\x06\x00\x08\x00\x00\x00!\x00" + bytes(range(256)) * 3
BAD_RECORDS = (
    b"yesterday,ada@example.com,Quill Assistant,pro,chat,eu-west,0.8500,0.033575,USD",
    b"2026-01-31T10:00:00Z,noor@example.com,Quill Assistant,pro,chat,eu-west,0.8500,O.O33575,USD",
    b"2026-01-31T11:00:00Z,liam@example.com,Quill Search",
    b"2026-01-31T12:00:00Z,mei@example.com,Quill Studio,pro,image,eu-west,2.7500,0.108625,USD,USD",
)


@dataclass(frozen=True)
class Surprises:
    """The incidents in the bucket after the daily files.

    `notified_again` and `removed` are keys of daily files; `restated` has the key of one, and other amounts.
    """

    notified_again: str
    restated: SampleFile
    removed: str
    corrupt: SampleFile
    with_bad_rows: SampleFile


@dataclass(frozen=True)
class Story:
    """Daily files up to `last`, for `days` days. The same arguments give the same bytes.

    Raises:
        ValueError: `days` is less than two.
    """

    last: date
    days: int = DEFAULT_DAYS
    seed: int = DEFAULT_SEED
    season: Season = field(init=False)

    def __post_init__(self) -> None:
        if self.days < LEAST_DAYS:
            raise ValueError(f"a story takes {LEAST_DAYS} days at least")
        object.__setattr__(self, "season", Season(self.last, self.days))

    def deliveries(self) -> Iterator[SampleFile]:
        """Yield the daily files, oldest first."""
        late_days = FJORD.late_days if self.days >= ENOUGH_DAYS else 0
        for day in self.season.days_in_order():
            yield focus_file(NIMBUS, self.season, day, self.seed)
            if late_days <= (self.last - day).days < (FJORD.since_days or self.days):
                yield focus_file(FJORD, self.season, day, self.seed)
            yield usage_file(self.season, day, self.seed)

    def surprises(self) -> Surprises:
        """Return the incidents."""
        first = self.season.days_in_order()[0]
        return Surprises(
            notified_again=focus_file(NIMBUS, self.season, first, self.seed).key,
            restated=focus_file(NIMBUS, self.season, self.last, self.seed, factor=RESTATEMENT),
            removed=usage_file(self.season, first, self.seed).key,
            corrupt=SampleFile(f"focus/vendor=nimbus/{partition(self.last)}/charges-copy.csv", NOT_A_CSV, Truth()),
            with_bad_rows=_with_bad_records(usage_file(self.season, self.last, self.seed, name="late")),
        )


def _with_bad_records(file: SampleFile) -> SampleFile:
    """The file with records among its rows that do not fit; those that do are as they were."""
    header, *rows = file.body.splitlines()
    for number, record in enumerate(BAD_RECORDS):
        rows.insert(5 + 11 * number, record)
    body = b"\n".join([header, *rows]) + b"\n"
    return replace(file, body=body, truth=replace(file.truth, rejected=len(BAD_RECORDS)))
