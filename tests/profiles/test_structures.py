"""Structures, lists and maps of Parquet, the way BigQuery writes its billing export, read like a flattened file."""

import io
import json
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from billstream.consumer.decode.header import MAX_COLUMNS
from billstream.consumer.decode.unfolding import MAX_DEPTH, unfolded
from tests.profiles.harness import Reader

NOON = datetime(2026, 9, 2, 12, tzinfo=UTC)
MONEY = pa.decimal128(38, 18)
PAIR = pa.struct([("key", pa.string()), ("value", pa.string())])
LARGE, SMALL = Decimal("12345678901234567.000000000000000001"), Decimal("-0.000000000000000001")
LESS = Decimal("12345678901234566.999999999999999999")  # LARGE with both credits


def written(table: pa.Table) -> bytes:
    sink = io.BytesIO()
    pq.write_table(table, sink)
    return sink.getvalue()


def export(**columns: Any) -> bytes:  # noqa: ANN401 - arrays
    """Two rows of Google's export: all that a row may have, and nothing but what it must have."""
    named = pa.struct([("id", pa.string()), ("description", pa.string())])
    project = pa.struct([("id", pa.string()), ("name", pa.string()), ("labels", pa.list_(PAIR))])
    usage = pa.struct([("amount_in_pricing_units", MONEY), ("pricing_unit", pa.string())])
    credit = pa.struct([("name", pa.string()), ("amount", MONEY)])
    return written(pa.table({
        "usage_start_time": pa.array([NOON, NOON], pa.timestamp("us", tz="UTC")),
        "service": pa.array([{"id": "6F81", "description": "Compute"}, None], named),
        "sku": pa.array([{"id": "S1", "description": None}, {"id": None, "description": "Core"}], named),
        "project": pa.array([{"id": "p", "name": "P", "labels": [{"key": "a", "value": "b"}]}, None], project),
        "labels": pa.array([[{"key": "team", "value": 'r"ed'}, {"key": "env", "value": None}], []], pa.list_(PAIR)),
        "cost": pa.array([LARGE, Decimal(1)], MONEY),
        "currency": ["EUR", "EUR"],
        "usage": pa.array([{"amount_in_pricing_units": LARGE, "pricing_unit": "hour"}, None], usage),
        "credits": pa.array([[{"name": "x", "amount": SMALL}, {"name": "y", "amount": SMALL}], []], pa.list_(credit)),
        "invoice": pa.array([{"month": "202609"}, None], pa.struct([("month", pa.string())])),
        "location": pa.array([{"region": "us-east1"}, None], pa.struct([("region", pa.string())])),
        **columns,
    }))  # fmt: skip


def test_the_fields_of_a_structure_are_columns_and_no_digit_is_lost(read: Reader) -> None:
    found = read(export(), "bills/export.parquet")
    assert (found.profile, found.refusal, found.load.tags_unread) == ("gcp", None, 0)
    first, second = sorted(found.charges, key=lambda row: row["contracted_cost"], reverse=True)
    assert {name: first[name] for name in (
        "service_name", "sku_id", "sub_account_id", "sub_account_name", "region_id", "tags", "consumed_quantity",
        "consumed_unit", "contracted_cost", "billed_cost", "billing_period_start",
    )} == {
        "service_name": "Compute", "sku_id": "S1", "sub_account_id": "p", "sub_account_name": "P",
        "region_id": "us-east1", "tags": {"team": 'r"ed', "env": None}, "consumed_quantity": LARGE,
        "consumed_unit": "hour", "contracted_cost": LARGE, "billed_cost": LESS,
        "billing_period_start": datetime(2026, 9, 1, tzinfo=UTC),
    }  # fmt: skip
    assert second["charge_description"] == "Core"
    assert {"service_name", "region_id", "consumed_quantity"} & second.keys() == set()
    rescued = [json.loads(text) for text in found.rescued if text]
    assert {"service.id": "6F81", "project.labels": '[{"key":"a","value":"b"}]'}.items() <= max(
        rescued, key=len
    ).items()
    assert not {"service", "project", "location"} & {name for row in rescued for name in row}, "kept twice"


focus = {
    "ChargePeriodStart": ["2026-09-02T00:00:00Z"], "BilledCost": ["1"], "EffectiveCost": ["1"],
    "BillingCurrency": ["EUR"],
}  # fmt: skip
FORMS: dict[str, Callable[[dict[str, str | None]], Any]] = {
    "map": lambda tags: pa.array([list(tags.items())], pa.map_(pa.string(), pa.string())),
    "list": lambda tags: pa.array([[{"key": k, "value": v} for k, v in tags.items()]], pa.list_(PAIR)),
    "structure": lambda tags: pa.array([tags], pa.struct([(name, pa.string()) for name in tags])),
    "text": lambda tags: pa.array([json.dumps(tags)]),
}
names = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=8).map(str.strip).filter(bool)
texts = st.none() | st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=8)


@given(tags=st.dictionaries(names, texts, min_size=1, max_size=4))
@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_tags_of_every_native_type_read_back(read: Reader, tags: dict[str, str | None]) -> None:
    # DuckDB tells the fields of a structure apart without case.
    forms = [form for form in FORMS if form != "structure" or len({k.casefold() for k in tags}) == len(tags)]
    for form in forms:
        table = pa.table({**focus, "Tags": FORMS[form](tags)})
        found = read(written(table), "bills/focus.parquet")
        assert [row.get("tags") for row in found.charges] == [tags], form


def test_a_structure_that_a_profile_takes_as_a_whole_is_kept_once(read: Reader) -> None:
    details = pa.array([{"CoreCount": 4, "Memory": {"GB": 16}}])
    (row,) = read(written(pa.table({**focus, "SkuPriceDetails": details})), "bills/focus.parquet").charges
    assert json.loads(row["sku_price_details"]) == {"CoreCount": 4, "Memory": {"GB": 16}}
    assert "rescued" not in row


@pytest.mark.parametrize("many", [MAX_COLUMNS // 2, MAX_COLUMNS - 10])
def test_the_header_stays_within_bounds(many: int) -> None:
    wide = pa.struct([(f"f{i}", pa.int8()) for i in range(many)])
    columns = unfolded(pa.schema([("wide", wide), ("other", wide), ("cost", pa.int8())]))
    assert len(columns) <= MAX_COLUMNS
    assert [column.name for column in columns if len(column.path) == 1] == ["wide", "other", "cost"]
    assert len(columns) == 3 + many


def test_long_names_stay_within_bounds() -> None:
    long = pa.struct([("x" * 600_000, pa.int8()), ("y", pa.int8())])
    assert len(unfolded(pa.schema([("a", long), ("b", long)]))) == 4


def test_deep_structures_stay_whole(read: Reader) -> None:
    kind: Any = pa.string()
    value: Any = "v"
    for _ in range(MAX_DEPTH + 5):
        kind, value = pa.struct([("s", kind)]), {"s": value}
    columns = unfolded(pa.schema([("deep", kind)]))
    assert [len(column.path) for column in columns] == list(range(1, MAX_DEPTH + 2))
    assert (columns[-1].nested, columns[-1].whole) == (True, MAX_DEPTH - 1)
    found = read(written(pa.table({**focus, "deep": pa.array([value], kind)})), "bills/focus.parquet")
    assert list(json.loads(found.rescued[0] or "")) == [columns[-1].name]
