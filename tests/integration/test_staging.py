"""Files become typed rows in Parquet, and every record of them is accounted for, on a real lake."""

import csv
import gzip
import io
import json
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from billstream.common.errors import Fatal, Retryable
from billstream.common.ids import new_id
from billstream.common.lake import Lake
from billstream.common.lake.catalog import literal
from billstream.common.settings import Settings
from billstream.consumer.decode import (
    Staged,
    StagedLoad,
    Staging,
    Tabular,
    malformed,
    open_tabular,
    plain_text,
    rejects,
    staging,
)
from billstream.consumer.decode.explained import explained
from billstream.consumer.decode.rejects import RejectedRow, lines_of
from billstream.consumer.decode.scan import MAX_RECORD_BYTES, Scan, load_macros
from billstream.consumer.events import FILE_BUCKET, EventKind, ObjectEvent
from billstream.consumer.profiles import ProfileRegistry
from billstream.consumer.s3.objects import LocalObjects

CREDITS = "date,credits,cost,currency,user,note"
FOCUS = "ChargePeriodStart,BilledCost,EffectiveCost,BillingCurrency,ServiceName,Tags"


@dataclass
class Bench:
    """A lake, and the road of a file into its staging."""

    lake: Lake
    folder: Path
    registry: ProfileRegistry = field(init=False)
    staging: Staging = field(init=False)
    typed: bool = True

    def __post_init__(self) -> None:
        self.registry = ProfileRegistry.load(None, columns=self.lake.columns("charges"))
        self.staging = Staging(self.lake, typed=self.typed)

    def file(self, content: str | bytes) -> Tabular:
        load_id = new_id()
        path = self.folder / f"{load_id}.object"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return open_tabular(load_id, plain_text(path, self.folder / f"{load_id}.text"), self.registry)

    def stage(self, *contents: str | bytes) -> "Result":
        return self.stage_files([self.file(content) for content in contents])

    def stage_files(self, files: Sequence[Tabular]) -> "Result":
        staged = self.staging.stage(files, new_id())
        assert staged.loads.keys() | staged.poisoned.keys() == {file.load_id for file in files}
        assert not staged.loads.keys() & staged.poisoned.keys()
        assert self.parquet_files() >= {Path(path) for path in staged.paths}
        return Result(self, files, staged)

    def parquet_files(self) -> set[Path]:
        return set(Path(self.lake.data_path).rglob("charges/*.parquet"))


@dataclass
class Result:
    bench: Bench
    files: Sequence[Tabular]
    staged: Staged

    def __getitem__(self, number: int) -> StagedLoad:
        return self.staged.loads[self.files[number].load_id]

    def poison(self, number: int) -> str | None:
        return self.staged.poisoned.get(self.files[number].load_id)

    def rows(self, number: int, *columns: str) -> list[tuple[Any, ...]]:
        """The staged rows of one file, whichever of the staged files they are in, in order of what is asked for."""
        if not self.staged.paths:
            return []
        chosen = "FROM read_parquet(?, union_by_name = true) WHERE load_id = ? ORDER BY ALL"
        return self.bench.lake.rows(
            f"SELECT {', '.join(columns)} {chosen}", [self.staged.paths, self.files[number].load_id]
        )


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lake]:
    with Lake.open(Settings(home=tmp_path_factory.mktemp("lake"), threads=2), create=True) as opened:
        yield opened


@pytest.fixture
def bench(lake: Lake, tmp_path: Path) -> Iterator[Bench]:
    """The bench, and no staged file left behind by a test before."""
    made = Bench(lake, tmp_path)
    yield made
    for path in made.parquet_files():
        path.unlink()


@pytest.fixture
def strict(bench: Bench) -> Bench:
    """The bench without the typed pass, for what only the passes behind it do."""
    bench.staging = Staging(bench.lake, typed=False)
    return bench


def credits_file(*lines: str, end: str = "\n") -> str:
    return end.join([CREDITS, *lines]) + end


@pytest.mark.parametrize("typed", [True, False])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("within", ["\n", "\r", "\r\n"])
def test_a_line_end_within_a_cell_of_the_header_costs_no_record(
    bench: Bench, within: str, end: str, *, typed: bool
) -> None:
    """DuckDB takes the first line end that it meets for that of the lines, and reads nothing where they differ."""
    bench.staging = Staging(bench.lake, typed=typed)
    header = CREDITS.replace("note", f'"note{within}of{within}theirs"')
    lines = [
        "2026-01-01,1,1.5,USD,u,a",
        '2026-01-02,2,2.5,USD,u,"b"',
        "2026-01-03,x,2.5,USD,u,c",
        "2026-01-04,1,1,USD,u,d",
    ]
    result = bench.stage(end.join([header, *lines]) + end)
    assert result[0].rows_loaded == 3
    assert found(result[0]) == [(6, "consumed_quantity", "x")]
    space = " " * len(within)  # a name is one line
    assert [[*json.loads(text)] for (text,) in result.rows(0, "rescued")] == [[f"note{space}of{space}theirs"]] * 3


def found(load: StagedLoad) -> list[tuple[int | None, str | None, str | None]]:
    """Line, column and raw value of the rejected records."""
    return sorted(((row.line, row.column, row.raw_value) for row in load.rejected), key=str)


# -- good files --------------------------------------------------------------------------------------------


def test_files_with_different_headers_and_profiles_are_staged_together(bench: Bench) -> None:
    result = bench.stage(
        credits_file("2024-01-03,2,1.50,USD,ada,x", "2024-01-01,1,0.25,EUR,bob,"),
        f"{FOCUS}\n2024-02-01T00:00:00Z,10,9,USD,compute,\n2024-02-02T00:00:00Z,-3,-3,USD,credit,\n",
        "user;credits;day\nada;7;2024-03-01\n",
        gzip.compress(b"day\tcost\tcredits\n2024-04-01\t.5\t1e-3\n"),
        credits_file("2024-01-02,1,1,USD,eve,"),
    )
    assert [load.rows_loaded for load in map(result.__getitem__, range(5))] == [2, 2, 1, 1, 1]
    assert result[0].billed_totals == {"USD": Decimal("1.5"), "EUR": Decimal("0.25")}
    assert result[1].billed_totals == {"USD": Decimal(7)}
    assert result[2].billed_totals == {}
    assert result[3].billed_totals == {"XXX": Decimal("0.5")}
    assert (result[0].first_charge_day, result[0].last_charge_day) == (date(2024, 1, 1), date(2024, 1, 3))
    assert (result[1].first_charge_day, result[1].last_charge_day) == (date(2024, 2, 1), date(2024, 2, 2))
    assert len(result.staged.paths) == 4, "one for each header"
    assert result.rows(0, "x_user_id", "consumed_quantity", "consumed_unit", "rescued") == [
        ("ada", Decimal(2), "Credits", '{"note":"x"}'),
        ("bob", Decimal(1), "Credits", None),
    ]
    assert result.rows(2, "x_user_id", "consumed_quantity", "billed_cost") == [("ada", Decimal(7), None)]
    assert result.rows(3, "consumed_quantity", "billed_cost") == [(Decimal("0.001"), Decimal("0.5"))]


def test_files_are_staged_after_the_lake_has_reconnected(tmp_path: Path) -> None:
    with Lake.open(Settings(home=tmp_path / "home", threads=1), create=True) as lake:
        bench = Bench(lake, tmp_path)
        before = lake.engine
        assert bench.stage(credits_file("2026-01-01,1,1,USD,a,"))[0].rows_loaded == 1
        lake._lost = True
        lake.reconnect_if_lost()
        assert lake.engine is not before
        load = bench.stage(credits_file("2026-01-01,1,1.50,USD,a,", "soon,1,1,USD,a,"))[0]
        assert (load.rows_loaded, load.rows_rejected, load.billed_totals) == (1, 1, {"USD": Decimal("1.5")})


def test_the_macros_of_decode_are_loaded_once_and_the_lake_has_none_of_them(bench: Bench) -> None:
    engine = bench.lake.engine
    macros = "SELECT function_oid FROM duckdb_functions() WHERE function_name = 'exact_decimal'"
    load_macros(engine)
    loaded = engine.execute(macros).fetchall()
    load_macros(engine)
    assert engine.execute(macros).fetchall() == loaded
    where = "SELECT DISTINCT database_name FROM duckdb_functions() WHERE function_name IN ('exact_decimal', 'tags_of')"
    assert engine.execute(where).fetchall() == [("temp",)]


def test_totals_are_exact_to_the_last_decimal(bench: Bench) -> None:
    costs = ["0.1", "0.2", "1e-18", "-0.3", "12345678901234567.123456789012345678", "-12345678901234567"]
    result = bench.stage(credits_file(*(f"2024-01-01,1,{cost},USD,u,n" for cost in costs)))
    assert result[0].billed_totals == {"USD": Decimal("0.123456789012345679")}


def test_equal_lines_are_kept_as_often_as_they_are_there(bench: Bench) -> None:
    result = bench.stage(credits_file(*["2024-01-01,1,0.10,USD,u,n"] * 1000))
    assert (result[0].rows_loaded, result[0].billed_totals) == (1000, {"USD": Decimal(100)})
    assert result.rows(0, "billed_cost") == [(Decimal("0.1"),)] * 1000


@pytest.mark.parametrize("content", [b"", b"\xef\xbb\xbf", CREDITS.encode(), (CREDITS + "\n").encode()])
def test_a_file_without_records_is_a_load_without_rows(bench: Bench, content: bytes) -> None:
    result = bench.stage(content)
    assert (result[0], result.staged.paths) == (StagedLoad(), [])
    assert bench.parquet_files() == set()


def test_files_without_records_among_others_do_no_harm(bench: Bench) -> None:
    result = bench.stage(b"", credits_file("2024-01-01,1,1,USD,u,n"), CREDITS, b"")
    assert [load.rows_loaded for load in map(result.__getitem__, range(4))] == [0, 1, 0, 0]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_every_kind_of_line_end_is_read(bench: Bench, end: str) -> None:
    content = credits_file("2024-01-01,1,1,USD,u,n", "2024-01-02,1,2,USD,u,n", end=end)
    assert bench.stage(content)[0].rows_loaded == 2
    assert bench.stage(content.removesuffix(end))[0].rows_loaded == 2
    assert bench.stage("\ufeff" + content + end + end)[0].rows_loaded == 2


def test_words_for_nothing_are_nothing(bench: Bench) -> None:
    result = bench.stage(credits_file('2024-01-01,1,NULL,null,"",n'))
    assert result.rows(0, "billed_cost", "billing_currency", "x_user_id") == [(None, None, None)]
    assert result[0].rows_rejected == 0


def test_hostile_cells_and_names_are_nothing_but_text(bench: Bench) -> None:
    hostile = ["'; DROP TABLE charges; --", '"quoted"', "a\nb", "=1+1", "<script>", "\x1b[31m", "$1 ?", "{x}", "日本"]
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["date", "credits", "user", *hostile])
    writer.writerow(["2024-01-01", "1", hostile[0], *hostile])
    result = bench.stage(out.getvalue())
    ((user, rescued),) = result.rows(0, "x_user_id", "rescued")
    assert user == hostile[0]
    assert list(json.loads(rescued).values()) == hostile


def test_an_object_with_a_name_twice_keeps_its_row_and_its_text(bench: Bench) -> None:
    twice = '{"a":1,"a":2}'
    quoted = twice.replace('"', '""')
    result = bench.stage(f'{FOCUS}\n2024-01-01,1,1,USD,s,"{quoted}"\n2024-01-02,2,2,USD,s,"{{""b"":1}}"\n')
    assert result[0].rows_loaded == 2
    assert result.rows(0, "billed_cost", "tags", "rescued") == [
        (Decimal(1), None, json.dumps({"Tags": twice}, separators=(",", ":"))),
        (Decimal(2), {"b": "1"}, None),
    ]


def test_columns_of_many_files_do_not_mix(bench: Bench) -> None:
    result = bench.stage("date,credits,cost\n2024-01-01,1,2\n", "cost,date,credits\n3,2024-01-01,4\n")
    assert result.rows(0, "consumed_quantity", "billed_cost") == [(Decimal(1), Decimal(2))]
    assert result.rows(1, "consumed_quantity", "billed_cost") == [(Decimal(4), Decimal(3))]


# -- records that do not fit -------------------------------------------------------------------------------


def test_a_value_that_does_not_fit_is_listed_with_its_place_and_the_rest_is_loaded(bench: Bench) -> None:
    result = bench.stage(
        credits_file(
            "2024-01-01,1,1,USD,u,n",
            "yesterday,1,1,USD,u,n",
            '2024-01-01,1,1,USD,"a\nuser",n',
            "2024-01-01,free,1,USD,u,n",
            "2024-01-01,1,$5,USD,u,n",
            ",1,1,USD,u,n",
            "2024-01-01 (BC),1,1,USD,u,n",
            "9999-12-31T23:59:59-14:00,1,1,EUR,u,n",
        ),
        credits_file("2024-01-01,1,1,USD,u,n"),
    )
    assert (result[0].rows_loaded, result[0].rows_rejected) == (2, 6)
    assert found(result[0]) == [
        (10, "charge_period_start", "9999-12-31T23:59:59-14:00"),
        (3, "charge_period_start", "yesterday"),
        (6, "consumed_quantity", "free"),
        (7, "billed_cost", "$5"),
        (8, "charge_period_start", None),
        (9, "charge_period_start", "2024-01-01 (BC)"),
    ]
    reasons = {row.line: row.reason for row in result[0].rejected}
    assert reasons[8] == "charge_period_start is empty, but is required."
    assert reasons[7].startswith("billed_cost is not a number")
    assert {row.raw_record for row in result[0].rejected if row.line == 7} == {"2024-01-01,1,$5,USD,u,n"}
    assert result[0].first_charge_day == date(2024, 1, 1)
    assert replace(result[1], rows_hash=None) == StagedLoad(
        1, billed_totals={"USD": Decimal(1)}, first_charge_day=date(2024, 1, 1), last_charge_day=date(2024, 1, 1)
    )


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("start", ["", "\ufeff"])
def test_a_record_that_cannot_be_split_is_listed_with_the_line_it_begins_in(bench: Bench, end: str, start: str) -> None:
    result = bench.stage(
        start
        + credits_file(
            '2024-01-01,1,1,USD,"a',
            'user\nof three lines",n',  # begins in line 2
            "2024-01-01,1",  # line 5
            "2024-01-01,1,1,USD,u,n",
            "2024-01-01,1,1,USD,u,n,more,and more",  # line 7
            "",
            '2024-01-01,1,1,USD,"u"x,n',  # line 9
            '2024-01-01,1,1,USD,"b\nu",n',
            "short",  # line 12
            '2024-01-01,1,1,USD,"never closed,n',  # line 13
            end=end,
        )
    )
    assert [row.line for row in result[0].rejected] == [5, 7, 9, 12, 13]
    assert (result[0].rows_loaded, result[0].rows_rejected) == (3, 5)
    texts = {row.line: row.raw_record for row in result[0].rejected}
    assert (texts[5], texts[12]) == ("2024-01-01,1", "short")
    assert texts[7] == "2024-01-01,1,1,USD,u,n,more,and more"


def test_both_kinds_of_misfits_in_one_file_are_listed(bench: Bench) -> None:
    result = bench.stage(
        credits_file(
            "2024-01-01,1,x,USD,u,n", "short", '2024-01-01,1,1,USD,"a\nb",n', "2024-01-01,1,y,USD,u,n", "again"
        )
    )
    assert (result[0].rows_loaded, result[0].rows_rejected) == (1, 4)
    assert found(result[0]) == [
        (2, "billed_cost", "x"),
        (3, None, None),
        (6, "billed_cost", "y"),
        (7, None, None),
    ]


def test_equal_records_that_do_not_fit_have_lines_of_their_own(bench: Bench) -> None:
    result = bench.stage(credits_file(*["x,1,1,USD,u,n"] * 3))
    assert [row.line for row in result[0].rejected] == [2, 3, 4]


def test_a_bad_last_record_without_a_line_end_is_listed_even_behind_one_with_bad_quotes(bench: Bench) -> None:
    result = bench.stage(f'{CREDITS}\n"a"b,x\n2024-01-01,x,1,USD,u,n')
    assert found(result[0]) == [(2, None, None), (3, "consumed_quantity", "x")]


def test_a_file_of_misfits_alone_stages_nothing(bench: Bench) -> None:
    result = bench.stage(credits_file("x,1,1,USD,u,n", "short"), credits_file("2024-01-01,1,1,USD,u,n"))
    assert (result[0].rows_loaded, result[0].rows_rejected, result[0].billed_totals) == (0, 2, {})
    assert result[0].first_charge_day is None
    assert result[1].rows_loaded == 1
    assert len(bench.parquet_files()) == 1


def test_misfits_beyond_the_bound_are_counted_but_not_listed(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(staging, "MAX_LISTED", 2)
    result = bench.stage(credits_file(*["x,1,1,USD,u,n"] * 5, *["short"] * 4, "2024-01-01,1,1,USD,u,n"))
    assert (result[0].rows_loaded, result[0].rows_rejected) == (1, 9)
    assert [row.line for row in result[0].rejected] == [7, 8, 2, 3]


def test_a_record_that_is_too_long_is_rejected_alone(bench: Bench) -> None:
    result = bench.stage(
        credits_file(
            f"2024-01-01,1,1,USD,u,{'n' * MAX_RECORD_BYTES}", "2024-01-02,1,1,USD,u,n", "2024-01-02,1,x,USD,u,n"
        )
    )
    assert (result[0].rows_loaded, result[0].rows_rejected) == (1, 2)
    long = next(row for row in result[0].rejected if row.line == 2)
    assert "exceeded" in long.reason
    assert len(long.raw_record) == 10_000


def test_values_with_too_many_decimals_are_rounded_and_counted(bench: Bench) -> None:
    result = bench.stage(
        credits_file(
            "2024-01-01,1,8.5450077867419368125,USD,u,n",
            "2024-01-01,1e-30,0.25,USD,u,n",
            "2024-01-01,.5e1,1.50000000000000000000,USD,u,n",
            "2024-01-01,1.0000000000000000001,-0.0000000000000000005,USD,u,n",
        ),
        credits_file("2024-01-01,1,1,USD,u,n"),
    )
    assert (result[0].rows_loaded, result[0].rows_rejected, result[0].values_rounded) == (4, 0, 4)
    assert result[0].billed_totals == {"USD": Decimal("8.545007786741936813") + Decimal("1.75") - Decimal("1e-18")}
    assert result.rows(0, "consumed_quantity") == [(Decimal(0),), (Decimal(1),), (Decimal(1),), (Decimal(5),)]
    assert (result[1].values_rounded, result[1].rows_loaded) == (0, 1)


def test_a_rounded_value_beside_a_misfit_counts_only_where_its_record_is_loaded(bench: Bench) -> None:
    result = bench.stage(
        credits_file("x,1,0.1234567890123456785,USD,u,n", "2024-01-01,1,0.1234567890123456785,USD,u,n", "short")
    )
    assert (result[0].rows_loaded, result[0].rows_rejected, result[0].values_rounded) == (1, 2, 1)


# -- files that cannot be read -----------------------------------------------------------------------------

TOO_MUCH = credits_file(*["2024-01-01,1,99999999999999999999,USD,u,n"] * 2)
ROUNDED_TOO_MUCH = credits_file(*["2024-01-01,1e-30,99999999999999999999,USD,u,n"] * 2)


@pytest.mark.parametrize("broken", [TOO_MUCH, ROUNDED_TOO_MUCH], ids=["overflow", "careful"])
@pytest.mark.parametrize("position", [0, 2, 4])
def test_a_file_that_cannot_be_read_is_poisoned_alone(bench: Bench, broken: str, position: int) -> None:
    good = [credits_file(f"2024-01-01,1,{number},USD,u,n", *["short"] * (number == 3)) for number in range(1, 5)]
    result = bench.stage(*good[:position], broken, *good[position:])
    assert str(result.poison(position)).startswith("DuckDB cannot read the file: ")
    others = [number for number in range(5) if number != position]
    assert [result[number].billed_totals["USD"] for number in others] == [1, 2, 3, 4]
    assert bench.parquet_files() == {Path(path) for path in result.staged.paths}, "a file was left behind"


def test_several_files_that_cannot_be_read_leave_nothing_behind(bench: Bench) -> None:
    result = bench.stage(ROUNDED_TOO_MUCH, TOO_MUCH)
    assert (len(result.staged.poisoned), result.staged.paths, bench.parquet_files()) == (2, [], set())


# -- what costs too much -----------------------------------------------------------------------------------


def as_parquet(table: pa.Table) -> bytes:
    out = pa.BufferOutputStream()
    pq.write_table(table, out, compression="zstd")
    return out.getvalue().to_pybytes()


def hungry_text() -> bytes:
    return gzip.compress(f"{CREDITS}\n".encode() + (b"2024-01-01,1,1,USD,u," + b"y" * 1_990_000 + b"\n") * 40)


def hungry_widths() -> bytes:
    names = ",".join(f"c{number}" for number in range(4000))
    return gzip.compress(f"{CREDITS},{names}\n".encode() + (b"2024-01-01,1,1,USD,u,n" + b"," * 4000 + b"\n") * 3000)


def hungry_parquet() -> bytes:
    texts = [f"{number} {'y' * 900_000}" for number in range(200)]
    columns = {"date": "2024-01-01", "credits": "1", "cost": "1", "currency": "USD", "user": "u"}
    return as_parquet(pa.table({**{name: [value] * len(texts) for name, value in columns.items()}, "note": texts}))


@pytest.mark.parametrize("hungry", [hungry_text, hungry_widths, hungry_parquet])
def test_a_file_that_needs_more_memory_than_there_is_is_poisoned_alone(
    tmp_path: Path, hungry: Callable[[], bytes]
) -> None:
    good = [credits_file(f"2024-01-01,1,{cost},USD,u,n") for cost in (5, 6)]
    with Lake.open(Settings(home=tmp_path / "home", threads=2, memory_limit="96MB"), create=True) as lake:
        bench = Bench(lake, tmp_path, typed=False)  # the typed pass takes such texts piece by piece
        alone = Scan([bench.file(hungry())], lake.columns("charges"), number=0)
        alone.prepare(lake.engine)
        with pytest.raises(duckdb.OutOfMemoryException):
            lake.engine.execute(f"COPY ({alone.marked_rows()}) TO {literal(str(tmp_path / 'x'))} (FORMAT parquet)")
        result = bench.stage(good[0], hungry(), good[1])
        reason = str(result.poison(1))
        assert "BILLSTREAM_MEMORY_LIMIT allows, which is 91.5 MiB" in reason
        assert "billstream quarantine reload" in reason
        assert [result[number].billed_totals["USD"] for number in (0, 2)] == [5, 6]
        # The connection works as before, and nothing lies about.
        assert bench.stage(good[0])[0].rows_loaded == 1
        assert not [path for path in lake.scratch.rglob("*") if path.is_file()]


KINDS = {
    "short": "2024-01-01,1",
    "long": "2024-01-01,1,1,USD,u,n,more,and,more",
    "quotes": '"a"b,1,1,USD,u,n',
    "date": "soon,1,1,USD,u,n",
    "number": "2024-01-01,1,much,USD,u,n",
}
FITS = "2024-01-01,1,1,USD,u,n"


@pytest.fixture
def few_rejects(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files are refused above 1000 rejected records, and DuckDB lists a few hundred at once."""
    monkeypatch.setattr(rejects, "REFUSED_ABOVE", 1000)
    monkeypatch.setattr(malformed, "FEW_ERRORS", 1500)
    monkeypatch.setattr(malformed, "MOST_ERRORS", 5000)


@pytest.mark.usefixtures("few_rejects")
@pytest.mark.parametrize("kind", [*KINDS, "all"])
def test_a_file_of_rejected_records_is_refused_with_the_first_and_the_number(bench: Bench, kind: str) -> None:
    bad = list(KINDS.values()) if kind == "all" else [KINDS[kind]]
    lines = [*bad, FITS, *bad] * (1500 // len(bad))
    result = bench.stage(credits_file(FITS), credits_file(*lines), credits_file(FITS))
    load = result[1]
    rejected = len(lines) - lines.count(FITS)
    if kind == "all":  # records that do not split are enough to refuse it, and nobody counts the others
        rejected = rejected // len(bad) * 3
        assert str(load.refused).startswith("At least ")
    assert (load.rows_loaded, load.rows_rejected, load.billed_totals) == (0, rejected, {})
    assert f"{rejected:,} of {len(lines):,} records do not fit" in str(load.refused)
    assert len(load.rejected) >= 100
    assert [result[number].rows_loaded for number in (0, 2)] == [1, 1]
    places = {row.line: lines[row.line - 2] for row in load.rejected if row.line}
    assert FITS not in places.values()
    assert len(places) >= 100
    assert min(places) == 2
    assert result.rows(1, "load_id") == []


@pytest.mark.usefixtures("few_rejects")
@pytest.mark.parametrize("kind", [*KINDS, "all"])
def test_a_file_with_as_many_good_records_as_rejected_ones_is_loaded(bench: Bench, kind: str) -> None:
    bad = list(KINDS.values()) if kind == "all" else [KINDS[kind]]
    lines = [*bad, *[FITS] * len(bad)] * (1200 // len(bad))
    result = bench.stage(*[credits_file(*lines)] * 2, credits_file(FITS, "short"))
    for number in (0, 1):
        load = result[number]
        assert (load.rows_loaded, load.rows_rejected, load.refused) == (len(lines) // 2, len(lines) // 2, None)
        assert sorted(row.line for row in load.rejected if row.line) == [
            line for line, text in enumerate(lines, 2) if text != FITS
        ]
        assert len(result.rows(number, "load_id")) == load.rows_loaded
    assert (result[2].rows_loaded, result[2].rows_rejected) == (1, 1)


@pytest.mark.usefixtures("few_rejects")
def test_many_files_with_some_rejected_records_each_are_listed_in_bounded_groups(bench: Bench) -> None:
    content = credits_file(*[FITS, "short", FITS] * 200)
    result = bench.stage(*[content] * 12)
    assert {(load.rows_loaded, load.rows_rejected) for load in result.staged.loads.values()} == {(400, 200)}
    assert 2 < len(result.staged.paths) < 12


def test_records_that_are_left_out_keep_the_lines_of_all_others(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(malformed, "FEW_ERRORS", 0)
    long = "x" * 2_000_001
    result = bench.stage(
        "A report\n"
        + credits_file(
            FITS,
            "short",
            '2024-01-01,1,1,USD,"u\nv",n',
            '2024-01-01,"1\n2\n3",1',
            f"2024-01-01,1,1,USD,u,{long}",
            "soon,1,1,USD,u,n",
            "2024-01-01,1,1,USD,u,n,",
            '2024-01-01,1,1,USD,u,"never closed',
            FITS,
        )
    )
    load = result[0]
    assert (load.rows_loaded, load.rows_rejected) == (3, 5)
    listed = {row.line: row.reason.split(":")[0] for row in load.rejected}
    assert listed == {
        4: "Expected Number of Columns",
        7: "Expected Number of Columns",
        10: "The record has 2,000,023 characters; at most 2,000,000 are read.",
        11: listed[11],
        13: "The record is not quoted well, or is too long",
    }
    assert listed[11].startswith("charge_period_start is not")


def test_empty_lines_alone_are_no_billing_file(strict: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rejects, "MAX_EMPTY_LINES", 1_000_000)
    result = strict.stage(credits_file(FITS), CREDITS + "\n" * 2_500_000 + FITS)
    assert str(result.poison(1)).startswith("More than") or "empty lines" in str(result.poison(1))
    assert result[0].rows_loaded == 1


# -- what nobody has foreseen ------------------------------------------------------------------------------


def test_a_file_over_which_duckdb_breaks_is_poisoned_alone_and_the_lake_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After an error of this class, DuckDB answers nothing until it is started again."""
    with Lake.open(Settings(home=tmp_path / "home", threads=2), create=True) as lake:
        bench = Bench(lake, tmp_path, typed=False)
        files = [bench.file(credits_file(f"2024-01-01,1,{cost},USD,u,n")) for cost in range(5)]
        write, broken = Staging._write, list[bool]()

        def breaking(self: Staging, select: str, path: str) -> None:
            if files[3].load_id not in select:
                write(self, select, path)
                return
            with explained(lake):
                broken.append(True)
                lake.connection.close()
                raise duckdb.FatalException("database has been invalidated because of a previous fatal error")

        monkeypatch.setattr(Staging, "_write", breaking)
        result = bench.stage_files(files)
        assert broken
        assert result.staged.poisoned.keys() == {files[3].load_id}
        assert [result[number].billed_totals["USD"] for number in (0, 1, 2, 4)] == [0, 1, 2, 4]
        assert lake.rows("SELECT count(*) FROM charges") == [(0,)]


@pytest.mark.parametrize("bug", ["SELECT * FROM nowhere", "SELECT FROM FROM", "SELECT unknown_function(1)"])
def test_an_error_that_nobody_has_foreseen_is_that_of_the_file_it_comes_with(
    strict: Bench, monkeypatch: pytest.MonkeyPatch, bug: str
) -> None:
    files = [strict.file(credits_file(f"2024-01-01,1,{cost},USD,u,n")) for cost in range(5)]
    write = Staging._write
    monkeypatch.setattr(
        Staging, "_write", lambda self, select, path: write(self, bug if files[3].load_id in select else select, path)
    )
    result = strict.stage_files(files)
    assert result.staged.poisoned.keys() == {files[3].load_id}
    assert [result[number].billed_totals["USD"] for number in (0, 1, 2, 4)] == [0, 1, 2, 4]


def test_no_file_is_blamed_for_a_data_path_that_cannot_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Lake.open(Settings(home=tmp_path / "home", threads=2), create=True) as lake:
        bench = Bench(lake, tmp_path)
        file = bench.file(credits_file(FITS))
        monkeypatch.setattr(lake, "staging_path", lambda name, *_: str(tmp_path / "away" / f"{name}.parquet"))
        with pytest.raises((Fatal, Retryable)):
            bench.staging.stage([file], new_id())


# -- what is staged may be taken back ----------------------------------------------------------------------


def test_loads_can_be_dropped_from_what_is_staged(bench: Bench) -> None:
    result = bench.stage(
        credits_file("2024-01-01,1,1,USD,u,n"),
        credits_file("2024-01-01,1,2,USD,u,n", "short"),
        f"{FOCUS}\n2024-01-01,3,3,USD,s,\n",
        TOO_MUCH,
    )
    kept = [result.files[1].load_id, result.files[2].load_id]
    bench.staging.keep_only(result.staged, kept, new_id())
    assert result.staged.loads.keys() == set(kept)
    assert result.staged.poisoned == {}
    assert [result.rows(number, "billed_cost") for number in range(3)] == [[], [(Decimal(2),)], [(Decimal(3),)]]
    assert bench.parquet_files() == {Path(path) for path in result.staged.paths}
    assert result[1].rows_rejected == 1


def test_dropping_every_load_with_rows_leaves_no_file(bench: Bench) -> None:
    result = bench.stage(credits_file("2024-01-01,1,1,USD,u,n"), CREDITS)
    bench.staging.keep_only(result.staged, [result.files[1].load_id], new_id())
    assert (result.staged.loads, result.staged.paths) == ({result.files[1].load_id: StagedLoad()}, [])
    assert bench.parquet_files() == set()


def test_discarding_leaves_no_file_and_may_be_done_twice(bench: Bench) -> None:
    result = bench.stage(credits_file("2024-01-01,1,1,USD,u,n", "short"))
    bench.staging.discard(result.staged)
    bench.staging.discard(result.staged)
    assert bench.parquet_files() == set()


# -- names of files and folders ----------------------------------------------------------------------------

NAMES = [
    "it's.csv", 'dou"ble.csv', "a*.csv", "a?.csv", "a[1].csv", "{a,b}.csv", "a b.csv", "ü\n.csv", "a;b--.csv",
    "billing_currency=CHF.csv", "back\\slash.csv", "%s.csv", "~.csv", "-.csv",
]  # fmt: skip


def test_local_files_are_read_whatever_their_names_and_only_they(bench: Bench) -> None:
    folder = bench.folder / "billing_currency=CHF" / "load_id=x"
    folder.mkdir(parents=True)
    spool = bench.folder / "spool"
    spool.mkdir()
    files = []
    for number, name in enumerate(NAMES):
        path = folder / name
        path.write_text(credits_file(f"2024-01-01,1,{number},USD,u,n"))
        event = ObjectEvent(kind=EventKind.CREATED, bucket=FILE_BUCKET, key=str(path), event_name="load")
        load_id = new_id()
        fetched = LocalObjects().fetch(event, spool / f"{load_id}.object")
        files.append(open_tabular(load_id, plain_text(fetched.path, spool / f"{load_id}.text"), bench.registry))
    result = bench.stage_files(files)
    assert [result[number].billed_totals for number in range(len(NAMES))] == [
        {"USD": Decimal(number)} for number in range(len(NAMES))
    ]


def test_the_home_may_have_any_name(tmp_path: Path) -> None:
    home = tmp_path / "it's [a] {b,c} load_id=x *?"
    with Lake.open(Settings(home=home, threads=2), create=True) as lake:
        spool = home / "spool" / "session"
        spool.mkdir(parents=True)
        bench = Bench(lake, spool)
        result = bench.stage(credits_file("2024-01-01,1,5,USD,u,n", "short"), credits_file("2024-01-01,1,6,USD,u,n"))
        assert [load.billed_totals["USD"] for load in (result[0], result[1])] == [5, 6]
        bench.staging.keep_only(result.staged, [result.files[1].load_id], new_id())
        assert result.rows(1, "billed_cost") == [(Decimal(6),)]


# -- lines -------------------------------------------------------------------------------------------------


@given(
    st.lists(st.sampled_from(["a", "bb", "", '"q\nr"', "é"]), min_size=1, max_size=12), st.sampled_from(["\n", "\r\n"])
)
def test_the_line_of_a_position_is_the_number_of_line_ends_before_it(
    tmp_path_factory: pytest.TempPathFactory, parts: list[str], end: str
) -> None:
    path = tmp_path_factory.mktemp("lines") / "text"
    text = "".join(part + end for part in parts) + "last"
    path.write_bytes(text.encode())
    starts, offset = [], 0
    for part in parts:
        starts.append(offset)
        offset += len((part + end).encode())
    wanted = [start for start, part in zip(starts, parts, strict=True) if part]
    lines = [text.encode()[:start].count(b"\n") + 1 for start in wanted]
    assert lines_of(path, [start + 1 for start in wanted]) == lines
    before = [start for start in wanted if start]
    assert lines_of(path, before) == lines[len(wanted) - len(before) :], "a position at the line end before"


# -- nothing is lost, whatever stands beside it ------------------------------------------------------------

GOOD = [
    "2024-01-01,1,{n}.25,USD,u,n",
    '2024-01-01,1,{n},EUR,"a\nb",n',
    '"2024-01-01","1","{n}","USD","x ""y"" z",',
    "2024-01-01,1,{n},,,",
]
BAD_VALUE = ["x,1,{n},USD,u,n", "2024-01-01,x,{n},USD,u,n", '2024-01-01,1,x{n},USD,"a\n\nb",n', ",,,,,"]
BAD_SHAPE = ["{n}", "2024-01-01,{n}", "2024-01-01,1,{n},USD,u,n,x,y", '2024-01-01,1,{n},USD,"u"x,n', '"a"b,{n}']
ROUNDED = ["2024-01-01,1,{n}.1234567890123456789,USD,u,n"]
kinds = st.sampled_from(["good", "good", "bad value", "bad shape", "rounded", "blank"])


@dataclass(frozen=True)
class Record:
    kind: str
    text: str

    @property
    def cost(self) -> Decimal:
        cell = next(csv.reader(io.StringIO(self.text, newline="")))[2]
        return Decimal(cell).quantize(Decimal("1e-18"))


@st.composite
def record(draw: st.DrawFn) -> Record:
    kind = draw(kinds)
    forms = {"good": GOOD, "bad value": BAD_VALUE, "bad shape": BAD_SHAPE, "rounded": ROUNDED, "blank": [""]}[kind]
    return Record(kind, draw(st.sampled_from(forms)).format(n=draw(st.integers(0, 999))))


def truth(records: Sequence[Record], end: str) -> tuple[dict[str, Decimal], list[int], int]:
    """Totals by currency, lines of the misfits, and how many values are rounded."""
    totals: defaultdict[str, Decimal] = defaultdict(Decimal)
    misfits, line, rounded = [], 2, 0
    for item in records:
        if item.kind in {"good", "rounded"}:
            currency = next(csv.reader(io.StringIO(item.text, newline="")))[3]
            totals[currency or "XXX"] += item.cost
            rounded += item.kind == "rounded"
        elif item.kind != "blank":
            misfits.append(line)
        line += (item.text + end).count("\n")
    return dict(totals), misfits, rounded


# The last record is as full as any: one with fewer cells may by chance be the sum of all others.
LAST = Record("good", "2024-01-01,1,0.75,USD,u,n")
records_of_a_file = st.lists(record(), max_size=12).map(lambda found: [*found, LAST] if found else found)
written = st.tuples(records_of_a_file, st.sampled_from(["\n", "\r\n"]), st.booleans())


@given(files=st.lists(written, min_size=1, max_size=3))
@settings(
    max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
def test_every_record_of_every_file_is_loaded_or_listed_with_its_line(
    bench: Bench, files: list[tuple[list[Record], str, bool]]
) -> None:
    result = bench.stage(
        *(end.join([CREDITS, *(item.text for item in records)]) + end * closed for records, end, closed in files)
    )
    assert result.staged.poisoned == {}
    for number, (records, end, _) in enumerate(files):
        load = result[number]
        totals, misfits, rounded = truth(records, end)
        assert load.billed_totals == totals
        assert sorted(row.line or 0 for row in load.rejected) == misfits
        assert (load.rows_rejected, load.values_rounded) == (len(misfits), rounded)
        assert load.rows_loaded == sum(item.kind in {"good", "rounded"} for item in records)
    assert bench.parquet_files() >= {Path(path) for path in result.staged.paths}
    bench.staging.discard(result.staged)
    assert bench.parquet_files() == set()


# -- files of others ---------------------------------------------------------------------------------------

FOCUS_TOOLKIT = "focus_data_toolkit/{}_1_2_cost_and_usage_rows100_seed42.csv"
OTHERS = {
    "focus_official_sample/FOCUS-1.0/focus_sample.csv": (1000, "billed_cost", "20.52022672899"),
    FOCUS_TOOLKIT.format("aws"): (100, "billed_cost", "1157.48882377213324"),
    FOCUS_TOOLKIT.format("azure"): (100, "effective_cost", "2246.75827003980385"),
    FOCUS_TOOLKIT.format("gcp"): (100, "list_cost", "921.53514741259345"),
    "chatgpt_usage_export/tools/priority/__fixtures__/agent-cost-rollup/usage-export-sample.csv": (
        6,
        "consumed_quantity",
        "10559.880",
    ),
}


@pytest.mark.parametrize("name", OTHERS)
def test_real_billing_files_are_read_to_the_last_decimal(bench: Bench, shared_data: Path, name: str) -> None:
    path = shared_data / name
    if not path.is_file():
        pytest.skip(f"no {name}")
    count, column, total = OTHERS[name]
    result = bench.stage(path.read_bytes())
    assert (result[0].rows_loaded, result[0].rows_rejected, result[0].values_rounded) == (count, 0, 0)
    sql = f"SELECT sum({column}) FROM read_parquet(?)"
    assert bench.lake.rows(sql, [result.staged.paths]) == [(Decimal(total),)]


def test_a_rejected_row_shows_its_cells() -> None:
    row = RejectedRow("l", 1, None, None, ("a", None, "b"), "reason")
    assert row.raw_record == "a,,b"
