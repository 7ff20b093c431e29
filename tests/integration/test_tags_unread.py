"""Tags that cannot be read are counted in the ledger, kept in `rescued`, logged, and warned of once for each header."""

import io
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from structlog.testing import capture_logs

from billstream.common.ids import new_id
from billstream.consumer.decode import Staging, open_tabular, plain_text
from billstream.consumer.profiles import ProfileRegistry
from billstream.consumer.profiles.model import Profile
from tests.integration.intake_support import House

GOOD = '"{""team"":""red""}"'
PLAIN = f"date,cost,currency,tags\n2026-09-01,1,EUR,{GOOD}\n2026-09-02,2,EUR,"
# A file whose column `tags` is none of tags: its cells are always in `rescued`.
OTHER = "date,credits,user,tags\n2026-09-01,1,ada,red\n"
CUR = (
    "lineItem/UsageStartDate,lineItem/UnblendedCost,resource_tags,resourceTags/user:team\n"
    '2026-09-01T00:00:00Z,1,"{""user:team"":""x""}",red\n2026-09-01T00:00:00Z,1,none,blue\n'
)


def test_unread_tags_are_counted_for_each_file_of_a_batch(house: House) -> None:
    bucket = house.bucket()
    intake = house.intake(bucket)
    files = {
        "none.csv": PLAIN + "\n",
        "two.csv": PLAIN + 'red\n2026-09-03,3,EUR,"[1,2]"\n',
        "more.csv": PLAIN.replace("tags", '"ta""gs é",tags').replace(",EUR,", ',EUR,"a"":{""tags"":",') + "red\n",
        "rounded.csv": PLAIN + "red\n2026-09-03,1.0000000000000000001,EUR,\n",
        "other.csv": OTHER,
        "cur.csv": CUR,
    }
    with capture_logs() as logs:
        outcomes = intake.process([bucket.put(key, text.encode()) for key, text in files.items()])
        again = files["two.csv"].replace("red", "blue")
        for outcome in (*outcomes, *intake.process([bucket.put("again.csv", again.encode())])):
            outcome.log()

    counted = {line["key"]: (line["state"], line["tags_unread"]) for line in house.ledger(bucket)}
    expected = {"none.csv": 0, "two.csv": 2, "more.csv": 1, "rounded.csv": 1, "other.csv": 0, "cur.csv": 1}
    expected["again.csv"] = 2
    assert counted == {key: ("loaded", count) for key, count in expected.items()}
    loaded = {log["scope"].rpartition("/")[2]: log["tags_unread"] for log in logs if log["event"] == "object_loaded"}
    assert loaded == expected
    warned = [(log["profile"], log["columns"]) for log in logs if log["event"] == "tags_unread"]
    assert sorted(warned) == [("aws_cur", ["resource_tags"]), ("plain", ["tags"]), ("plain", ["tags"])]
    sql = "SELECT tags, rescued FROM charges JOIN ledger USING (load_id) WHERE bucket = ? AND key = ? ORDER BY ALL"
    kept = house.lake.rows(sql, [bucket.name, "two.csv"])
    assert kept == [({"team": "red"}, None), (None, '{"tags":"[1,2]"}'), (None, '{"tags":"red"}')]


def test_a_profile_that_takes_the_first_cell_of_several_counts_too(house: House) -> None:
    columns = {"charge_period_start": {"from": ["date"], "required": True}, "tags": {"first": ["a", "b~/"]}}
    profile = Profile.model_validate(
        {"name": "mine", "title": "mine", "match": {"needs": ["tags"]}, "columns": columns}
    )
    path = house.settings.spool / "first.csv"
    path.parent.mkdir(exist_ok=True, parents=True)
    path.write_text("date,a,b~/\n2026-09-01,,red\n2026-09-01,x=1,red\n2026-09-01,red,x=1\n2026-09-01,,\n")
    file = open_tabular(new_id(), plain_text(path, path.with_suffix(".text")), ProfileRegistry([profile], []))
    staging = Staging(house.lake)
    staged = staging.stage([file], new_id())
    staging.discard(staged)
    assert staged.loads[file.load_id].tags_unread == 2


@pytest.mark.parametrize("pairs", [[("a", "1"), ("a", "2")], [("a", "1"), ("a", "1"), ("b", None)]])
def test_a_native_map_with_a_key_twice_is_no_error(house: House, pairs: list[tuple[str, str | None]]) -> None:
    bucket, sink = house.bucket(), io.BytesIO()
    table = pa.table(
        {"date": ["2026-09-01"], "cost": ["1"], "tags": pa.array([pairs], pa.map_(pa.string(), pa.string()))}
    )
    pq.write_table(table, sink)
    house.intake(bucket).process([bucket.put("map.parquet", sink.getvalue())])
    (line,) = house.ledger(bucket)
    assert (line["state"], line["tags_unread"]) == ("loaded", 1), line["reason"]
    ((rescued,),) = house.lake.rows("SELECT rescued FROM charges WHERE load_id = ?", [line["load_id"]])
    assert json.loads(json.loads(rescued)["tags"], object_pairs_hook=list) == pairs
