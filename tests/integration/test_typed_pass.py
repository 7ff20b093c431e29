"""What the typed pass takes, the strict pass reads to the same rows, value by value; and it takes what is well written.

The strict pass is the judge: each file is staged twice under the same load id, with and without the typed pass, and
everything that is known of the load must be equal, and every row. `BILLSTREAM_FUZZ_CASES` is the number of generated
files; the long run of a release has 50,000, and takes half an hour: `--timeout 0`.
"""

import csv
import io
import os
import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from billstream.common.errors import Poison, ServiceUnavailable
from billstream.common.ids import new_id
from billstream.common.lake import Lake
from billstream.common.settings import Settings
from billstream.consumer.decode import (
    Staged,
    StagedLoad,
    Staging,
    Tabular,
    amounts,
    open_tabular,
    plain_text,
)
from billstream.consumer.decode.typed import arrow_text, pieces, typed_pass
from billstream.consumer.decode.typed.columns import plain_numbers
from billstream.consumer.profiles import ProfileRegistry

FILES_AT_ONCE = 40
CASES = int(os.environ.get("BILLSTREAM_FUZZ_CASES", "300"))
FOCUS = (
    "ChargePeriodStart,ChargePeriodEnd,BillingPeriodStart,BillingCurrency,BilledCost,EffectiveCost,ConsumedQuantity,"
    "ServiceName,Tags,ChargeCategory,x_Note,Other"
)
HEADERS = {
    "focus": FOCUS,
    "credits": "date,credits,cost,currency,user,note",
    "plain": "date,service,region,cost,currency,usage,tags",
    "aws_cur": (
        "identity/LineItemId,identity/TimeInterval,bill/BillingPeriodStartDate,bill/PayerAccountId,"
        "lineItem/UsageAccountId,lineItem/LineItemType,lineItem/UsageStartDate,lineItem/UsageEndDate,lineItem/ProductCode,"
        "lineItem/UsageAmount,lineItem/CurrencyCode,lineItem/UnblendedCost,lineItem/BlendedCost,product/region,"
        "pricing/publicOnDemandCost,reservation/EffectiveCost,savingsPlan/SavingsPlanEffectiveCost,resourceTags/user:team"
    ),
}


@pytest.fixture(scope="module", autouse=True)
def any_amount() -> Iterator[None]:
    """Values are compared up to the largest that fit, also those for which a file is refused."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(amounts, "MOST", dict.fromkeys(amounts.MOST, 10**40))
        yield


@dataclass
class Two:
    """One lake, and a file on its way into it twice."""

    lake: Lake
    folder: Path
    registry: ProfileRegistry = field(init=False)
    with_typed: Staging = field(init=False)
    strict: Staging = field(init=False)

    def __post_init__(self) -> None:
        self.registry = ProfileRegistry.load(None, columns=self.lake.columns("charges"))
        self.with_typed, self.strict = Staging(self.lake), Staging(self.lake, typed=False)

    def file(self, content: bytes, key: str = "") -> Tabular | None:
        load_id = new_id()
        path = self.folder / load_id
        path.write_bytes(content)
        try:
            return open_tabular(load_id, plain_text(path, self.folder / f"{load_id}.text"), self.registry, key)
        except Poison:
            return None

    def typed_alone(self, files: Sequence[Tabular]) -> Staged:
        """What the typed pass takes of these, without the passes behind it."""
        assert self.with_typed.typed
        staged = Staged()
        for table in {file.table for file in files}:
            staged.take(self.with_typed.typed.stage([file for file in files if file.table == table], new_id()))
        return staged

    def compared(self, files: Sequence[Tabular | None]) -> int:
        """Stage the files that the typed pass takes both ways, and compare all that is known of them.

        Returns how many it takes.
        """
        taken = self.typed_alone([file for file in files if file and file.binding])
        self.strict.discard(taken)
        known = [file for file in files if file and file.load_id in taken.loads]
        typed, strict = self.with_typed.stage(known, new_id()), self.strict.stage(known, new_id())
        try:
            assert typed.poisoned == strict.poisoned
            for file in known:
                mine, theirs = typed.loads.get(file.load_id), strict.loads.get(file.load_id)
                assert unnamed(mine) == unnamed(theirs), file.path.read_bytes()[:3000]
                assert not theirs or not (theirs.rows_rejected or theirs.values_rounded)
            assert self.rows(typed) == self.rows(strict)
        finally:
            for staged in (typed, strict):
                self.strict.discard(staged)
        return len(known)

    def rows(self, staged: Staged) -> list[tuple[Any, ...]]:
        """The rows of each load, hashed by the columns that have a value anywhere in it."""
        if not staged.paths:
            return []
        with self.lake.engine.cursor() as con:
            source = "read_parquet($1, union_by_name = true, hive_partitioning = false)"
            names = [row[0] for row in con.execute(f"DESCRIBE SELECT * FROM {source}", [staged.paths]).fetchall()]
            # Sorted, and NULLs left out: a pass may leave out a column that is empty in all of its files.
            cells = ", ".join(f"coalesce('{n}=' || hash({n}::VARCHAR), '')" for n in sorted(names) if n != "load_id")
            sql = f"SELECT load_id, count(*), sum(hash(concat({cells}))) FROM {source} GROUP BY ALL ORDER BY ALL"
            return con.execute(sql, [staged.paths]).fetchall()


def unnamed(load: StagedLoad | None) -> StagedLoad | None:
    """A load without the hash of its rows, whose name tells of the columns that other files of the batch have."""
    return load and replace(load, rows_hash=None)


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lake]:
    with Lake.open(Settings(home=tmp_path_factory.mktemp("lake"), threads=2), create=True) as opened:
        yield opened


@pytest.fixture
def two(lake: Lake, tmp_path: Path) -> Two:
    return Two(lake, tmp_path)


def well_written(name: str, rows: int = 3, end: str = "\n") -> str:
    cells = {
        "focus": "2026-01-{d:02}T00:00:00Z,2026-01-{d:02}T01:00:00Z,2026-01-01T00:00:00Z,USD,{d}.5,-0.{d:02},{d},"
        'Compute,"{{""team"": ""a{d}"", ""b"": ""c, d""}}",Usage,n{d},"x ""y"""',
        "credits": "2026-01-{d:02},{d},{d}.123456789012345678,USD,u{d},",
        "plain": "2026-01-{d:02},Compute,eu,{d}.10,EUR,{d},team=a{d}",
        "aws_cur": "id{d},2026-01-{d:02}T00:00:00Z/2026-01-{d:02}T01:00:00Z,2026-01-01T00:00:00Z,1,2,Usage,"
        "2026-01-{d:02}T00:00:00Z,2026-01-{d:02}T01:00:00Z,AmazonEC2,{d}.0,USD,{d}.0000000001,{d}.1,eu-west-1,{d}.2,,,red",
    }[name]
    return end.join([HEADERS[name], *(cells.format(d=d) for d in range(1, rows + 1))]) + end


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("name", HEADERS)
def test_a_well_written_file_is_taken(two: Two, name: str, end: str) -> None:
    assert two.compared([two.file(well_written(name, 28, end).encode())]) == 1


def test_files_of_several_kinds_are_taken_together(two: Two) -> None:
    files = [two.file(well_written(name, rows).encode()) for name in HEADERS for rows in (0, 1, 5)]
    assert two.compared(files) == len(files)


def test_a_file_that_does_not_fit_costs_no_other_its_place(two: Two) -> None:
    good = two.file(well_written("focus").encode())
    bad = [
        two.file(well_written("focus").replace(*change).encode())
        for change in [
            ("Compute", '"Compute" '),
            ("Compute", '"Com"pute'),
            ("1.5", "1,5"),
            ("1.5", "x"),
            ("2026-01-01T00", "9/1/24"),
        ]
    ]
    assert good
    files = [good, *filter(None, bad)]
    assert two.typed_alone(files).loads.keys() == {good.load_id}
    two.compared(files)


@pytest.mark.parametrize("spaces", [1, 3, 1_100_000])
@pytest.mark.parametrize("end", ["middle", "line", "file"])
def test_a_space_behind_a_closing_quote_is_found_wherever_it_stands(two: Two, spaces: int, end: str) -> None:
    """DuckDB leaves it out, and Arrow keeps it. A piece of the text that is looked at may end in the midst of it."""
    text = well_written("credits", 20)
    cell, behind = (',"u20"', ",") if end == "middle" else (',u20,"note"', "\n" if end == "line" else "")
    begin = text[: text.index(",u20,")]
    sound, spaced = (two.file((begin + cell + some + behind).encode()) for some in ("", " " * spaces))
    assert sound
    assert spaced
    assert two.typed_alone([sound]).loads
    assert two.typed_alone([spaced]).loads == {}


def test_a_large_file_is_typed_piece_by_piece(two: Two, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(typed_pass, "LARGE_BYTES", 1)
    monkeypatch.setattr(pieces, "PIECE_ROWS", 100)
    monkeypatch.setattr(arrow_text, "BLOCK_BYTES", 2_000)
    for name in HEADERS:
        text = well_written(name, 28)
        header, _, records = text.partition("\n")
        assert two.compared([two.file((header + "\n" + records * 30).encode())]) == 1
        # A misfit in the last piece takes back the pieces before it.
        assert (
            two.compared([two.file((header + "\n" + records * 30 + records.replace("2026-01-28", "x")).encode())]) == 0
        )


def test_cells_that_hardly_repeat_are_kept_beside_those_that_do(two: Two) -> None:
    """More combinations than are put together, records without any cell to rescue, and all of it in two pieces."""
    choose = random.Random(7)  # noqa: S311 - no secret
    for name, header in HEADERS.items():
        rows = [row for row in csv.reader(io.StringIO(well_written(name))) if row[0] not in header]
        out = io.StringIO()
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow([*header.split(","), *(f"Unknown{number}" for number in range(12))])
        for number in range(5_000):
            unknown = [choose.choice(["", "a", 'b"', "c\\", str(number), f"é{number % 7}"]) for _ in range(12)]
            writer.writerow(choose.choice(rows) + (unknown if number % 3 else [""] * 12))
        files = [two.file(out.getvalue().encode()), two.file(out.getvalue().encode().replace(b"Unknown0", b"Other"))]
        assert two.compared(files) == 2


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.removesuffix("\n"),
        lambda text: text.replace("\n2026-01-02", "\n\n2026-01-02"),  # an empty line
        lambda text: text + "\n\n",
        lambda text: text.replace("\n", "\r\n"),
        lambda text: text.replace(",u", ',"u\n\n', 1).replace(",note", '",note', 1),
        lambda text: '"' + text.replace(",", '\r",', 1),
        lambda text: text.partition("\n")[0],
        lambda text: text.partition("\n")[0] + "\n",
    ],
)
def test_texts_that_are_read_together_keep_their_records(two: Two, change: Callable[[str], str]) -> None:
    """One among others has no end, an empty line, a line end within a cell, or no records at all."""
    others = [well_written("credits", rows) for rows in (1, 12, 5)]
    texts = [others[0], change(well_written("credits", 9)), *others[1:]]
    assert two.compared([two.file(text.encode()) for text in texts]) == len(texts)


def test_what_breaks_in_the_typed_pass_is_told_and_left_to_the_strict_pass(
    two: Two, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise pa.ArrowNotImplementedError("no such column")

    file = two.file(well_written("focus").encode())
    assert file
    monkeypatch.setattr(pq.ParquetWriter, "write_table", broken)
    with capture_logs() as logs:
        staged = two.with_typed.stage([file], new_id())
    assert staged.loads[file.load_id].rows_loaded == 3
    assert [path for path in staged.paths if "typed" in path] == []
    (told,) = [one for one in logs if one["event"] == "typed_pass_failed"]
    assert (told["reason"], told["log_level"]) == ("no such column", "warning")
    two.strict.discard(staged)


def test_a_data_path_that_does_not_answer_ends_the_pass_and_leaves_no_file(
    two: Two, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = [file for name in ("credits", "focus", "plain") if (file := two.file(well_written(name).encode()))]
    written, made = Lake.staging_file, list[Path]()

    @contextmanager
    def silent_at_last(lake: Lake, path: str) -> Iterator[Path]:
        with written(lake, path) as local:
            yield local
            made.append(local)
            assert local.exists()
            if len(made) == len(files):
                raise ServiceUnavailable("the data path does not answer")

    monkeypatch.setattr(Lake, "staging_file", silent_at_last)
    with pytest.raises(ServiceUnavailable):
        two.with_typed.stage(files, new_id())
    assert len(made) == len(files)
    assert not [path for path in made if path.exists()]


def test_a_record_that_is_too_long_is_left_to_the_strict_pass(two: Two) -> None:
    long = well_written("credits") + f"2026-01-09,1,1,USD,u,{'x' * 2_000_001}\n"
    file = two.file(long.encode())
    assert file
    assert two.typed_alone([file]).loads == {}


ODD_NUMBERS = (
    "|0|-0|5.|.5|-.5|+1|1e5|1E-7|1e30|nan|inf| 1|1 |-|--1|1.2.3|1_0|1,5|$5|(5)|0.0000000000000000001|1-2|٣|"
    "99999999999999999999|100000000000000000000|170141183460469231731|-99999999999999999999.999999999999999999|"
    "00000000000000000000000000000000000001"
)
NUMBERS = st.one_of(
    st.decimals(allow_nan=False, allow_infinity=False, places=4).map(str),
    st.text("0123456789.-", max_size=45),
    st.text("0123456789", min_size=15, max_size=70),
    st.builds("{}.{}".format, st.integers(-(10**21), 10**21), st.integers(0, 10**19)),
    st.sampled_from(ODD_NUMBERS.split("|")),
)


@given(texts=st.lists(NUMBERS, min_size=1, max_size=8))
@settings(max_examples=CASES // 2, deadline=None)
def test_a_number_is_exact_or_left_to_duckdb(texts: list[str]) -> None:
    found = plain_numbers(pa.array([text or None for text in texts], pa.string()))
    if found is None:
        return
    for text, number in zip(texts, found.to_pylist(), strict=True):
        assert number == (Decimal(text) if text else None)
        assert number is None or -(10**20) < number < 10**20


TIMES = """2026-01-31|2026-01-31T10:00:00Z|2026-01-31T10:00Z|2026-01-31T10Z|2026-01-31 10:00:00|9/1/24|9/13/24
2026-01-31T10:00:00+02:00|2026-01-31T10:00:00.5Z|2026-02-30|20260131|infinity|epoch|| 2026-01-31|0000-01-01|10000-01-01
2026-01|1767225600|2026-01-31T24:00:00Z|2026-01-31T10:00:00 UTC""".replace("\n", "|").split("|")
TAGS = """|{"a": "b"}|{"a": 1, "a": 2}|team=red|a:b;c:d|{'a': 'b'}|[]|{}|x|[{"key": "k", "value": "v"}]|{|a=b,c=d
{"a": {"b": [1, null]}}|{"é": "ü"}|null|{"a": null}""".replace("\n", "|").split("|")
PLAIN_TEXTS = (
    "|a|USD|Usage|Tax|Credit|Total|Grand total|a,b| pad |é🎈|NULL|null|N/A|-|\\|\\n|=1+1|'; DROP TABLE charges; --"
)
TEXTS = [*PLAIN_TEXTS.split("|"), 'say "x"', "two\nlines", "cr\rlf\r\n", "\t", "x" * 300, "\u2028", "\x7f", "\x1b"]
DAMAGE = [
    "\t",
    '" ',
    '"  ,',
    '"',
    '""',
    ",",
    "\n",
    "\r",
    "\r\n",
    "\n\n",
    " ",
    "\\",
    "\x00",
    "x",
    "'",
    '"x',
    'y"',
    ",,",
    "0",
    "\ufeff",
]
CELLS = {
    "time": st.sampled_from(TIMES),
    "number": NUMBERS,
    "tags": st.sampled_from(TAGS),
    "text": st.one_of(st.sampled_from(TEXTS), st.text(max_size=5)),
}


def kind_of(name: str) -> str:
    plain = name.lower()
    if "date" in plain or "period" in plain or "interval" in plain:
        return "time"
    if "cost" in plain or "quantity" in plain or "amount" in plain or plain in {"credits", "usage"}:
        return "number"
    return "tags" if "tags" in plain else "text"


@st.composite
def contents(draw: st.DrawFn) -> list[bytes]:
    """Files with one header and delimiter, as one scan reads them, each with its own faults."""
    name, delimiter = draw(st.sampled_from(sorted(HEADERS))), draw(st.sampled_from(",,,;\t|"))
    return [draw(content(name, delimiter)) for _ in range(draw(st.integers(FILES_AT_ONCE // 2, FILES_AT_ONCE)))]


@st.composite
def content(draw: st.DrawFn, name: str, delimiter: str) -> bytes:
    """A file that is well written but for a few cells, then perhaps damaged."""
    rows = list(csv.reader(io.StringIO(well_written(name, draw(st.integers(1, 4))))))
    header = rows[0]
    for _ in range(draw(st.integers(0, 3))):
        row, column = draw(st.integers(1, len(rows) - 1)), draw(st.integers(0, len(header) - 1))
        rows[row][column] = draw(CELLS[draw(st.sampled_from([kind_of(header[column])] * 5 + ["text"]))])
    out = io.StringIO()
    quoting: Literal[0, 1] = draw(st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_MINIMAL, csv.QUOTE_ALL]))
    end = draw(st.sampled_from(["\n", "\n", "\r\n"]))
    csv.writer(out, quoting=quoting, lineterminator=end, delimiter=delimiter).writerows(rows)
    text = out.getvalue()
    for _ in range(draw(st.sampled_from([0, 0, 0, 1, 1, 2]))):
        place, lost = draw(st.integers(0, len(text))), draw(st.sampled_from([0, 0, 1, 3]))
        text = text[:place] + draw(st.sampled_from(DAMAGE)) + text[place + lost :]
    return text.encode("utf-8", "replace")


TAKEN: list[tuple[int, int]] = []


@given(contents=contents())
@settings(
    max_examples=max(CASES // (FILES_AT_ONCE * 3 // 4), 1),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large,
                           HealthCheck.large_base_example],
)  # fmt: skip
def test_whatever_is_taken_has_the_rows_of_the_strict_pass(two: Two, contents: list[bytes]) -> None:
    files = [two.file(one) for one in contents]
    TAKEN.append((two.compared(files), len([file for file in files if file])))


def test_generated_files_were_taken_and_refused() -> None:
    taken, tried = sum(took for took, _ in TAKEN), sum(of for _, of in TAKEN)
    if not TAKEN:
        pytest.skip("the test before did not run in this process")
    assert 0.1 < taken / tried < 0.9, (taken, tried)


def test_real_files_are_read_alike(two: Two, shared_data: Path) -> None:
    folders = (shared_data, shared_data.parent / "hunt")
    paths = sorted(path for folder in folders for end in ("csv", "csv.gz") for path in folder.rglob(f"*.{end}"))
    files = [file for path in paths if (file := two.file(path.read_bytes(), path.name)) and file.binding]
    taken = sum(two.compared(files[first : first + 40]) for first in range(0, len(files), 40))
    assert taken > 0.5 * len(files), (taken, len(files))
