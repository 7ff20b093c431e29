"""The pure parts of publishing: the file of targets, the decision, the days, the statements."""

from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from billstream.common.errors import Fatal, Misconfigured, WrongUsage
from billstream.common.masking import masked
from billstream.common.toml_lines import variables_named
from billstream.publishing import goal
from billstream.publishing.config import IcebergPlace, PostgresPlace, read_targets, target_named
from billstream.publishing.days import Piece, pieces
from billstream.publishing.goal import History, reason_to_replace
from billstream.publishing.postgres import layout
from billstream.publishing.registry import Follower
from billstream.publishing.tables import Column, Table, layout_of
from billstream.publishing.watermark import Watermark

NOW = datetime(2026, 3, 1, tzinfo=UTC)
MARK = Watermark(lake_id="a", snapshot_id=5, read_at=7, read_time=NOW, refreshed_at=NOW, layout="l")
THERE = History(0, NOW)
TABLE = Table("charges", "it's", (Column("load_id", "VARCHAR", "an 'id'"),), "charge_period_start", "day")
GOOD = '[target.wh]\nkind = "postgres"\nurl_from = "WH_URL"\n'


def file(folder: Path, text: str) -> Path:
    path = folder / "targets.toml"
    path.write_text(text)
    return path


# -- the file --------------------------------------------------------------------------------------------


def test_a_file_names_targets_and_variables(tmp_path: Path) -> None:
    path = file(tmp_path, GOOD + 'readers = "bi"\nschema = "copy_1"\n[target.b]\nkind = "postgres"\nurl_from = "B"\n')
    found = read_targets(path)
    assert list(found) == ["wh", "b"]
    assert [(place.schema_, place.readers) for place in found.values() if isinstance(place, PostgresPlace)] == [
        ("copy_1", "bi"),
        ("billstream", None),
    ]
    assert variables_named(path, "target") == {"WH_URL", "B"}
    assert read_targets(None) == {}


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("[target.wh", "are not valid"),
        ("[sink.a]\n", "'sink' is not a table of targets"),
        ("target = 3\n", "'target' is not a table of targets"),
        ('[target.list]\nkind = "postgres"\nurl_from = "A"\n', "line 1.*a name has"),
        ('[target."a b"]\nkind = "postgres"\nurl_from = "A"\n', "a name has"),
        (GOOD + 'schema = "a;b"\n', r"line 4.*\[target.wh\] schema"),
        (GOOD + "readers = 'x\"; DROP'\n", r"\[target.wh\] readers"),
        (GOOD + 'url = "postgresql://a:secretword@b/c"\n', r"\[target.wh\] url: Extra"),
        ('[target.wh]\nkind = "mysql"\nurl_from = "A"\n', r"line 2.*\[target.wh\] kind"),
        ("[target]\nwh = 3\n", r"\[target.wh\]"),
        (f"# {'x' * 1_000_001}", "more than 1,000,000 bytes"),
    ],
)
def test_a_mistake_in_the_file_is_named(text: str, why: str, tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match=why) as refused:
        read_targets(file(tmp_path, text))
    assert "Nothing was published" in str(refused.value)
    assert "secretword" not in str(refused.value)


ICE = """[target.ice]
kind = "iceberg"
[target.ice.catalog]
type = "rest"
uri = "https://catalog.internal"
warehouse = "bills"
credential_from = "ICE_CREDENTIAL"
s3.secret-access-key_from = "ICE_KEY"
"""


def test_a_catalog_has_properties_and_variables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = file(tmp_path, ICE)
    assert variables_named(path, "target") == {"ICE_CREDENTIAL", "ICE_KEY"}
    place = target_named(path, "ice")
    assert isinstance(place, IcebergPlace)
    assert place.description == "rest catalog https://catalog.internal namespace billstream"
    monkeypatch.setenv("ICE_CREDENTIAL", "me:a-long-credential")
    with pytest.raises(Misconfigured, match="ICE_KEY is not set"):
        place.check()
    monkeypatch.setenv("ICE_KEY", "another-secret")
    monkeypatch.setenv("AWS_REGION", "eu-central-1")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "https://s3.internal")
    assert place.properties() == {
        "py-io-impl": "pyiceberg.io.pyarrow.PyArrowFileIO",
        "s3.region": "eu-central-1",
        "s3.endpoint": "https://s3.internal",
        "type": "rest",
        "uri": "https://catalog.internal",
        "warehouse": "bills",
        "credential": "me:a-long-credential",
        "s3.secret-access-key": "another-secret",
    }
    assert masked("a-long-credential of me:a-long-credential, another-secret") == "******** of ********, ********"


def test_the_password_of_a_catalog_in_a_database_is_masked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = '[target.i]\nkind = "iceberg"\n[target.i.catalog]\ntype = "sql"\nuri_from = "U"\n'
    place = target_named(file(tmp_path, text), "i")
    assert isinstance(place, IcebergPlace)
    monkeypatch.setenv("U", "postgresql+psycopg://me:the-passphrase@host/db")
    assert place.properties()["uri"] == "postgresql+psycopg://me:the-passphrase@host/db"
    assert place.description == "sql catalog of U namespace billstream"
    assert "passphrase" not in masked("cannot connect with the-passphrase")


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (('type = "rest"\n', ""), "has to have a type"),
        (('"rest"', '"hive"'), "one of sql, rest, glue"),
        (("s3.secret-access-key_from", "s3.secret-access-key"), "is a secret: name a variable"),
        (("https://catalog", "https://me:secretword@catalog"), "uri is a secret"),
        (("warehouse =", "py-catalog-impl ="), "py-catalog-impl is no property"),
        (("warehouse =", "s3.retry-strategy-impl ="), "impl is no property"),
        (('"bills"', "3"), "warehouse is no text"),
        (('"ICE_KEY"', '"secret word"'), "is no name of a variable"),
        (('kind = "iceberg"', 'kind = "iceberg"\nkeep_days = 0'), r"\[target.ice\] keep_days"),
        (('kind = "iceberg"', 'kind = "iceberg"\nnamespace = "a.b"'), r"line 3.*\[target.ice\] namespace"),
        (('kind = "iceberg"', 'kind = "iceberg"\nurl_from = "A"'), r"\[target.ice\] url_from: Extra"),
    ],
)
def test_a_mistake_in_a_catalog_is_named(change: tuple[str, str], why: str, tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match=why) as refused:
        read_targets(file(tmp_path, ICE.replace(*change)))
    assert "secretword" not in str(refused.value)
    assert "secret word" not in str(refused.value)


def test_the_extra_is_named_where_it_is_absent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("billstream.publishing.config.find_spec", lambda _: None)
    with pytest.raises(Misconfigured, match=r"pip install 'billstream\[iceberg\]'"):
        target_named(file(tmp_path, ICE), "ice").check()


def test_a_target_has_to_be_in_the_file(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="BILLSTREAM_TARGETS is not set"):
        target_named(None, "wh")
    with pytest.raises(WrongUsage, match=r"no target .other.*Its targets: wh"):
        target_named(file(tmp_path, GOOD), "other")


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ("", "WH_URL is not set"),
        ("host=a password=secretword", "WH_URL is not a URL of the form"),
        ("postgresql://me:secretword@host/db?hust=1", "WH_URL has an option"),
        ("postgresql://me:secret%word@host/db", "WH_URL is not a postgresql:// URL"),
        ("postgresql://", "WH_URL names no host"),
    ],
)
def test_a_url_that_is_wrong_is_named_by_its_variable(
    value: str, why: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WH_URL", value)
    for name in ("PGHOST", "PGDATABASE"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(Misconfigured, match=why) as refused:
        target_named(file(tmp_path, GOOD), "wh").check()
    assert "secretword" not in str(refused.value)
    assert "BILLSTREAM_CATALOG" not in str(refused.value)


def test_a_password_is_masked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WH_URL", "postgresql://me:a%20passphrase@host/db")
    place = target_named(file(tmp_path, GOOD), "wh")
    assert isinstance(place, PostgresPlace)
    url = place.url()
    assert url.description == "postgresql://me@host:5432/db"
    assert "passphrase" not in masked("libpq says: a passphrase, a%20passphrase")


# -- the decision ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("since", "history", "reason"),
    [
        (None, None, goal.FIRST),
        (replace(MARK, snapshot_id=3, read_at=4), THERE, None),
        (MARK, THERE, None),
        (replace(MARK, snapshot_id=3, read_at=4), History(1, NOW), goal.EXPIRED),
        (replace(MARK, snapshot_id=3, read_at=4), History(1, None), goal.EXPIRED),
        (replace(MARK, read_at=8), THERE, goal.OTHER_HISTORY),
        (replace(MARK, snapshot_id=6), THERE, goal.OTHER_HISTORY),
        (MARK, History(0, NOW.replace(year=2025)), goal.OTHER_HISTORY),
        (replace(MARK, layout="other"), THERE, goal.OTHER_LAYOUT),
    ],
)
def test_why_everything_is_copied(since: Watermark | None, history: History | None, reason: str | None) -> None:
    assert reason_to_replace(since, MARK, history) == reason


def test_another_lake_is_refused() -> None:
    with pytest.raises(Misconfigured, match="copy of another lake"):
        reason_to_replace(replace(MARK, lake_id="b"), MARK, THERE)


def test_a_follower_that_is_not_seen_is_away() -> None:
    entry = Follower("wh", "postgres", "p", 1, None, NOW)
    wait = datetime(2026, 3, 3, tzinfo=UTC) - NOW
    assert not entry.is_away(NOW + wait, wait)
    assert entry.is_away(NOW + 2 * wait, wait)


# -- days ------------------------------------------------------------------------------------------------


def test_days_are_taken_by_month() -> None:
    days = [date(2026, 2, 3), None, date(2025, 12, 31), date(2026, 2, 1)]
    assert pieces(days) == [
        Piece(date(2025, 12, 1), (date(2025, 12, 31),)),
        Piece(date(2026, 2, 1), (date(2026, 2, 1), date(2026, 2, 3))),
        Piece(None),
    ]
    assert pieces([]) == []
    assert [Piece(date(2025, 12, 1)).after, Piece(date(2026, 2, 1)).after] == [date(2026, 1, 1), date(2026, 3, 1)]
    with pytest.raises(ValueError, match="no month"):
        _ = Piece(None).after


# -- statements of PostgreSQL -----------------------------------------------------------------------------


def test_names_and_comments_are_quoted() -> None:
    made = ";\n".join(layout.table_statements('s"x', [TABLE], partitioned=True))
    assert 'CREATE TABLE IF NOT EXISTS "s""x"."charges" ("charge_day" date NOT NULL, "load_id" text)' in made
    assert "PARTITION BY RANGE (charge_day)" in made
    assert """COMMENT ON COLUMN "s""x"."charges"."load_id" IS 'an ''id'''""" in made
    assert "PARTITION BY" not in ";\n".join(layout.table_statements("s", [TABLE], partitioned=False))


@pytest.mark.parametrize(
    ("piece", "condition"),
    [
        (None, ""),
        (Piece(date(2026, 2, 1)), " WHERE charge_day >= '2026-02-01' AND charge_day < '2026-03-01'"),
        (Piece(date(2026, 2, 1), (date(2026, 2, 3),)), " WHERE charge_day IN ('2026-02-03')"),
        (Piece(None), " WHERE charge_day < '0001-01-01' OR charge_day >= '9999-01-01'"),
    ],
)
def test_what_is_removed(piece: Piece | None, condition: str) -> None:
    assert layout.clear_statement("s", TABLE, piece) == f'DELETE FROM "s"."charges"{condition}'


def test_each_month_has_a_partition() -> None:
    assert list(layout.partitions("s", TABLE, Piece(date(2026, 2, 1)))) == ["charges_2026_02"]
    assert list(layout.partitions("s", TABLE, Piece(None))) == ["charges_before", "charges_after"]


def test_a_type_that_is_not_known_is_a_bug() -> None:
    assert layout.type_of(Column("a", "DECIMAL(38,18)", "")) == "numeric(38, 18)"
    assert layout.type_of(Column("a", "MAP(VARCHAR, BIGINT)", "")) == "jsonb"
    with pytest.raises(Fatal, match="This is a bug"):
        layout.type_of(Column("a", "UNION(a INTEGER)", ""))


def test_other_columns_are_another_layout() -> None:
    other = replace(TABLE, columns=(Column("load_id", "BIGINT", ""),))
    assert layout_of([TABLE]) != layout_of([other])
    assert layout_of([TABLE]) == layout_of([replace(TABLE, comment="other")])
