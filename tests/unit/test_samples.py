import csv
import io
import json
from collections import Counter, defaultdict
from datetime import date, timedelta
from decimal import Decimal

import pytest

from billstream.cli.demo.samples import Books, SampleFile, Story, Truth
from billstream.cli.demo.samples.files import partition
from billstream.cli.demo.samples.story import BAD_RECORDS, NOT_A_CSV

LAST = date(2026, 3, 14)


@pytest.fixture(scope="module")
def story() -> Story:
    return Story(LAST)


@pytest.fixture(scope="module")
def deliveries(story: Story) -> list[SampleFile]:
    return list(story.deliveries())


def records(file: SampleFile) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(file.body.decode(), newline="")))


def recomputed(rows: list[dict[str, str]]) -> Truth:
    """The truth once more, from the bytes alone."""
    billed: defaultdict[str, Decimal] = defaultdict(Decimal)
    for row in rows:
        if "BilledCost" in row:
            billed[row["BillingCurrency"]] += Decimal(row["BilledCost"])
        else:
            billed[row["currency"]] += Decimal(row["cost"])
    return Truth(len(rows), dict(billed))


def test_the_truth_is_what_the_bytes_say(deliveries: list[SampleFile], story: Story) -> None:
    for file in [*deliveries, story.surprises().restated]:
        assert recomputed(records(file)) == file.truth


def test_the_truth_of_a_file_with_bad_rows_is_that_of_its_good_ones(story: Story) -> None:
    file = story.surprises().with_bad_rows
    lines = file.body.splitlines()
    good = b"\n".join(line for line in lines if line not in BAD_RECORDS)
    truth = recomputed(records(SampleFile(file.key, good, Truth())))
    assert len(lines) == 1 + file.truth.rows + file.truth.rejected
    assert (truth.rows, truth.billed, file.truth.rejected) == (file.truth.rows, file.truth.billed, len(BAD_RECORDS))


def test_the_same_arguments_give_the_same_bytes(deliveries: list[SampleFile], story: Story) -> None:
    again = Story(LAST)
    assert list(again.deliveries()) == deliveries
    assert again.surprises() == story.surprises()
    assert [file.body for file in Story(LAST, seed=2).deliveries()] != [file.body for file in deliveries]


def test_a_season_is_as_large_as_promised(deliveries: list[SampleFile]) -> None:
    assert len({file.key for file in deliveries}) == len(deliveries)
    assert 180 <= len(deliveries) <= 250
    assert all(50 <= file.truth.rows <= 150 for file in deliveries)


def test_keys_are_hive_partitions_up_to_the_last_day(deliveries: list[SampleFile]) -> None:
    days = {file.key.split("/", 2)[2].rsplit("/", 1)[0] for file in deliveries}
    assert len(days) == 90
    assert max(days) == "year=2026/month=03/day=14"
    assert all(file.key.endswith(".csv") for file in deliveries)


def test_discounts_only_ever_lower_a_cost(deliveries: list[SampleFile]) -> None:
    rows = [row for file in deliveries if file.key.startswith("focus/") for row in records(file)]
    for row in rows:
        listed, contracted, effective, billed = (
            Decimal(row[f"{kind}Cost"]) for kind in ("List", "Contracted", "Effective", "Billed")
        )
        assert listed >= contracted >= max(effective, billed)
        assert (row["ChargeCategory"] in {"Credit", "Adjustment"}) == (billed < 0)
    assert set(Counter(row["ChargeCategory"] for row in rows)) == {"Usage", "Purchase", "Credit", "Adjustment", "Tax"}
    assert all(json.loads(row["Tags"])["team"] for row in rows if row["Tags"])


def test_each_vendor_bills_in_its_currency(deliveries: list[SampleFile]) -> None:
    currencies = {(file.key.split("/")[1], tuple(file.truth.billed)) for file in deliveries}
    assert currencies == {("vendor=nimbus", ("USD",)), ("vendor=fjord", ("EUR",)), ("vendor=quill", ("USD",))}


def spent(file: SampleFile, service: str, account: str) -> Decimal:
    rows = [row for row in records(file) if (row["ServiceName"], row["SubAccountName"]) == (service, account)]
    return sum((Decimal(row["BilledCost"]) for row in rows), Decimal(0))


@pytest.mark.parametrize(
    ("service", "account", "begins", "factor"),
    [
        ("GPU Instances", "ml-research", "incident", "4"),
        ("Network", "checkout-prod", "price_rise", "1.2"),
    ],
)
def test_what_is_out_of_the_ordinary_stands_out(
    story: Story, deliveries: list[SampleFile], service: str, account: str, begins: str, factor: str
) -> None:
    first = getattr(story.season, begins)
    by_day = {file.key: spent(file, service, account) for file in deliveries if "nimbus" in file.key}
    days = {day: next(by_day[key] for key in by_day if partition(day) in key) for day in story.season.days_in_order()}
    before = max(days[first - timedelta(weeks=week)] for week in (1, 2, 3))
    assert days[first] > Decimal(factor) * before


def test_a_commitment_is_bought_once_and_a_vendor_is_late(story: Story, deliveries: list[SampleFile]) -> None:
    upfront = [row for file in deliveries for row in records(file) if "upfront" in row.get("ChargeDescription", "")]
    assert [(row["ChargeCategory"], row["EffectiveCost"]) for row in upfront] == [("Purchase", "0")]
    fjord = [file.key for file in deliveries if "fjord" in file.key]
    assert partition(LAST - timedelta(days=5)) in fjord[-1]
    assert len(fjord) == 55
    assert story.season.leak < story.season.purchase


def test_the_season_grows_and_rests_at_weekends(story: Story) -> None:
    levels = [story.season.level(day) for day in story.season.days_in_order()]
    weeks = [sum(levels[start : start + 7]) for start in range(0, 84, 7)]
    assert weeks == sorted(weeks)
    saturday, friday = levels[-1], levels[-2]
    assert saturday < friday


def test_surprises_are_about_files_that_are_there(deliveries: list[SampleFile], story: Story) -> None:
    surprises = story.surprises()
    first = {file.key: file for file in deliveries}
    assert {surprises.notified_again, surprises.removed, surprises.restated.key} <= first.keys()
    assert len({surprises.notified_again, surprises.removed, surprises.restated.key}) == 3
    assert surprises.restated.truth.billed != first[surprises.restated.key].truth.billed
    assert surprises.corrupt.key not in first
    assert surprises.with_bad_rows.key not in first


def test_the_corrupt_file_is_no_text() -> None:
    with pytest.raises(UnicodeDecodeError):
        NOT_A_CSV.decode()


@pytest.mark.parametrize("days", [2, 7])
def test_short_seasons_have_every_surprise(days: int) -> None:
    short = Story(LAST, days)
    keys = {file.key for file in short.deliveries()}
    surprises = short.surprises()
    assert len(keys) == 3 * days
    assert {surprises.notified_again, surprises.removed, surprises.restated.key} <= keys


def test_a_story_of_one_day_is_refused() -> None:
    with pytest.raises(ValueError, match="2 days"):
        Story(LAST, 1)


def test_books_hold_what_is_in_the_bucket_now() -> None:
    books = Books()
    books.put("a", Truth(2, {"USD": Decimal("1.10")}))
    books.put("b", Truth(1, {"EUR": Decimal("-0.25")}, rejected=1))
    books.put("a", Truth(3, {"USD": Decimal("2.05"), "EUR": Decimal("0.25")}))
    assert books.truth == Truth(4, {"EUR": Decimal(0), "USD": Decimal("2.05")}, rejected=1)
    books.remove("b")
    assert books.truth == Truth(3, {"EUR": Decimal("0.25"), "USD": Decimal("2.05")})
