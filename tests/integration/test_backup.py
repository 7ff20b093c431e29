"""A lake is saved and restored, in this process: what is copied, what is refused, what a fault leaves."""

import json
import re
import sqlite3
from contextlib import closing
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from billstream.backups import saving
from billstream.backups.copying import Wanted, Way
from billstream.backups.manifest import MANIFESTS, Kind, SavedFile, backup_ids, read_manifest
from billstream.backups.places import place_at
from billstream.backups.places.streams import Checked
from billstream.backups.restoring import restore
from billstream.backups.saving import save
from billstream.common.errors import DataDamaged, Misconfigured
from billstream.common.lake import Lake
from billstream.common.lake.copying import CatalogFacts, NamedFile
from billstream.common.settings import Settings
from tests.integration.lake_support import charge, line
from tests.servers.aws import AwsEnvironment


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A lake with data files, deleted rows and rows in the catalog; nobody has it open."""
    made = Settings(home=tmp_path_factory.mktemp("it's a lake"), threads=1)
    with Lake.open(made, create=True) as lake:
        add(lake, "one", "two", "three")
        delete = "DELETE FROM charges WHERE load_id = 'two'"
        lake.commit(lambda con: con.execute(delete), claims=[], author="me", message="test")
    return made


def add(lake: Lake, *loads: str) -> None:
    for load in loads:
        lake.commit(charge(load), claims=[], author="me", message="test")
        lake.commit(line(load), claims=[], author="me", message="test")


def there(folder: Path) -> Settings:
    return Settings(home=folder, threads=1)


def content(settings: Settings) -> list[tuple[Any, ...]]:
    with Lake.open(settings, read_only=True) as lake:
        return lake.rows("SELECT 'c', load_id FROM charges UNION ALL SELECT 'l', key FROM ledger ORDER BY ALL")


def test_each_backup_copies_what_is_new_and_is_restored_as_it_was(settings: Settings, tmp_path: Path) -> None:
    place = tmp_path / "backups; of 'mine' é"
    first = save(settings, str(place))
    before = content(settings)
    assert first.copied_files == len(first.manifest.files) >= 3
    assert save(settings, str(place)).copied_files == 0

    with Lake.open(settings) as lake:
        add(lake, "four")
    third = save(settings, str(place), keep=2)
    assert third.copied_files == 1
    assert third.dropped == (first.manifest.backup_id,)
    assert len(backup_ids(place_at(str(place)))) == 2

    # The newest, and an older one, each as it was.
    assert restore(there(tmp_path / "new"), str(place)).kept_files == 0
    assert content(there(tmp_path / "new")) == content(settings) != before
    older = backup_ids(place_at(str(place)))[1]
    restore(there(tmp_path / "old"), str(place), at=older)
    assert content(there(tmp_path / "old")) == before
    assert list((tmp_path / "old").glob(".*")) == [], "no temporary file stays"
    with closing(sqlite3.connect(tmp_path / "old" / "catalog.sqlite")) as catalog:
        assert catalog.execute("PRAGMA journal_mode").fetchone() == ("wal",)

    # It is a lake like any other.
    with Lake.open(there(tmp_path / "old")) as lake:
        add(lake, "five")
    assert ("c", "five") in content(there(tmp_path / "old"))

    # Never over a lake; but its data is taken as it is when only the catalog was lost.
    with pytest.raises(Misconfigured, match=r"There is a lake at .* already"):
        restore(there(tmp_path / "old"), str(place))
    (tmp_path / "new" / "catalog.sqlite").unlink()
    again = restore(there(tmp_path / "new"), str(place))
    assert again.kept_files == len(again.manifest.files)
    assert content(there(tmp_path / "new")) == content(settings)


def test_a_backup_that_does_not_fit_is_refused(settings: Settings, tmp_path: Path) -> None:
    place = str(tmp_path / "b")
    made = save(settings, place).manifest
    path = tmp_path / "b" / MANIFESTS / f"{made.backup_id}.json"
    good = json.loads(path.read_text())

    postgres = Settings(home=tmp_path / "x", catalog=SecretStr("postgresql://me@nowhere/db"))
    with pytest.raises(Misconfigured, match=r"a catalog of an SQLite file, and .* names a PostgreSQL database"):
        restore(postgres, place)
    with pytest.raises(Misconfigured, match="lies in the backup"):
        restore(there(tmp_path / "b"), place)
    with pytest.raises(Misconfigured, match=r"No backups .* begin with '1999'"):
        restore(there(tmp_path / "x"), place, at="1999")
    with pytest.raises(Misconfigured, match="There is no complete backup"):
        restore(there(tmp_path / "x"), str(tmp_path / "empty"))
    path.write_text(json.dumps(good | {"schema_version": 9999}))
    with pytest.raises(Misconfigured, match="schema version 9999"):
        restore(there(tmp_path / "x"), place)
    path.write_text(json.dumps(good))

    # A file of the backup has rotted, or is gone: there is no lake then.
    victim = tmp_path / "b" / "data" / good["files"][0]["name"]
    kept = victim.read_bytes()
    victim.write_bytes(bytes([kept[0] ^ 1]) + kept[1:])
    with pytest.raises(DataDamaged, match=re.escape(str(victim))):
        restore(there(tmp_path / "x"), place)
    victim.unlink()
    with pytest.raises(DataDamaged, match="has no file"):
        restore(there(tmp_path / "x"), place)
    assert not (tmp_path / "x" / "catalog.sqlite").exists()
    # The same again goes on, and another backup copies what is missing.
    assert save(settings, place).copied_files == 1
    assert restore(there(tmp_path / "x"), place).kept_files > 0

    # A file of another size stands in the way.
    stranger = tmp_path / "y" / "data" / good["files"][0]["name"]
    stranger.parent.mkdir(parents=True)
    stranger.write_bytes(b"mine")
    with pytest.raises(Misconfigured, match="1 files of other sizes"):
        restore(there(tmp_path / "y"), place)
    assert stranger.read_bytes() == b"mine"


def test_a_place_of_others_is_left_as_it_is(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "holiday.jpg").write_text("mine")
    with pytest.raises(Misconfigured, match="has files, and none of them is a backup"):
        save(settings, str(tmp_path))
    assert (tmp_path / "data" / "holiday.jpg").read_text() == "mine"
    with pytest.raises(Misconfigured, match="would lie in the lake's data path"):
        save(settings, f"{settings.data_location}/backup")
    with pytest.raises(Misconfigured, match="There is no billstream lake"):
        save(there(tmp_path / "nothing"), str(tmp_path / "b"))
    save(settings, str(tmp_path / "b"))
    (tmp_path / "b" / saving.MARKER).write_text("another\n")
    with pytest.raises(Misconfigured, match="has backups of another lake"):
        save(settings, str(tmp_path / "b"))


def test_a_file_that_upkeep_removes_meanwhile_begins_it_again(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = saving._copy_catalog
    asked = 0

    def first_names_one_more(settings: Settings, target: Path) -> tuple[Kind, CatalogFacts]:
        nonlocal asked
        asked += 1
        kind, facts = real(settings, target)
        removed = NamedFile("main/charges/merged-away.parquet", 10)
        return kind, replace(facts, files=(*facts.files, removed)) if asked == 1 else facts

    monkeypatch.setattr(saving, "_copy_catalog", first_names_one_more)
    made = save(settings, str(tmp_path / "b"))
    assert asked == 2
    assert "merged-away" not in made.manifest.model_dump_json()

    # One that the catalog still names is lost.
    lost = next(Path(settings.data_location).rglob("*.parquet"))
    lost.rename(tmp_path / "kept")
    try:
        with pytest.raises(DataDamaged, match=rf"{lost.name} is lost"):
            save(settings, str(tmp_path / "c"))
        assert backup_ids(place_at(str(tmp_path / "c"))) == []
    finally:
        (tmp_path / "kept").rename(lost)


@pytest.mark.parametrize("aws", ["ministack"], indirect=True)
def test_a_bucket_is_a_place_like_a_folder(
    settings: Settings, aws: AwsEnvironment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in aws.environment().items():
        monkeypatch.setenv(name, value)
    bucket = aws.new_bucket()
    place = place_at(f"s3://{bucket}/deep/er")
    big = bytes(range(256)) * 40_000  # more than one part
    place.store("main/it's é.bin", BytesIO(big))
    with place.open("main/it's é.bin") as stream:
        assert stream.read() == big
    assert place.sizes("main/") == {"main/it's é.bin": len(big)}
    with pytest.raises(DataDamaged):  # found out at its end, after some parts were sent
        place.store("main/wrong", Checked(BytesIO(big), "it", size_bytes=len(big), sha256="0" * 64))
    with pytest.raises(FileNotFoundError), place.open("main/wrong"):
        pass
    place.remove("main/it's é.bin")
    assert place.sizes() == {}
    with pytest.raises(Misconfigured, match=r"there is no bucket nowhere-at-all"):
        save(settings, "s3://nowhere-at-all/b")

    made = save(settings, f"s3://{bucket}/b")
    assert save(settings, f"s3://{bucket}/b", keep=1).copied_files == 0
    assert len(backup_ids(place_at(f"s3://{bucket}/b/"))) == 1
    restore(there(tmp_path), f"s3://{bucket}/b/")
    assert content(there(tmp_path)) == content(settings)
    assert read_manifest(place_at(f"s3://{bucket}/b"), backup_ids(place_at(f"s3://{bucket}/b"))[0]).files == (
        made.manifest.files
    )


def test_a_note_of_a_killed_backup_spares_its_copies(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(saving, "NOTE_SECONDS", 0.0)

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(saving, "_complete", killed)
        with pytest.raises(KeyboardInterrupt):
            save(settings, str(tmp_path / "b"))
    carried: list[str] = []
    carry = Way.carry

    def told(way: Way, file: Wanted, *, to: str | None = None) -> SavedFile:
        carried.append(file.name)
        return carry(way, file, to=to)

    monkeypatch.setattr(Way, "carry", told)
    made = save(settings, str(tmp_path / "b"))
    assert made.copied_files == 0
    assert len(carried) == 1, "the catalog alone"
    restore(there(tmp_path / "x"), str(tmp_path / "b"))
    assert content(there(tmp_path / "x")) == content(settings)
