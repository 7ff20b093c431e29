"""The least that a transaction can write: a line of the ledger, a charge."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from billstream.common.ids import new_id

if TYPE_CHECKING:
    import duckdb

    from billstream.common.lake import Write

NOW = datetime(2026, 3, 14, 12, tzinfo=UTC)


def line(key: str) -> "Write":
    """The body of a transaction that writes one line of the ledger."""

    def write(con: "duckdb.DuckDBPyConnection") -> None:
        con.execute(
            "INSERT INTO ledger BY NAME SELECT $1 AS entry_id, 's' AS scope_id, 's3://b/' || $2 AS scope, "
            "'loaded' AS state, 'b' AS bucket, $2 AS key, 0 AS rows_loaded, 0 AS rows_rejected, 0 AS values_rounded, "
            "$3::TIMESTAMPTZ AS processed_at, 'test' AS consumer_id",
            [new_id(), key, NOW],
        )

    return write


def charge(load_id: str) -> "Write":
    """The body of a transaction that writes one charge."""

    def write(con: "duckdb.DuckDBPyConnection") -> None:
        con.execute("INSERT INTO charges BY NAME SELECT $1 AS load_id, $2 AS charge_period_start", [load_id, NOW])

    return write
