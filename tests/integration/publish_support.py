"""A target of a real PostgreSQL, and what is in it, by SQL of the tests' own."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from decimal import Decimal
from typing import Any

from billstream.common.lake import Lake
from billstream.common.lake.postgres_url import read_url
from billstream.publishing.postgres.target import PostgresTarget
from tests.integration.aggregator_support import Row
from tests.servers.postgres import PostgresServer

_CHARGES = """
    SELECT load_id, charge_day::text, extract(epoch FROM charge_period_start)::text AS start, billing_currency,
           service_name, x_user_id, region_id, billed_cost::text, effective_cost::text, consumed_quantity::text,
           consumed_unit, (SELECT json_object_agg(key, value)::text FROM jsonb_each_text(tags)) AS tags
    FROM billstream.charges
"""
# The aggregates, as PostgreSQL itself adds up the charges that are beside them.
SUMS = """
    SELECT charge_day, billing_currency{keys}, count(*), sum(billed_cost), count(billed_cost), sum(effective_cost),
           count(effective_cost), sum(list_cost), count(list_cost), sum(contracted_cost), count(contracted_cost)
    FROM billstream.charges GROUP BY charge_day, billing_currency{keys}
"""
STORED = """
    SELECT charge_day, billing_currency{keys}, charge_rows, billed_cost, billed_rows, effective_cost, effective_rows,
           list_cost, list_rows, contracted_cost, contracted_rows FROM billstream.{table}
"""
UNITS = """
    SELECT charge_day, billing_currency{keys}, coalesce(consumed_unit, ''), sum(consumed_quantity), count(*)
    FROM billstream.charges WHERE consumed_quantity IS NOT NULL
    GROUP BY charge_day, billing_currency{keys}, coalesce(consumed_unit, '')
"""
_STORED_UNITS = """
    SELECT charge_day, billing_currency{keys}, q.key, q.value::numeric, (consumed_rows ->> q.key)::bigint
    FROM billstream.{table}, jsonb_each_text(consumed_quantity) AS q
"""
KEYS = {
    "daily_costs": "",
    "user_costs": ", x_user_id",
    "service_costs": ", service_name, x_service_tier, resource_type",
    "region_costs": ", region_id",
}


class Warehouse:
    """A database with a copy."""

    def __init__(self, server: PostgresServer, url: str) -> None:
        self.server, self.url = server, url
        self.database = url.rpartition("/")[2]

    @contextmanager
    def target(self, lake: Lake) -> Iterator[PostgresTarget]:
        with target_of(lake, self.url) as made:
            yield made

    def rows(self, sql: str) -> list[dict[str, Any]]:
        """Rows as JSON has them; numbers of a query are texts where their digits count."""
        found: list[dict[str, Any]] = json.loads(
            self.server.execute(f"SELECT coalesce(json_agg(t), '[]') FROM ({sql}) AS t", self.database)
        )
        return found

    def value(self, sql: str) -> str:
        return self.server.execute(sql, self.database)

    def run(self, sql: str) -> None:
        self.server.execute(sql, self.database)

    def spoil(self, _: str, sql: str) -> None:
        """Change a table as somebody else would."""
        self.run(sql)

    def snapshot(self) -> int:
        return int(self.value("SELECT snapshot_id FROM billstream.watermark"))

    def charges(self) -> Counter[tuple[Any, ...]]:
        return Counter(tuple(row.values()) for row in self.rows(_CHARGES))

    def contradictions(self) -> list[str]:
        """Aggregate tables that are not the sums of the charges beside them."""
        found = []
        for table, keys in KEYS.items():
            for sums, stored in ((SUMS, STORED), (UNITS, _STORED_UNITS)):
                one, other = sums.format(keys=keys), stored.format(keys=keys, table=table)
                both = f"(({one}) EXCEPT ALL ({other})) UNION ALL (({other}) EXCEPT ALL ({one}))"
                if self.value(f"SELECT count(*) FROM ({both}) AS t") != "0":
                    found.append(table)
        return found


def modelled(loads: Iterable[tuple[str, list[Row]]]) -> Counter[tuple[Any, ...]]:
    """What `Warehouse.charges` has to be for these loads: calculated without the lake."""
    return Counter(_as_text(load_id, row) for load_id, members in loads for row in members)


def _as_text(load_id: str, row: Row) -> tuple[Any, ...]:
    tags = {plain(key): plain(value) for key, value in row.tags.items()} if row.tags is not None else None
    start = Decimal((row.charge_period_start - datetime.fromtimestamp(0, row.charge_period_start.tzinfo)).days) * 86400
    start += Decimal(row.charge_period_start.hour * 3600 + row.charge_period_start.minute * 60)
    return (
        load_id,
        f"{row.charge_period_start:%Y-%m-%d}",
        f"{start}.000000",
        row.billing_currency,
        plain(row.service_name),
        row.x_user_id,
        row.region_id,
        _money(row.billed_cost),
        _money(row.effective_cost),
        _money(row.consumed_quantity),
        plain(row.consumed_unit),
        as_object(tags),
    )


def plain(value: str | None) -> str | None:
    """A text as PostgreSQL can have it."""
    return value.replace("\0", "␀") if value is not None else None


def _money(value: Decimal | None) -> str | None:
    return f"{value:.18f}" if value is not None else None


def as_object(tags: dict[str | None, str | None] | None) -> str | None:
    """An object as PostgreSQL writes it: keys by length, then by bytes; None where there is no key."""
    if not tags:
        return None
    keys = sorted((key for key in tags if key is not None), key=lambda key: (len(key.encode()), key.encode()))
    pairs = [f"{json.dumps(key, ensure_ascii=False)} : {json.dumps(tags[key], ensure_ascii=False)}" for key in keys]
    return f"{{ {', '.join(pairs)} }}"


@contextmanager
def target_of(lake: Lake, url: str, **other: Any) -> Iterator[PostgresTarget]:  # noqa: ANN401 - as the target has them
    made = {"setting": "WAREHOUSE_URL", "schema": "billstream", "readers": None, **other}
    target = PostgresTarget("warehouse", read_url(url, "WAREHOUSE_URL"), lake=lake, **made)
    try:
        yield target
    finally:
        target.close()


def load_odd_days(lake: Lake) -> None:
    """Add four charges, of the load `odd`, whose days no calendar has, or few do."""
    lake.commit(
        lambda con: con.execute(
            "INSERT INTO charges BY NAME SELECT 'odd' AS load_id, unnest(['infinity', '-infinity', '9999-12-31', "
            "'0099-01-01'])::TIMESTAMPTZ AS charge_period_start, 1 AS billed_cost"
        ),
        claims=[],
        author="test",
        message="odd",
    )
