"""Texts with records that do not split into columns, made ready to be listed by DuckDB in bounded time and memory."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby

from billstream.common.errors import Poison
from billstream.common.lake import Lake
from billstream.consumer.decode.explained import explained
from billstream.consumer.decode.rejects import Rejects, refusal, without_malformed
from billstream.consumer.decode.scan import Malformed, Scan, scan_key
from billstream.consumer.decode.tabular import Tabular

FEW_ERRORS = 20_000  # of one file: its records that do not split, times its columns
MOST_ERRORS = 200_000  # of one statement: some seconds, and 200 MB
LARGE_BYTES = 16 * 1024 * 1024  # half of the buffer in which DuckDB loses records without a word

LeftOut = Mapping[str, Rejects]
"""The records that were left out of texts before DuckDB reads them, by load."""


@dataclass
class Listing:
    """Files in groups, each of which DuckDB can read in one statement that lists the records that do not split.

    `left_out` has the records that were left out of files that have many, by load; `refused` and `poisoned` say why a
    file is in no group.
    """

    groups: list[list[Tabular]] = field(default_factory=list)
    left_out: dict[str, Rejects] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)
    poisoned: dict[str, str] = field(default_factory=dict)


def listing_of(files: Sequence[Tabular], types: dict[str, str], lake: Lake) -> Listing:
    """Count the records of files that do not split, and leave them out of those that have many.

    Args:
        files: the files, at least one of them a text.
        types: the columns of `charges` with their DuckDB types.
        lake: has the DuckDB that counts.

    Raises:
        Poison: DuckDB cannot count the records of one of them.
        Retryable, Fatal: see `explained`.
    """
    listing, errors, kept = Listing(), dict[str, int](), list[Tabular]()
    read = _records_read(files, types, lake)
    for file in files:
        if file.load_id not in read:
            kept.append(file)
            continue
        try:
            readable = splitting(file, read[file.load_id], listing)
        except Poison as poison:
            listing.poisoned[file.load_id] = str(poison)
            continue
        if readable is None:
            continue
        copy, good = readable
        known = read[file.load_id] if copy is file else _records_read([copy], types, lake)[file.load_id]
        most = max(good - known, 0)
        errors[file.load_id] = most * len(file.header_binding.header)
        if errors[file.load_id] > MOST_ERRORS:
            listing.poisoned[file.load_id] = (
                f"At least {most:,} records cannot be split into the columns of the header, more than are listed. No "
                "row of the file is loaded: repair the file, or its export, and upload it again."
            )
        else:
            kept.append(copy)
    listing.groups = list(_within(MOST_ERRORS, kept, errors))
    return listing


def alike(files: Sequence[Tabular]) -> list[list[Tabular]]:
    """Return groups of files that one scan can read together."""
    return [list(group) for _, group in groupby(sorted(files, key=scan_key), key=scan_key)]


def splitting(file: Tabular, read: int, listing: Listing) -> tuple[Tabular, int] | None:
    """Return a file with few malformed records, and at most how many records it has; None if it is refused.

    Raises:
        Poison: the text is made of empty lines.
    """
    most = max(file.text.lines - read, 0)  # the header's line stands for a last one without an end
    width = len(file.header_binding.header)
    large = most > 0 and file.path.stat().st_size > LARGE_BYTES
    if width == 1 or (most * width <= FEW_ERRORS and not large):
        return file, file.text.lines
    copy, rejects, good = without_malformed(file, read)
    listing.left_out[file.load_id] = rejects
    if why := refusal(rejects.total, good, at_least=good > 0):
        listing.refused[file.load_id] = why
        return None
    return copy, good


def _records_read(files: Sequence[Tabular], types: dict[str, str], lake: Lake) -> dict[str, int]:
    """Return, by load, how many records of each text split into its columns, at least."""
    read: dict[str, int] = {}
    with explained(lake):
        for group in alike([file for file in files if not file.text.parquet]):
            scan = Scan(group, types, number=0, malformed=Malformed.LEAVE_OUT)
            read |= scan.records_read(lake.engine)
    return read


def _within(most: int, files: Sequence[Tabular], errors: Mapping[str, int]) -> Iterator[list[Tabular]]:
    """Yield groups of files with at most so many errors."""
    group, room = list[Tabular](), most
    for file in files:
        count = errors.get(file.load_id, 0)
        if group and count > room:
            yield group
            group, room = [], most
        group.append(file)
        room -= count
    if group:
        yield group
