"""The port between a follower and what it brings up to date."""

from collections.abc import Collection, Iterable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

from billstream.publishing.contents import Month
from billstream.publishing.days import Piece
from billstream.publishing.tables import Table
from billstream.publishing.watermark import Watermark


class Changing(Protocol):
    """The changes of one open transaction of a target; nobody else sees them before its end."""

    def clear(self, table: Table, piece: Piece | None) -> None:
        """Remove the rows of some days of a table; all rows where there is no piece."""

    def add(self, table: Table, piece: Piece, path: Path) -> int:
        """Add the rows of a Parquet file, all of them of these days, and return their number."""


class CopyDamaged(Exception):  # noqa: N818 - it names an outcome, not a thing
    """Files of a copy are lost or damaged; the text says which."""


class Contents(Protocol):
    """What a target has at one moment, in its own words; whatever others change meanwhile does not show."""

    def watermark(self, table: str) -> Watermark | None:
        """Return what a table says that it has a copy of; None where it says nothing, as before its first copy."""

    def columns(self, table: str) -> Collection[str]:
        """Return the columns of a table; none where the table is not there."""

    def months(self, table: Table) -> Iterable[Month]:
        """Return what a table has by month, from its rows; a month may come in several parts.

        Raises:
            CopyDamaged: the rows cannot be read.
        """


class Target(Protocol):
    """A place with a copy of the lake. Its errors are those of `common.errors`, with words about the target.

    Raises:
        Misconfigured: the target refuses the user, a privilege is missing, or what is there is not a copy of a lake.
        WriteConflict: another process changed the target first.
        ServiceUnavailable: no answer; the outcome of a commit may be unknown, and its watermark tells.
    """

    @property
    def name(self) -> str:
        """Return the name in the file of targets."""

    @property
    def kind(self) -> str:
        """Return the kind in the file of targets."""

    @property
    def place(self) -> str:
        """Return the address without secrets."""

    def watermark(self) -> Watermark | None:
        """Return what the target has a copy of; None where it has none."""

    def contents(self) -> AbstractContextManager[Contents]:
        """Read what the target has, for the length of the block; nothing is changed."""

    def prepare(self, tables: Sequence[Table]) -> None:
        """Make what these tables need and the target lacks; whatever is there stays as it is."""

    def changing(self, since: Watermark | None, new: Watermark) -> AbstractContextManager[Changing]:
        """Change rows in one transaction, which moves the watermark from `since` to `new` and is committed at the end.

        Raises:
            WriteConflict: the watermark is another one by now. Nothing was changed.
        """

    def close(self) -> None:
        """Let go of the target; the next call reaches it anew."""
