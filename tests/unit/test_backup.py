"""What a backup believes of a manifest, a name, and PostgreSQL's programs."""

import json
from io import BytesIO
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billstream.backups import postgres_tools
from billstream.backups.manifest import MANIFESTS, Manifest, backup_ids, read_manifest, refuse_newer
from billstream.backups.places import Place, place_at
from billstream.backups.places.place import overlap, safe_name
from billstream.backups.places.streams import Checked
from billstream.common import masking
from billstream.common.errors import BillstreamError, CatalogUnavailable, DataDamaged, Misconfigured, NoRoom
from billstream.common.lake.postgres_url import read_url

ID = "20260331T120000.000000Z-0123abcd"
SHA = "0" * 64
GIVEN = {
    "format": 1,
    "backup_id": ID,
    "made_at": "2026-03-31T12:00:00Z",
    "billstream_version": "0.2.0",
    "duckdb_version": "1.5.5",
    "ducklake_format": "1.0",
    "schema_version": 1,
    "lake_id": "one",
    "snapshot_id": 7,
    "data_path": "/data/",
    "catalog_kind": "sqlite",
    "catalog": {"name": "catalogs/one.sqlite", "size_bytes": 1, "sha256": SHA},
    "files": [{"name": "main/charges/a.parquet", "size_bytes": 1, "sha256": SHA}],
}


def place_with(folder: Path, text: str) -> Place:
    place = place_at(str(folder))
    place.store(f"{MANIFESTS}{ID}.json", BytesIO(text.encode()))
    return place


def test_a_manifest_is_read_as_it_was_written(tmp_path: Path) -> None:
    place = place_with(tmp_path, json.dumps(GIVEN))
    assert backup_ids(place) == [ID]
    assert read_manifest(place, ID) == Manifest.model_validate(GIVEN)


@pytest.mark.parametrize(
    "name",
    [
        "../catalog.sqlite",
        "/etc/passwd",
        "main/../../x",
        "main//x",
        "",
        ".",
        "main/x\x00.parquet",
        "main/\x1b[2J",
        "a/",
    ],
)
@pytest.mark.parametrize("field", ["files", "catalog"])
def test_a_name_that_leads_out_of_the_backup_is_refused(tmp_path: Path, name: str, field: str) -> None:
    file = {"name": name, "size_bytes": 1, "sha256": SHA}
    place = place_with(tmp_path, json.dumps(GIVEN | {field: [file] if field == "files" else file}))
    with pytest.raises(Misconfigured, match=r"is damaged .*Nothing was changed") as refused:
        read_manifest(place, ID)
    assert "\x1b" not in str(refused.value)


NO_HASH = GIVEN | {"catalog": {"name": "catalogs/one.sqlite", "size_bytes": 1, "sha256": "x"}}


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "null", '{"format": 1}', "[" * 100_000, json.dumps(NO_HASH)],
    ids=["empty", "cut", "list", "null", "lacking", "deep", "no-hash"],
)
def test_a_damaged_manifest_is_named(tmp_path: Path, text: str) -> None:
    with pytest.raises(Misconfigured, match=rf"{ID}\.json is damaged .*Use another backup"):
        read_manifest(place_with(tmp_path, text), ID)


def test_what_a_newer_billstream_has_made_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="has format 2; this billstream reads formats up to 1"):
        read_manifest(place_with(tmp_path, json.dumps({"format": 2})), ID)
    newer = Manifest.model_validate(GIVEN | {"schema_version": 9999, "billstream_version": "9.9"})
    with pytest.raises(Misconfigured, match=r"schema version 9999, made by billstream 9\.9; .* Upgrade billstream"):
        refuse_newer(newer)


@given(st.lists(st.sampled_from(["a", "..", ".", "", "b c", "é", "\n", "main"]), max_size=5).map("/".join))
def test_a_safe_name_stays_below_its_folder(name: str) -> None:
    try:
        safe_name(name)
    except ValueError:
        return
    root = Path("/root of backups")
    inside = Path(f"{root}/{name}").resolve()
    assert inside.is_relative_to(root)
    assert inside != root


def test_places_that_lie_in_each_other_overlap(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "data")
    data = place_at(str(tmp_path / "data"))
    assert overlap(data, place_at(f"{tmp_path}/data/backup"))
    assert overlap(data, place_at(str(tmp_path)))
    assert overlap(data, place_at(f"{tmp_path}/link"))
    assert not overlap(data, place_at(f"{tmp_path}/data2"))
    assert overlap(place_at("s3://b/lake/"), place_at("s3://b/lake/backup"))
    assert overlap(place_at("s3://b"), place_at("s3://b/lake"))
    assert not overlap(place_at("s3://b/lake"), place_at("s3://b/lake2"))
    with pytest.raises(Misconfigured, match="is no place for a backup"):
        place_at("gs://b/lake")


@pytest.mark.parametrize("content", [b"abc", b"abcde", b"abcx"])
def test_what_is_not_as_it_was_written_is_not_stored(tmp_path: Path, content: bytes) -> None:
    place = place_at(str(tmp_path))
    place.store("main/x", BytesIO(b"before"))
    sha = "88d4266fd4e6338d13b845fcf289579d209c897823b9217da3e161936f031589"  # of abcd
    with pytest.raises(DataDamaged, match="source/x has"):
        place.store("main/x", Checked(BytesIO(content), "source/x", size_bytes=4, sha256=sha))
    assert place.sizes() == {"main/x": 6}
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["x"]
    place.store("main/x", Checked(BytesIO(b"abcd"), "source/x", size_bytes=4, sha256=sha))
    assert (tmp_path / "main" / "x").read_bytes() == b"abcd"


def test_a_folder_is_used_by_one_backup_at_a_time(tmp_path: Path) -> None:
    with place_at(str(tmp_path)).alone():
        with pytest.raises(Misconfigured, match="Another process"), place_at(str(tmp_path)).alone():
            pass
        (tmp_path / ".billstream-part-x").touch()
        assert place_at(str(tmp_path)).sizes() == {}
        place_at(str(tmp_path)).tidy()
        assert not (tmp_path / ".billstream-part-x").exists()


def test_no_password_is_on_a_command_line() -> None:
    url = read_url("postgresql://me:s3cret%20word@[::1]:5433/my%20lake?sslmode=require&options=-c%20a%3Db")
    address = postgres_tools._address(url)
    assert "s3cret" not in address
    assert "host=::1&port=5433&dbname=my%20lake&user=me" in address
    assert "sslmode=require" in address
    assert "options=-c%20a%3Db" in address
    assert postgres_tools._environment(url)["PGPASSWORD"] == "s3cret word"
    with pytest.raises(Misconfigured, match="sslpassword"):
        postgres_tools._address(read_url("postgresql://me@h/d?sslpassword=s3cretkey"))


@pytest.mark.parametrize(
    ("said", "kind", "words"),
    [
        ("pg_dump: error: aborting because of server version mismatch", Misconfigured, "first in PATH"),
        ("pg_restore: error: unsupported version (1.16) in file header", Misconfigured, "first in PATH"),
        ('error: could not execute query: ERROR: relation "x" already exists', Misconfigured, "createdb"),
        ("connection to server at x failed: FATAL: password authentication failed", Misconfigured, "Correct"),
        ("connection to server at x failed: Connection refused", CatalogUnavailable, "does not answer"),
        ("could not write file: No space left on device", NoRoom, "disk is full"),
        ("something new", BillstreamError, "failed: something new"),
    ],
)
def test_what_the_programs_say_becomes_a_sentence(said: str, kind: type[BillstreamError], words: str) -> None:
    error = postgres_tools._explained("pg_dump", read_url("postgresql://me:s3cret@h/d"), f"{said} s3cret")
    assert isinstance(error, kind)
    assert words in str(error)
    assert "s3cret" not in str(error)


def test_a_password_that_is_a_word_of_the_program_does_not_change_what_it_means(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(masking, "_kept", set())  # other tests may show this word
    url = read_url("postgresql://me:already%20exists@h/d")
    error = postgres_tools._explained("pg_dump", url, 'ERROR: relation "x" already exists')
    assert "createdb" in str(error)
    assert "already exists" not in str(error)


def test_a_program_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(Misconfigured, match="psql is not installed"):
        postgres_tools.has_lake(read_url("postgresql://me@h/d"))
