"""Values of maintenance: the facts of a catalog, the limits of one run, and the steps that a plan is made of."""

from dataclasses import dataclass, field
from datetime import timedelta

KIBIBYTE = 1024
MEBIBYTE = 1024 * KIBIBYTE


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What a step may be, and from when on something is worth one.

    `keep`: the age up to which snapshots are kept. `wait`: how long older ones are kept for a target that is not seen
    any more. `grace`: how long a file that no snapshot needs stays, for statements that have begun to read it.

    `settled`: the age from which a file is merged; what is restated before retires its small file as a whole. Where
    files are restated four times a day, six hours in place of one halve what maintenance writes; a day would nearly
    double the number of files. `size_classes`: bounds in bytes; files of one class are merged with each other, so that
    each row is written anew a few times at most. A file above the last bound is large enough; any two below it fit into
    `most_bytes`, else one of them could be in the way of all others. On SQLite nobody reads while a step is carried
    out, so a step may take a second or two.

    A file is renewed from `dead_share` of deleted rows on, but from `restless_share` on until none was deleted for the
    time `quiet`, where the deleted rows of a table are worth `dead_bytes`. At 0.2, files have at most 1.25 times
    the bytes of their rows, and a row is written anew for a quarter of one that was deleted.
    """

    keep: timedelta
    wait: timedelta = timedelta(days=30)
    grace: timedelta = timedelta(hours=1)
    settled: timedelta = timedelta(hours=6)
    quiet: timedelta = timedelta(hours=1)
    size_classes: tuple[int, ...] = (256 * KIBIBYTE, 4 * MEBIBYTE, 32 * MEBIBYTE)
    many_files: int = 50
    too_many_files: int = 500
    most_files: int = 300
    most_bytes: int = 64 * MEBIBYTE
    most_renewed_rows: int = 2_000_000
    dead_share: float = 0.2
    restless_share: float = 0.5
    dead_bytes: int = MEBIBYTE
    many_rows: int = 1000
    most_snapshots: int = 200
    most_removed: int = 300


@dataclass(frozen=True, kw_only=True)
class SmallFile:
    """A data file of the newest snapshot that may be merged: no row of it is deleted.

    `since` is the snapshot that added it, `young` whether that was less than `Limits.settled` ago.
    """

    table: str
    size_bytes: int
    since: int
    young: bool


@dataclass(frozen=True, kw_only=True)
class WornFile:
    """A data file of the newest snapshot with deleted rows; DuckLake merges it with no other.

    `rows` are all that were written to it, `dead` those that are deleted. `young`: the newest of them was deleted less
    than `Limits.quiet` ago.
    """

    table: str
    file_id: int
    size_bytes: int
    rows: int
    dead: int
    young: bool

    @property
    def dead_bytes(self) -> int:
        """Return about how many bytes the deleted rows have."""
        return self.size_bytes * self.dead // self.rows


@dataclass(frozen=True, kw_only=True)
class InlinedRows:
    """The rows of a table that the catalog holds itself.

    `store` is the catalog's name of them, `live` are in the newest snapshot, `dead` in no snapshot that is kept.
    """

    table: str
    store: str
    live: int
    dead: int


@dataclass(frozen=True, kw_only=True)
class Facts:
    """The state of a lake, as far as maintenance is concerned.

    Sizes are bytes. `settled_snapshot` is the newest snapshot that is older than `Limits.keep`, None where none is.
    `followers` are the snapshots from which somebody goes on reading. `files` and `file_bytes` are those of the newest
    snapshot, `files_to_remove` those that no snapshot needs and whose grace has passed, `files_waiting` the others.
    """

    snapshots: int
    oldest_snapshot: int
    newest_snapshot: int
    settled_snapshot: int | None
    followers: tuple[int, ...]
    files: int
    file_bytes: int
    files_to_remove: int
    files_waiting: int
    small_files: tuple[SmallFile, ...] = field(repr=False)
    worn_files: tuple[WornFile, ...] = field(repr=False)
    inlined: tuple[InlinedRows, ...] = field(repr=False)


@dataclass(frozen=True)
class Flush:
    """Write the rows of a table that the catalog holds into a data file."""

    table: str
    rows: int

    @property
    def subject(self) -> str:
        """Return what the step is about; a run does not repeat a step that failed."""
        return f"flush {self.table}"


@dataclass(frozen=True)
class Expire:
    """Remove the oldest snapshots, all before the snapshot `before`, so many at most."""

    before: int
    at_most: int

    @property
    def subject(self) -> str:
        """See `Flush.subject`."""
        return "expire"


@dataclass(frozen=True)
class Forget:
    """Remove rows from the catalog that no snapshot from `before` on has."""

    table: str
    store: str
    before: int
    rows: int

    @property
    def subject(self) -> str:
        """See `Flush.subject`."""
        return f"forget {self.store}"


@dataclass(frozen=True)
class CleanUp:
    """Remove the files that no snapshot needs and whose grace has passed."""

    files: int

    @property
    def subject(self) -> str:
        """See `Flush.subject`."""
        return "clean up"


@dataclass(frozen=True)
class Merge:
    """Merge the oldest files of a table whose size is from `smallest` to below `below`: `size_bytes` of them."""

    table: str
    smallest: int
    below: int
    files: int
    size_bytes: int

    @property
    def subject(self) -> str:
        """See `Flush.subject`."""
        return f"merge {self.table} {self.below}"


@dataclass(frozen=True)
class Renew:
    """Write the rows that are left in some data files of a table to a new file: `rows` of about `size_bytes`."""

    table: str
    file_ids: tuple[int, ...]
    rows: int
    size_bytes: int

    @property
    def subject(self) -> str:
        """See `Flush.subject`."""
        return f"renew {self.table}"


Step = Flush | Expire | Forget | CleanUp | Renew | Merge
