"""The lake on SQLite: made once however many try, and changed all at once, with its claims, or not at all."""

import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from billstream.common.errors import ClaimRefused, Fatal
from billstream.common.ids import new_id
from billstream.common.lake import Claim, Lake, ProcessedKey
from billstream.common.lake.guard import COLUMNS, scope_id
from billstream.common.lake.migrations import migrations
from billstream.common.settings import Settings
from tests.integration.lake_support import line

VERSIONS = [migration.version for migration in migrations()]
HOSTILE = [
    "'; DROP TABLE processed_key; --",
    '{"claims": []}',
    '"quoted" and \\backslash\\',
    "line\nbreak and \x00 NUL",
    "日本語 😀",
    "half \ud800 a character",
    "$.claims[0]",
    "x" * 100_000,
    "",
    "billstream: claim refused",
]


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return Settings(home=tmp_path_factory.mktemp("lake"), threads=2)


@pytest.fixture(scope="module")
def lake(settings: Settings) -> Iterator[Lake]:
    with Lake.open(settings, create=True) as opened:
        yield opened


@pytest.fixture(scope="module")
def other(settings: Settings, lake: Lake) -> Iterator[Lake]:
    """Another consumer's hold on the same lake."""
    assert lake.snapshot_id()
    with Lake.open(settings) as opened:
        yield opened


def key(scope: str, **values: Any) -> ProcessedKey:  # noqa: ANN401
    return ProcessedKey(scope_id=scope_id(scope), entry_id=new_id(), **{"state": "loaded", **values})


def lines(lake: Lake, *scopes: str) -> list[int]:
    counts = [lake.rows("SELECT count(*) FROM ledger WHERE key = ?", [scope])[0][0] for scope in scopes]
    return [int(count) for count in counts]


def claim(lake: Lake, scope: str, *claims: Claim) -> int:
    return lake.commit(line(scope), claims=claims, author="me", message="test")


# -- making ------------------------------------------------------------------------------------------------


def test_a_lake_can_be_made_again_and_keeps_its_data(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path / "home", threads=2)
    with Lake.open(settings, create=True) as lake:
        claim(lake, "k", Claim(key("k"), None))
        before = lake.snapshot_id()
    with Lake.open(settings, create=True) as lake:
        assert lake.rows("SELECT version FROM schema_version ORDER BY version") == [(v,) for v in VERSIONS]
        assert lines(lake, "k") == [1]
        assert lake.processed_keys([scope_id("k")])
        assert lake.snapshot_id() == before
        with pytest.raises(ClaimRefused):
            claim(lake, "k", Claim(key("k"), None))


CREATOR = """
import sys, time
from billstream.common.lake import Lake
from billstream.common.settings import Settings
from pathlib import Path
time.sleep(max(0, float(sys.argv[2]) - time.time()))
with Lake.open(Settings(home=Path(sys.argv[1]), threads=1), create=True) as lake:
    print(lake.rows("SELECT list(version ORDER BY version) FROM schema_version")[0][0])
"""


def test_two_who_make_a_lake_at_once_make_one(tmp_path: Path) -> None:
    together = str(time.time() + 1.5)
    creators = [
        subprocess.Popen(
            [sys.executable, "-c", CREATOR, str(tmp_path / "home"), together],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(3)
    ]
    answers = [creator.communicate(timeout=300) for creator in creators]
    assert [creator.returncode for creator in creators] == [0, 0, 0], answers
    assert [out.splitlines()[-1] for out, _ in answers] == [str(VERSIONS)] * 3
    with Lake.open(Settings(home=tmp_path / "home", threads=2)) as lake:
        claim(lake, "k", Claim(key("k"), None))
        with pytest.raises(ClaimRefused):
            claim(lake, "k", Claim(key("k"), None))


def test_where_there_is_no_lake_none_is_made_unasked(tmp_path: Path) -> None:
    for read_only in (False, True):
        with pytest.raises(
            Fatal, match=r"There is no billstream lake at .*catalog\.sqlite yet\. Run `billstream init`"
        ):
            Lake.open(Settings(home=tmp_path), read_only=read_only)
    assert not (tmp_path / "catalog.sqlite").exists()


def test_a_lake_of_a_newer_version_is_not_touched(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, threads=2)
    with Lake.open(settings, create=True) as lake:
        newer = [VERSIONS[-1] + 1]
        lake.commit(
            lambda con: con.execute("INSERT INTO schema_version VALUES (?, 'future', now())", newer),
            claims=[],
            author="me",
            message="test",
        )
    for create in (False, True):
        with pytest.raises(
            Fatal, match=rf"has schema version {newer[0]}; .* up to {VERSIONS[-1]}\. Upgrade billstream"
        ):
            Lake.open(settings, create=create)


def test_a_lake_of_an_older_version_is_brought_up_to_date_when_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = Settings(home=tmp_path / "old", threads=2)
    oldest = migrations()[:1]
    with monkeypatch.context() as patch:
        patch.setattr("billstream.common.lake.migrations.migrations", lambda: oldest)
        patch.setattr(
            "billstream.common.lake.connection.apply_options", lambda _: None
        )  # they name tables of later scripts
        with Lake.open(settings, create=True) as lake:
            values = "'e', 'd', 's3://b/k', 'loaded', 'b', 'k', 0, 0, 0, now(), 'test'"
            columns = "entry_id, scope_id, scope, state, bucket, key, rows_loaded, rows_rejected, values_rounded"
            sql = f"INSERT INTO ledger ({columns}, settled_at, consumer_id) VALUES ({values})"
            lake.commit(lambda con: con.execute(sql), claims=[], author="me", message="test")
    with pytest.raises(Fatal, match=rf"version 1; this billstream needs {VERSIONS[-1]}\. Run `billstream init`"):
        Lake.open(settings)
    with Lake.open(Settings(home=tmp_path / "new", threads=2), create=True) as lake:
        tables = [name for (name,) in lake.rows("SHOW TABLES")]
    with Lake.open(settings, create=True) as lake:
        assert lake.rows("SELECT version FROM schema_version ORDER BY version") == [(v,) for v in VERSIONS]
        assert [name for (name,) in lake.rows("SHOW TABLES")] == tables
        assert lines(lake, "k") == [1]


def test_a_lake_that_is_read_only_takes_no_commit(settings: Settings, lake: Lake) -> None:
    before = lake.snapshot_id()
    with Lake.open(settings, read_only=True) as reader, pytest.raises(Fatal):
        claim(reader, "read only", Claim(key("read only"), None))
    assert (lake.snapshot_id(), lines(lake, "read only")) == (before, [0])


# -- committing --------------------------------------------------------------------------------------------


def test_a_commit_is_seen_by_others_with_its_claims(lake: Lake, other: Lake) -> None:
    new = key("seen", load_id="l", version_id="v", etag="e", sequencer="1", content_sha256="d")
    snapshot = claim(lake, "seen", Claim(new, None))
    assert snapshot == lake.snapshot_id() == other.snapshot_id()
    assert other.processed_keys([new.scope_id]) == {new.scope_id: new}
    assert lines(other, "seen") == [1]


def test_a_first_claim_is_the_only_first_one(lake: Lake, other: Lake) -> None:
    claim(lake, "first", Claim(key("first"), None))
    before = other.snapshot_id()
    with pytest.raises(ClaimRefused):
        claim(other, "first", Claim(key("first"), None))
    assert (lines(other, "first"), other.snapshot_id()) == ([1], before)


def test_a_claim_succeeds_only_from_where_the_scope_is(lake: Lake, other: Lake) -> None:
    one, two, three = key("chain"), key("chain"), key("chain")
    claim(lake, "chain", Claim(one, None))
    claim(other, "chain", Claim(two, one.entry_id))
    for stale in (None, one.entry_id, new_id(), ""):
        with pytest.raises(ClaimRefused):
            claim(lake, "chain", Claim(three, stale))
    assert lake.processed_keys([two.scope_id]) == {two.scope_id: two}
    claim(lake, "chain", Claim(three, two.entry_id))
    assert other.processed_keys([two.scope_id]) == {three.scope_id: three}
    assert lines(lake, "chain") == [3]


def test_a_claim_for_a_scope_that_nobody_has_claimed_must_be_a_first_one(lake: Lake) -> None:
    with pytest.raises(ClaimRefused):
        claim(lake, "unknown", Claim(key("unknown"), new_id()))
    assert (lines(lake, "unknown"), lake.processed_keys([scope_id("unknown")])) == ([0], {})


def test_one_refused_claim_refuses_the_whole_commit(lake: Lake) -> None:
    claim(lake, "held", Claim(key("held"), None))
    claims = [Claim(key(f"new {number}"), None) for number in range(5)]
    claims.insert(3, Claim(key("held"), None))
    with pytest.raises(ClaimRefused):
        claim(lake, "many", *claims)
    assert lines(lake, "many") == [0]
    assert lake.processed_keys([scope_id(f"new {number}") for number in range(5)]) == {}


def test_two_claims_for_one_scope_are_a_mistake_and_change_nothing(lake: Lake) -> None:
    with pytest.raises(ValueError, match="only once"):
        claim(lake, "twice", Claim(key("twice"), None), Claim(key("twice"), None))
    assert (lines(lake, "twice"), lake.processed_keys([scope_id("twice")])) == ([0], {})


def test_a_body_that_fails_changes_nothing_and_the_lake_goes_on(lake: Lake) -> None:
    def fails(con: Any) -> None:  # noqa: ANN401
        line("failing")(con)
        raise RuntimeError("in the middle")

    before = lake.snapshot_id()
    with pytest.raises(RuntimeError, match="in the middle"):
        lake.commit(fails, claims=[Claim(key("failing"), None)], author="me", message="test")
    assert (lines(lake, "failing"), lake.snapshot_id()) == ([0], before)
    assert claim(lake, "failing", Claim(key("failing"), None)) > before


def test_a_body_of_wrong_sql_changes_nothing_and_is_fatal(lake: Lake) -> None:
    def wrong(con: Any) -> None:  # noqa: ANN401
        line("wrong")(con)
        con.execute("INSERT INTO nowhere VALUES (1)")

    with pytest.raises(Fatal, match=r"committing to the lake failed: .*nowhere"):
        lake.commit(wrong, claims=[], author="me", message="test")
    assert lines(lake, "wrong") == [0]


def test_a_commit_says_who_made_it_and_why(lake: Lake) -> None:
    snapshot = lake.commit(line("why"), claims=[], author="it's me", message='a "reason"; DROP TABLE ledger')
    sql = "SELECT author, commit_message FROM ducklake_snapshots('lake') WHERE snapshot_id = ?"
    assert lake.rows(sql, [snapshot]) == [("it's me", 'a "reason"; DROP TABLE ledger')]


# -- looking up --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", HOSTILE)
def test_a_scope_may_have_any_text(lake: Lake, text: str) -> None:
    claim(lake, "hostile", Claim(key(text), None))
    assert lake.processed_keys([scope_id(text)]).keys() == {scope_id(text)}
    with pytest.raises(ClaimRefused):
        claim(lake, "hostile", Claim(key(text), None))


@pytest.mark.parametrize(
    "text", [text for text in HOSTILE if text.isprintable() or ("\n" in text and "\x00" not in text)]
)
def test_what_is_held_of_a_scope_may_have_any_text(lake: Lake, text: str) -> None:
    new = key(f"values {text}", state=text or "s", load_id=text, version_id=text, etag=text, sequencer=text)
    claim(lake, "values", Claim(new, None))
    assert lake.processed_keys([new.scope_id]) == {new.scope_id: new}
    assert set(COLUMNS) == set(vars(new))


def test_thousands_of_scopes_are_looked_up_at_once(lake: Lake) -> None:
    keys = [key(f"bulk {number}", etag=str(number)) for number in range(5_000)]
    claim(lake, "bulk", *(Claim(one, None) for one in keys))
    unknown = [scope_id(f"unknown {number}") for number in range(5_000)]
    began = time.process_time()  # of this process, so that what else runs does not count
    found = lake.processed_keys([*unknown, *(one.scope_id for one in keys)])
    assert time.process_time() - began < 5
    assert found == {one.scope_id: one for one in keys}


@pytest.mark.parametrize("scopes", [[], [scope_id("nobody")], ["no digest at all", "'; --"]])
def test_scopes_that_are_not_held_are_absent(lake: Lake, scopes: Sequence[str]) -> None:
    assert lake.processed_keys(scopes) == {}


def test_scopes_with_the_same_content_in_force_are_found(lake: Lake) -> None:
    digest = "d" * 64
    one, two, gone = key("one", load_id="l1"), key("two", load_id="l2"), key("gone")
    claims = [Claim(ProcessedKey(**{**vars(new), "content_sha256": digest}), None) for new in (one, two, gone)]
    claim(lake, "content", *claims)
    assert {found.scope_id for found in lake.same_content([digest, "e" * 64])} == {one.scope_id, two.scope_id}
    assert lake.same_content([]) == []


def test_the_columns_of_a_table_are_told_in_order_with_their_types(lake: Lake) -> None:
    columns = lake.columns("charges")
    assert list(columns)[:2] == ["load_id", "charge_period_start"]
    assert columns["billed_cost"] == "DECIMAL(38,18)"
    assert columns["tags"] == "MAP(VARCHAR, VARCHAR)"
    assert lake.columns("nowhere") == {}


# -- beside the lake ---------------------------------------------------------------------------------------


def test_a_statement_beside_the_lake_asks_no_catalog(lake: Lake) -> None:
    """To ask costs more CPU than the work on a small file."""
    engine = lake.engine
    engine.execute("CALL enable_logging('QueryLog', storage = 'memory')")
    try:
        engine.execute("SELECT abs(1) AS beside")
        lake.processed_keys([scope_id("beside")])
        lake.rows("SELECT abs(2) AS in_the_lake")
    finally:
        engine.execute("CALL disable_logging()")
    said = [text for (text,) in engine.execute("SELECT message FROM duckdb_logs ORDER BY timestamp").fetchall()]
    asking = [number for number, text in enumerate(said) if "ducklake_snapshot" in text]
    assert said.index("SELECT abs(1) AS beside") < said.index("SELECT abs(2) AS in_the_lake") < asking[0]
    assert engine.execute("SELECT current_setting('TimeZone')").fetchone() == ("UTC",)


def test_small_work_has_one_thread_and_all_other_work_all_of_them(tmp_path: Path) -> None:
    with Lake.open(Settings(home=tmp_path, threads=3), create=True) as lake:
        threads = "SELECT current_setting('threads')"
        assert lake.rows(threads) == [(3,)]
        lake.use_threads(one=True)
        assert lake.rows(threads) == lake.engine.execute(threads).fetchall() == [(1,)]
        lake.use_threads(one=False)
        assert lake.rows(threads) == [(3,)]
        lake.use_threads(one=True)
        lake._lost = True
        lake.reconnect_if_lost()
        assert lake.rows(threads) == [(3,)]
        lake.use_threads(one=True)
        assert lake.rows(threads) == [(1,)]
