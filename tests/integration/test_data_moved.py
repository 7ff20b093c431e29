"""The files of a lake are moved to another data path, and the catalog learns it by one command."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from pydantic import SecretStr

from billstream.common.errors import Fatal
from billstream.common.lake import Lake
from billstream.common.lake.moved import record_moved_data
from billstream.common.settings import Settings
from tests.e2e.commands import Billstream
from tests.integration.lake_support import charge
from tests.servers.aws import AwsEnvironment

Place = Callable[[str], Settings]


@pytest.fixture(params=["sqlite", "postgres"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """The settings of one lake, with its data in a folder of this name."""
    url = request.getfixturevalue("postgres_url") if request.param == "postgres" else str(tmp_path / "catalog.sqlite")
    return lambda name: Settings(home=tmp_path, catalog=SecretStr(url), data_path=str(tmp_path / name), threads=1)


def make(settings: Settings) -> None:
    with Lake.open(settings, create=True) as lake:
        lake.commit(charge("one"), claims=[], author="me", message="test")
        lake.commit(charge("two"), claims=[], author="me", message="test")
        lake.commit(
            lambda con: con.execute("DELETE FROM charges WHERE load_id = 'one'"), claims=[], author="me", message="test"
        )


def loads(settings: Settings) -> list[tuple[str]]:
    with Lake.open(settings) as lake:
        return lake.rows("SELECT load_id FROM charges")


def test_a_lake_is_opened_under_the_path_that_its_files_were_moved_to(place: Place, tmp_path: Path) -> None:
    make(place("old"))
    shutil.move(tmp_path / "old", tmp_path / "new")
    with pytest.raises(Fatal) as refused:
        Lake.open(place("new"))
    assert f"has its files at {tmp_path}/old/, and the data path is set to {tmp_path}/new/" in str(refused.value)
    assert "`billstream relocate`" in str(refused.value)
    assert "OVERRIDE" not in str(refused.value)

    record_moved_data(place("new"))

    assert loads(place("new")) == [("two",)]
    with pytest.raises(Fatal, match=r"has its files at .*/new/"):
        Lake.open(place("old"))


def test_nothing_is_changed_unless_all_files_are_there(place: Place, tmp_path: Path) -> None:
    make(place("old"))
    shutil.copytree(tmp_path / "old", tmp_path / "new")
    lost = min((tmp_path / "new" / "main" / "charges").glob("*.parquet"))
    lost.unlink()

    with pytest.raises(
        Fatal, match=rf"1 of \d+ files of the lake are not at .*/new/, such as main/charges/{lost.name}"
    ):
        record_moved_data(place("new"))
    with pytest.raises(Fatal, match=r"files of the lake are not at .*/empty/"):
        record_moved_data(place("empty"))

    assert loads(place("old")) == [("two",)]
    assert not (tmp_path / "empty").exists()


def test_a_place_without_a_lake_has_nothing_to_record(tmp_path: Path) -> None:
    with pytest.raises(Fatal, match="There is no billstream lake"):
        record_moved_data(Settings(home=tmp_path))
    assert not (tmp_path / "catalog.sqlite").exists()


@pytest.mark.parametrize("aws", ["ministack"], indirect=True)
def test_a_lake_moves_to_s3_by_the_command(
    tmp_path: Path, postgres_url: str, aws: AwsEnvironment, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in aws.environment().items():
        monkeypatch.setenv(name, value)
    bucket = aws.new_bucket()
    old = Settings(home=tmp_path, catalog=SecretStr(postgres_url), threads=1)
    new = old.model_copy(update={"data_path": f"s3://{bucket}/lake/"})
    make(old)
    with pytest.raises(Fatal, match="files of the lake are not at s3://"):
        record_moved_data(new)
    for path in (tmp_path / "data").rglob("*.parquet"):
        aws.s3.upload_file(str(path), bucket, f"lake/{path.relative_to(tmp_path / 'data')}")
    there = {"BILLSTREAM_CATALOG": postgres_url, "BILLSTREAM_DATA_PATH": f"s3://{bucket}/lake/"}

    said = Billstream(tmp_path, {**aws.environment(), **there}).run("init", "--data-moved")

    assert f"data in s3://{bucket}/lake/" in said
    assert loads(new) == [("two",)]
