"""Changes: what the newest refresh added and removed, with the files behind it."""

from billstream.aggregator.insights.models import Model, Reading
from billstream.aggregator.insights.section import Section
from billstream.aggregator.insights.values import Changes, CurrencyChange, FileChange

MOST_FILES = 100

CHANGED = Model(
    __name__, "changed", "load_id, billing_currency", given=lambda reading: [reading.version, reading.snapshot_id]
)
BY_CURRENCY = Model(__name__, "changed_currencies", "currency", needs=("changed",))
BY_FILE = Model(__name__, "changed_files", "file, currency", needs=("changed",), given=lambda _: [MOST_FILES])
FILE_COUNT = Model(__name__, "changed_file_count", "one row", needs=("changed",))


def read_changes(reading: Reading) -> Changes:
    """Return the result of the newest refresh. The names of the files come from the ledger."""
    watermark = reading.watermark
    ((files_changed,),) = (row.values() for row in reading.rows(FILE_COUNT))
    return Changes(
        kind=watermark.kind,
        reason=watermark.reason,
        from_snapshot_id=watermark.previous_snapshot_id,
        to_snapshot_id=watermark.snapshot_id,
        rows_added=watermark.rows_inserted,
        rows_removed=watermark.rows_deleted,
        currencies=tuple(CurrencyChange(**row) for row in reading.rows(BY_CURRENCY)),
        files=tuple(FileChange(**row) for row in reading.rows(BY_FILE)),
        files_changed=files_changed,
    )


CHANGES = Section(__name__, "changes", Changes, read_changes, (CHANGED, BY_CURRENCY, BY_FILE, FILE_COUNT))
