"""Costs by tag: the setting, the cells and what the insights say of them."""

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import jsonschema
import pytest
from pydantic import ValidationError

from billstream.aggregator.insights.read import read_insights
from billstream.aggregator.insights.tagged import TaggedCosts
from billstream.aggregator.insights.values import Insights
from billstream.aggregator.pages.render import HTML_NAME, JSON_NAME, MARKDOWN_NAME, SCHEMA_NAME, render
from billstream.aggregator.refresh import OTHER_TAGS, rebuild, refresh_once
from billstream.aggregator.verify import verify
from billstream.common.lake import Lake
from billstream.common.settings import Settings
from billstream.common.tag_keys import TagKeys
from tests.integration.aggregator_support import NOW, Row, commit_load, meddle, new_lake

DAY = datetime(2025, 6, 28, 23, tzinfo=UTC)
HOSTILE = "<b>$.x|`\x00\"'\\" + "é" * 300


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("", ""),
        (" team , env,", "team=team,env=env"),
        ("team,Team=cost-centre,env=user:Env=x", "team=team,team=cost-centre,env=user:Env=x"),
        ("team,team=TEAM", "team=team"),
    ],
)
def test_the_setting_has_a_plain_form_that_means_the_same(text: str, plain: str) -> None:
    assert str(TagKeys.parse(text)) == plain
    assert TagKeys.parse(plain) == Settings(tag_keys=text).tag_keys


@pytest.mark.parametrize(
    "text",
    ["=key", "team=", 'a"b', "a" * 65, "t=" + "k" * 257, "t=a\x01", ",".join(f"t{n}" for n in range(11)),
     ",".join(f"t=k{n}" for n in range(51))],
)  # fmt: skip
def test_what_is_no_list_of_keys_is_refused(text: str) -> None:
    with pytest.raises(ValidationError, match="must have"):
        Settings(tag_keys=text)


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lake]:
    def row(cost: str | None, tags: dict[str, str] | None, **more: str) -> Row:
        told = None if cost is None else Decimal(cost)
        given = {"charge_category": "Usage", **more}
        return Row(DAY, "USD", billed_cost=Decimal(100), effective_cost=told, tags=tags, **given)  # type: ignore[arg-type]

    rows = [
        row("1", {"Team": "core", "a.b/c~d": "dots"}),
        row("2", {"TEAM": "", "cost-centre": "core"}),
        row("4", {"TEAM": HOSTILE}),
        row("8", {"other": "x"}),
        row("16", None),
        row(None, None),
        row("32", None, charge_class="Correction"),
        row("64", None, charge_category="Purchase"),
        Row(DAY + timedelta(days=1), "USD", charge_category="Tax"),  # completes the day before
    ]
    early = [Row(DAY - timedelta(days=45), "USD", billed_cost=Decimal(7), tags={"team": "core"})]
    many = [Row(DAY, "EUR", billed_cost=Decimal(n), tags={"team": f"t{n}"}) for n in range(1, 15)]
    with new_lake(tmp_path_factory.mktemp("tags")) as opened:
        commit_load(opened, "a", [*rows, *early, *many])
        yield opened


def insights_of(lake: Lake, keys: str) -> tuple[Insights, dict[str, TaggedCosts]]:
    report = refresh_once(lake, now=NOW, tag_keys=TagKeys.parse(keys))
    insights = read_insights(
        lake, report.watermark, version=lake.snapshot_id(), snapshot_id=report.snapshot_id, today=date(2025, 7, 1)
    )
    return insights, {f"{entry.key} {entry.currency}": entry for entry in insights.tags}


def test_the_insights_tell_the_untagged_share_and_the_values(lake: Lake) -> None:
    insights, found = insights_of(lake, "team,team=cost-centre,place=a.b/c~d")
    assert list(found) == ["team EUR", "place EUR", "team USD", "place USD"]
    month = found["team USD"].periods["month_to_date"]
    assert (month.untagged, month.usage, month.share) == (Decimal(24), Decimal(31), Decimal("0.774194"))
    assert (month.untagged_rows, month.usage_rows, month.costed_rows) == (3, 6, 5)
    assert found["team USD"].read_from == ("team", "cost-centre")
    ranked = [(one.value, one.amount) for one in found["team USD"].values]
    assert ranked == [(None, Decimal(500)), ("core", Decimal(200)), (HOSTILE[:256], Decimal(100))]
    assert [one.previous for one in found["team USD"].values] == [None, Decimal(7), None]
    assert sum(one.share or 0 for one in found["team USD"].values) == 1
    assert [one.value for one in found["place USD"].values] == [None, "dots"]
    euros = found["team EUR"]
    assert (len(euros.values), euros.others_count, euros.others and euros.others.amount) == (10, 4, Decimal(10))
    assert euros.periods == {}, "no charge of this currency is told to be usage"
    assert insights.cube is not None
    ((charged,),) = lake.rows(
        "SELECT sum(billed_cost) FROM charges WHERE charge_period_start < TIMESTAMPTZ '2025-07-02 00:00:00+00'"
    )
    for key in ("team", "place"):
        months = [cell for cell in insights.cube.tags if (cell.key, cell.grain) == (key, "month")]
        assert sum(cell.billed_cost or 0 for cell in months) == charged
        assert {cell.value for cell in months if cell.currency == "USD"} >= {None, "core" if key == "team" else "dots"}
    texts = render(insights)
    content = json.loads(texts[JSON_NAME])
    jsonschema.Draft202012Validator(json.loads(texts[SCHEMA_NAME])).validate(content)
    assert "<b>" not in texts[HTML_NAME]
    assert "<b>" not in texts[MARKDOWN_NAME]
    assert '<a href="#tags">' in texts[HTML_NAME]
    assert "77.4" in texts[MARKDOWN_NAME]


def test_another_setting_recomputes_and_the_same_one_does_not(lake: Lake) -> None:
    kinds = []
    for keys in ("team", "team=team", "TEAM=Team", "", ""):
        report = refresh_once(lake, now=NOW, tag_keys=TagKeys.parse(keys))
        kinds.append((report.changed, report.watermark.reason, str(report.watermark.tag_keys)))
        assert verify(lake) == []
    assert kinds[1:] == [
        (False, OTHER_TAGS, "team=team"),
        (True, OTHER_TAGS, "TEAM=Team"),
        (True, OTHER_TAGS, ""),
        (False, OTHER_TAGS, ""),
    ]
    assert lake.rows("SELECT count(*), count(tags) FROM cost_cells WHERE tags IS NOT NULL") == [(0, 0)]
    assert insights_of(lake, "")[0].tags == ()
    # Whoever names no keys, such as a repair, keeps those that there are.
    refresh_once(lake, now=NOW, tag_keys=TagKeys.parse("team"))
    assert str(rebuild(lake, now=NOW).watermark.tag_keys) == "team=team"


def test_a_wrong_value_in_the_cells_is_found(lake: Lake) -> None:
    refresh_once(lake, now=NOW, tag_keys=TagKeys.parse("team"))
    meddle(lake, """UPDATE cost_cells SET tags = '{"team":"care"}' WHERE tags = '{"team":"core"}'""")
    assert {difference.key["tags"] for difference in verify(lake)} == {'{"team":"care"}', '{"team":"core"}'}
    rebuild(lake, now=NOW)
    assert verify(lake) == []


def test_the_day_is_that_of_utc_also_before_1970_and_at_the_ends_of_time(tmp_path: Path) -> None:
    texts = [
        "1969-12-31 23:59:59.999999+00", "1969-12-31 00:00:00+00", "1970-01-01 00:00:00+00", "1969-12-30 16:00:00-08",
        "0044-03-15 (BC) 00:00:00+00", "infinity", "-infinity", "2025-03-30 01:30:00+02",
    ]  # fmt: skip
    with new_lake(tmp_path) as lake:
        values = ", ".join(f"('a', TIMESTAMPTZ '{text}')" for text in texts)
        meddle(lake, f"INSERT INTO charges (load_id, charge_period_start) VALUES {values}")
        refresh_once(lake, now=NOW)
        days = dict(lake.rows("SELECT charge_day::VARCHAR, charge_rows FROM daily_costs"))
        assert verify(lake) == []
    assert days == {
        "1969-12-31": 3, "1970-01-01": 1, "0044-03-15 (BC)": 1, "infinity": 1, "-infinity": 1, "2025-03-29": 1,
    }  # fmt: skip
