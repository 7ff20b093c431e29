"""A record that looks like a sum of others makes its file refused; a name that only sounds like one does not."""

import json
from collections.abc import Iterator
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from billstream.common.lake import Lake
from billstream.common.settings import Settings
from tests.integration.records_support import BASE, Bench


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    with Lake.open(Settings(home=tmp_path_factory.mktemp("lake"), threads=2), create=True) as lake:
        yield Bench(lake, tmp_path_factory.mktemp("files"))


LABELS = ["Total", "total", "SUBTOTAL:", "Grand Total (USD)", "Zwischensumme", "Sous-total", "Invoice total", "小計"]
NAMES = [
    "Total Defense",
    "TotalEnergies",
    "Sumo Logic",
    "Summit",
    "Total API calls",
    "total of 3 hours",
    "Consumption",
    "",
]
SUMMARIES = [
    "Total for Example Inc.",
    "Subtotal: Compute",
    "Total - Storage",
    "Summe für Rechner",
    "Example Inc. subtotal",
]


def table(*records: str) -> str:
    return "\n".join(["when,service,region,kind,note,tag_team,cost", *records]) + "\n"


def test_each_label_in_any_cell_that_names_a_kind_is_a_doubt(bench: Bench) -> None:
    good = "2026-09-01,a,r,usage,,,1"
    for parquet in (False, True):
        texts = [
            table(good, f"2026-09-01,{label},r,usage,,,2" if number % 2 else f"2026-09-01,a,r,{label},,,2", good)
            for number, label in enumerate(LABELS)
        ]
        result = bench.stage(BASE, *texts, parquet=parquet)
        assert [result.files[n].load_id in result.staged.poisoned for n in range(len(LABELS))] == [True] * len(LABELS)
        line = "" if parquet else "Line 3: "
        assert result.poison(0).startswith(f"{line}'kind' is 'Total', so the record looks like a sum of others")
        assert 'extends = "mine": leave_out = [{ from = ["service"], is = ["total"] }]' in result.poison(1)
        assert result.rows() == []


def test_names_are_no_labels_and_labels_in_free_texts_are_none_beside_a_name(bench: Bench) -> None:
    cells = [
        *(f"2026-09-01,{name},,usage,,,1" for name in NAMES),
        *(f"2026-09-01,a,r,{name},,,1" for name in NAMES),
        # Nobody sums up by a note or a tag; and a record that names a service is a charge.
        *(f"2026-09-01,a,r,usage,{label},{label},1" for label in (*LABELS[:4], *SUMMARIES)),
        *(f"2026-09-01,{name},r,usage,,,1" for name in SUMMARIES),
        # What adds nothing does no harm; what has no day is rejected, as ever.
        "2026-09-01,Total,,,,,0",
    ]
    result = bench.stage(BASE, table(*cells, ",Total,,,,,99"), table(*cells), table(*cells), parquet=False)
    assert [result.counts(n)[:2] for n in range(3)] == [(len(cells), 1), (len(cells), 0), (len(cells), 0)]


@pytest.mark.parametrize("summary", SUMMARIES)
def test_a_name_behind_the_word_is_a_sum_where_nothing_else_is_said(bench: Bench, summary: str) -> None:
    good = "2026-09-01,a,r,usage,,,1"
    result = bench.stage(BASE, table(good, f"2026-09-01,{summary},,,,,1", good), table(good, "2026-09-01,,,,Total,,1"))
    assert "so the record looks like a sum of others" in result.poison(0)
    assert "Line 3: 'note' is 'Total'" in result.poison(1)


def test_the_profile_says_what_such_a_record_is(bench: Bench) -> None:
    text = table("2026-09-01,a,r,usage,,,1", "2026-09-01,b,r,usage,,,2", "2026-09-01,,,Total,,,3")
    kept = bench.stage(f'{BASE}[records]\ntotals = "keep"\n', text)
    assert (kept.counts(), kept.load().billed_totals) == ((3, 0, 0), {"XXX": Decimal(6)})
    left_out = bench.stage(f'{BASE}[records]\nleave_out = [{{ from = ["kind"], is = ["Total"] }}]\n', text)
    assert (left_out.counts(), left_out.load().billed_totals) == ((2, 0, 1), {"XXX": Decimal(3)})
    footer = bench.stage(f'{BASE}[values]\nfooters = ["total"]\n', text)
    assert (footer.counts(), footer.load().billed_totals) == ((2, 0, 0), {"XXX": Decimal(3)})
    assert "'kind' is 'Total'" in bench.stage(BASE, text).poison()


def test_a_label_of_a_wide_table_or_among_misfits_is_found_with_its_line(bench: Bench) -> None:
    misfit = table(
        "2026-09-01,a,r,usage,,,x", "2026-09-01,a,r,usage,,,1.0000000000000000001", "2026-09-01,a,r,Total,,,2"
    )
    wide = f'{BASE}[unpivot]\nkeep = ["when"]\nname = "service"\nvalue = "cost"\n'
    assert bench.stage(BASE, misfit).poison().startswith("Line 4: 'kind' is 'Total'")
    result = bench.stage(wide, "when,S3 (USD),Total costs (USD)\n2026-09-01,1,2\n", "when,S3,EC2\n2026-09-01,1,2\n")
    assert result.poison().startswith("Line 2: 'service' is 'Total costs', so")
    assert result.counts(1) == (2, 0, 0)


# -- sums --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("records", "line"),
    [
        (["2026-09-01,a,r,,,,1.5", "2026-09-02,b,r,,,,2.5", "2026-09-30,,,,,,4.0"], 4),
        (["2026-09-01,a,r,,,,1", "", "2026-09-02,b,r,,,,-3", "2026-09-30,,r,,,,-2", "", ""], 5),
        (
            [
                '2026-09-01,"a,b",r,,,,1',
                '2026-09-02,"b",r,,,,0.000000000000000001',
                "2026-09-30,,,,,,1.000000000000000001",
            ],
            4,
        ),
        (["2026-09-01,a,r,,,,1e2", "2026-09-02,b,r,,,,99", "2026-09-30,,,,,,199"], 4),
        # As much is said of it as of the others, there are no two others, nothing is added, or it is another amount.
        (["2026-09-01,a,r,,,,1.5", "2026-09-02,b,r,,,,2.5", "2026-09-30,c,r,,,,4.0"], None),
        (["2026-09-01,a,,,,,1.5", "2026-09-02,,,,,,2.5", "2026-09-30,,,,,,4.0"], None),
        (["2026-09-01,a,r,,,,1.5", "2026-09-02,,r,,,,1.5"], None),
        (["2026-09-01,a,r,,,,1.5", "2026-09-02,a,r,,,,-1.5", "2026-09-30,,,,,,0"], None),
        (["2026-09-01,a,r,,,,1.5", "2026-09-02,b,r,,,,2.5", "2026-09-30,,,,,,4.1"], None),
        (["2026-09-01,a,r,,,,1.5", "2026-09-02,b,r,,,,2.5", ",,,,,,4.0"], None),
    ],
)
def test_the_sum_of_all_others_at_the_end_is_a_doubt(bench: Bench, records: list[str], line: int | None) -> None:
    result = bench.stage(BASE, table(*records), table(*records).replace("\n", "\r\n"))
    for number in range(2):
        reason = result.staged.poisoned.get(result.files[number].load_id)
        assert (reason is None) == (line is None)
        if reason is not None:
            assert reason.startswith(f"Line {line}: the costs of the last record are the sums of all others")
            assert 'leave_out = [{ from = ["service"], is = [""] }]' in reason


def test_the_sum_of_several_costs_and_currencies(bench: Bench) -> None:
    profile = f"{BASE}".replace(
        'billed_cost = { from = ["cost"], required = true }',
        'billed_cost = { sum = ["net", "tax"] }\nlist_cost = "list"\nbilling_currency = "currency"',
    )
    head = "My bill\n\nwhen,service,currency,net,tax,list\n2026-09-01,a,USD,1,0.2,2\n2026-09-02,b,USD,2,0.4,3\n"
    texts = {
        "2026-09-30,,USD,3,0.6,5\n": 6,
        "2026-09-30,,,3.6,,\n": 6,
        "2026-09-03,c,EUR,7,1,8\n2026-09-30,,EUR,7,1,8\n": 7,
        "2026-09-03,c,EUR,7,1,8\n2026-09-30,,,10,1.6,13\n": 7,
        "2026-09-30,,USD,3,0.6,4\n": None,
    }
    result = bench.stage(profile, *(head + text for text in texts))
    for number, line in enumerate(texts.values()):
        reason = result.staged.poisoned.get(result.files[number].load_id, "")
        assert reason.startswith(f"Line {line}: the costs of the last" if line else ""), (number, reason)
        assert bool(reason) == (line is not None), (number, reason)


# -- any table ---------------------------------------------------------------------------------------------

amounts = st.decimals(min_value=-1000, max_value=1000, places=6).filter(bool)
names = st.sampled_from(["compute", "storage", "Total Defense", "Sumo Logic", "network"])
tables = st.lists(st.tuples(names, st.sampled_from(["eu", "us"]), amounts), min_size=2, max_size=12)


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(records=tables, label=st.sampled_from(LABELS), column=st.integers(1, 3), place=st.integers(0, 12))
def test_any_table_with_a_total_is_refused_and_without_is_not(
    bench: Bench, records: list[tuple[str, str, Decimal]], label: str, column: int, place: int
) -> None:
    total = sum(amount for _, _, amount in records) or Decimal(1)
    lines = [f"2026-09-01,{service},{region},usage,{amount}" for service, region, amount in records]
    cells = ["2026-09-30", "", "", "", str(total)]
    labelled = [*cells[:column], json.dumps(label, ensure_ascii=False), *cells[column + 1 :]]
    exact = sum(amount for _, _, amount in records) != 0
    texts = [
        lines,
        [*lines[:place], ",".join(labelled), *lines[place:]],
        [*lines, ",".join(cells)],
    ]
    result = bench.stage(None, *("\n".join(["date,service,region,charge_type,cost", *some]) for some in texts))
    refused = [file.load_id in result.staged.poisoned for file in result.files]
    assert refused == [False, True, exact]
    assert result.load().billed_totals == {"XXX": sum(amount for _, _, amount in records)}
