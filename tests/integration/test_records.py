"""Which records of a file are charges: filters, padded records, a column for each service, on a real lake."""

import json
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from billstream.common.lake import Lake
from billstream.common.settings import Settings
from billstream.consumer.commit.ledger import no_row_fits
from billstream.consumer.profiles import ProfileRegistry
from tests.integration.intake_support import House
from tests.integration.records_support import BASE, Bench


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lake]:
    with Lake.open(Settings(home=tmp_path_factory.mktemp("lake"), threads=2), create=True) as opened:
        yield opened


@pytest.fixture
def bench(lake: Lake, tmp_path: Path) -> Bench:
    return Bench(lake, tmp_path)


# -- only, leave_out ---------------------------------------------------------------------------------------

FILTERED = "when,kind,service,cost\n2026-09-01,Line,a,1\nno day,{0},b,no cost\n2026-09-01,Line,c,2\n,,d,3\n"


@pytest.mark.parametrize("parquet", [False, True])
@pytest.mark.parametrize(
    ("words", "left_out", "text"),
    [
        ('only = [{ from = ["kind"], is = ["line", "round*"] }]', 2, "Sum"),
        ('only = [{ from = ["kind"], is = "*" }, { from = "service", is = ["a", "C", "x"] }]', 2, "Line"),
        ('leave_out = [{ from = ["kind"], is = ["SUB*", ""] }]', 2, " Subtotal EUR"),
        ('leave_out = [{ from = ["kind"], is = ["*TOTAL"] }, { from = "service", is = "d" }]', 2, "Sub-total"),
        ('leave_out = [{ from = ["other"], is = "" }, { from = "kind", is = ["*b*t*", "-"] }]', 2, "Subtotal"),
    ],
)
def test_a_record_that_is_no_charge_is_counted_and_rejects_nothing(
    bench: Bench, words: str, left_out: int, text: str, *, parquet: bool
) -> None:
    profile = f'{BASE}[values]\nnulls = ["-"]\n[records]\n{words}\n'.replace("*b*t*", "*btot*")
    result = bench.stage(profile, FILTERED.format(text), parquet=parquet)
    assert result.counts() == (2, 0, left_out)
    assert result.rows() == [("a", Decimal(1)), ("c", Decimal(2))]
    assert result.load().billed_totals == {"XXX": Decimal(3)}


# -- cells that a record does not use ----------------------------------------------------------------------

COMPUTED = """
name = "mine"
title = "my own"
[match]
needs = ["charge_period_start"]
[columns]
charge_period_start = { first = ["day", "month"], required = true }
billed_cost = "cost"
list_cost = { first = ["list", "cost", "note"] }
contracted_cost = { sum = [{ from = ["cost"] }, { from = ["extra"], unless = ["plan"] }] }
[columns.effective_cost]
by = "kind"
otherwise = ["cost"]
cases = { Covered = ["plan"], None = [], Fee = ["list", "plan"] }
"""
CELLS = ("day", "month", "cost", "list", "note", "extra", "plan", "kind")


@pytest.mark.parametrize(
    ("cells", "costs"),
    [
        # list, contracted and effective cost; None is a record that is rejected.
        ({"plan": "None"}, ("1", "1", "1")),
        ({"plan": "None", "kind": "Covered"}, None),
        ({"plan": "0.7", "kind": "covered"}, ("1", "1", "0.7")),
        ({"plan": "-", "kind": "none"}, ("1", "1", "0")),
        ({"plan": "-", "kind": "fee", "list": "2"}, None),
        ({"plan": "1", "kind": "fee", "list": "x"}, None),
        ({"plan": "-", "kind": ""}, ("1", "1", "1")),
        ({"extra": "x"}, None),
        ({"extra": "x", "plan": "-"}, ("1", "1", "1")),
        ({"extra": "2"}, ("1", "3", "1")),
        ({"extra": "2", "plan": "-"}, ("1", "1", "1")),
        ({"note": "see below"}, ("1", "1", "1")),
        ({"list": "2", "note": "see below"}, ("2", "1", "1")),
        ({"list": "see below"}, None),
        ({"cost": "", "note": "see below"}, None),
        ({"month": "September"}, ("1", "1", "1")),
        ({"day": "", "month": "September"}, None),
        ({"day": "", "month": "2026-09-01"}, ("1", "1", "1")),
        ({"plan": "0.1234567890123456789"}, ("1", "1", "1")),
    ],
)
def test_a_cell_that_a_record_does_not_use_rejects_nothing(
    bench: Bench, cells: dict[str, str], costs: tuple[str, str, str] | None
) -> None:
    record = {"day": "2026-09-01", "cost": "1"} | cells
    line = ",".join(record.get(name, "") for name in CELLS)
    # The second file has a record that makes all of it be read a second time, carefully.
    both = [f"{','.join(CELLS)}\n{line}\n{more}" for more in ("", "never,,1,,,,,\n")]
    result = bench.stage(COMPUTED, *both)
    expected = [tuple(map(Decimal, costs))] if costs else []
    for number, load in enumerate(map(result.load, range(2))):
        assert (load.rows_loaded, load.rows_rejected) == (len(expected), number + 1 - len(expected))
        assert result.rows(number, "list_cost, contracted_cost, effective_cost") == expected
        assert load.values_rounded == 0
    if costs:
        ((rescued,),) = result.rows(0, "rescued")
        lost = {name: text for name, text in cells.items() if text and name != "cost"}
        assert lost.items() <= json.loads(rescued or "{}").items()


# -- records that lack cells -------------------------------------------------------------------------------

PADDED = f'{BASE}[records]\nshort_rows = "pad"\nleave_out = [{{ from = ["note"], is = ["none"] }}]\n'


def test_records_that_lack_trailing_cells_get_empty_ones(bench: Bench) -> None:
    content = (
        "when,cost,service,note,more\n2026-09-01,1\n\n2026-09-01,2,a\n2026-09-01,3,b,none\n"
        '2026-09-02,4,"c\nd",x\n2026-09-02\n2026-09-03,5,e,,,,h\n2026-09-04,x,f,,\n2026-09-05,y,g\n'
    )
    result = bench.stage(PADDED, content, "when,cost,service,note,more\n2026-09-01,1\n2026-09-01,2,a\n")
    assert result.counts(0) == (3, 4, 1)
    assert result.rows(0) == [("a", Decimal(2)), ("c\nd", Decimal(4)), (None, Decimal(1))]
    found = sorted((row.line or 0, row.column, row.raw_value) for row in result.load(0).rejected)
    assert found == [(8, "billed_cost", None), (9, None, None), (10, "billed_cost", "x"), (11, "billed_cost", "y")]
    assert result.counts(1) == (2, 0, 0)


def test_many_records_with_too_many_cells_do_not_hide_those_with_too_few(bench: Bench) -> None:
    good = "2026-09-01,1\n2026-09-01,2,a\n" * 9_000
    result = bench.stage(PADDED, "when,cost,service,note,more\n" + good + "2026-09-01,1,a,b,c,d,e\n" * 9_000)
    assert result.counts() == (18_000, 9_000, 0)


# -- a column for each service -----------------------------------------------------------------------------

UNPIVOT = """
name = "mine"
title = "costs by service"
[match]
needs = ["charge_period_start", "billed_cost"]
[values]
nulls = ["-"]
symbols = ["$"]
[records]
leave_out = [{ from = ["Service"], is = ["Service total"] }, { from = ["which"], is = ["gone*"] }]
[unpivot]
keep = ["Service", "Total costs", "Note"]
name = "which"
value = "amount"
[columns]
charge_period_start = { from = ["Service"], required = true }
service_name = "which"
billed_cost = "amount"
"""
WIDE = (
    '"Service","EC2 (API)($)","S3($)","Gone, too($)","Total costs($)","Note"\n'
    '"Service total","30","3","3.3","36.3","n"\n'
    '"2026-08-01","10","$1.000000000000000001","1.1","x","a"\n"2026-09-01","-","","2.2","24.2",""\n'
    '"2026-09-02","x","y","z","24.2",""\n"2026-09-02","x","1","z","24.2",""\n"soon","4","5","","",""\n'
    '"2026-09-02","x","y","z","24.2",""\n'
)


@pytest.mark.parametrize("parquet", [False, True])
def test_each_cell_of_a_column_for_a_service_is_a_record(bench: Bench, *, parquet: bool) -> None:
    content = WIDE.replace("Gone, too", "Gone").replace('"', "") if parquet else WIDE
    plain = "Service,S3($),Total costs($)\n2026-09-03,7,7\nService total,7,7\n"
    result = bench.stage(UNPIVOT, content, plain, parquet=parquet)
    assert result.counts(0) == (3, 7, 3 + 5)
    assert result.rows(0, "service_name, billed_cost, strftime(charge_period_start, '%m-%d'), rescued") == [
        ("EC2 (API)", Decimal(10), "08-01", '{"Total costs($)":"x","Note":"a"}'),
        ("S3", Decimal(1), "09-02", '{"Total costs($)":"24.2"}'),
        ("S3", Decimal("1.000000000000000001"), "08-01", '{"Total costs($)":"x","Note":"a"}'),
    ]
    assert result.load(0).billed_totals == {"XXX": Decimal("12.000000000000000001")}
    assert result.rows(1) == [("S3", Decimal(7))]
    assert result.counts(1) == (1, 0, 1)
    found = sorted((row.line or 0, row.raw_value or "") for row in result.load(0).rejected)
    lines = [5, 5, 6, 7, 7, 8, 8] if not parquet else [0] * 7
    assert found == sorted(zip(lines, ["x", "y", "x", "soon", "soon", "x", "y"], strict=True))
    assert {row.raw_record for row in result.load(0).rejected if row.raw_value == "soon"} == {"soon,4,5,,,"}


def test_where_all_records_are_short_the_reason_names_the_remedy(bench: Bench) -> None:
    head = "when,cost,service,note,more\n"
    few, long = head + "2026-09-01,1\n\n2026-09-01,2,a\n", head + "2026-09-01,1,a\n" * 10_001
    mixed = head + "x,1\n1,2,3,4,5,6\n"
    result = bench.stage(BASE, few, long, mixed, head + "2026-09-01,1\n2026-09-01,1,a,b,c\n")
    reasons = [no_row_fits(result.load(number)) or "" for number in range(4)]
    assert [result.load(number).records_short for number in range(4)] == [2, 10_001, 1, 1]
    assert reasons[0].startswith("No row of 2 fits; the first, line 2: ")
    assert reasons[1].startswith("10,001 of 10,001 records do not fit. ")
    assert ['short_rows = "pad"' in reason for reason in reasons] == [True, True, False, False]
    assert bench.stage(PADDED, few).counts() == (2, 0, 0)


# -- the road ----------------------------------------------------------------------------------------------


def test_a_refused_file_is_loaded_once_its_profile_says_what_its_total_is(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket = house.bucket()
    parts = "2026-09-01,committed,100\n2026-09-01,on_demand,20\n"
    event = bucket.put("bill.csv", f"month,kind,cost\n{parts}2026-09-01,total,120\n")
    (refused,) = house.intake(bucket).process([event])
    assert (refused.label, (refused.reason or "")[:26]) == ("quarantined", "Line 4: 'kind' is 'total',")
    (tmp_path / "mine.toml").write_text(
        'name = "mine"\ntitle = "mine"\nextends = "plain"\n[records]\n'
        'leave_out = [{ from = ["kind"], is = ["total"] }]\n'
    )
    registry = ProfileRegistry.load(tmp_path, columns=house.lake.columns("charges"))
    monkeypatch.setattr(ProfileRegistry, "load", lambda *_, **__: registry)
    with capture_logs() as logged:
        (loaded,) = house.intake(bucket).process([replace(event, force=True)])
        loaded.log()
    (line,) = [entry for entry in logged if entry["event"] == "object_loaded"]
    assert (line["rows"], line["rejected"], line["records_left_out"]) == (2, 0, 1)
    assert [entry["records_left_out"] for entry in house.ledger(bucket)] == [0, 1]
    assert house.totals(bucket) == {None: Decimal(120)}
    assert house.staged_files_left() == set()
