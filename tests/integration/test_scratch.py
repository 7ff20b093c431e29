"""Scratch space: nobody else's while its owner lives, and nobody's afterwards."""

import subprocess
import sys
from pathlib import Path

from billstream.common.lake import Lake
from billstream.common.lake.storage import LocalStorage
from billstream.common.scratch import MARKER, ScratchFolder, own_folder, remove_leftovers, scratch_folder
from billstream.common.settings import Settings

# It ends without tidying up, as a process does that is killed.
DIE = """
import os, pathlib, sys
from billstream.common.scratch import ScratchFolder
scratch = ScratchFolder(pathlib.Path(sys.argv[1]), "dead")
print(scratch.path, flush=True)
sys.stdin.readline()
os._exit(1)
"""


def left(parent: Path) -> list[Path]:
    """What is in our own folder, beside its marker."""
    return [path for path in own_folder(parent).iterdir() if path.name != MARKER]


def dead_folder(parent: Path, *, then: str = "die\n") -> Path:
    with subprocess.Popen(
        [sys.executable, "-c", DIE, str(parent)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        folder = Path(process.stdout.readline().strip())
        remove_leftovers(parent)
        assert folder.is_dir(), "its owner still lives"
        process.communicate(then)
    assert folder.is_dir()
    return folder


def test_what_a_dead_process_left_is_removed_and_what_a_living_one_has_is_not(tmp_path: Path) -> None:
    mine = ScratchFolder(tmp_path, "mine")
    dead = dead_folder(tmp_path)

    remove_leftovers(tmp_path)

    assert not dead.exists()
    assert mine.path.is_dir()
    mine.remove()
    assert left(tmp_path) == []
    mine.remove()


def test_what_lies_in_the_spool_without_a_lock_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "of somebody").mkdir()

    remove_leftovers(tmp_path)

    assert [path.name for path in tmp_path.iterdir()] == ["of somebody"]


def test_a_folder_lasts_as_long_as_its_context(tmp_path: Path) -> None:
    with scratch_folder(tmp_path, "round") as folder:
        (folder / "file").write_text("text")
        assert len(left(tmp_path)) == 2  # with its lock

    assert left(tmp_path) == []


def test_each_engine_spills_into_a_folder_of_its_own(tmp_path: Path) -> None:
    """Two that share one read each other's bytes: DuckDB names what it spills alike in every process."""
    settings = Settings(home=tmp_path, threads=1)
    with Lake.open(settings, create=True) as one, Lake.open(settings) as other:
        folders = [lake.rows("SELECT current_setting('temp_directory')")[0][0] for lake in (one, other)]
        assert folders == [str(one.scratch), str(other.scratch)]
        assert len(set(folders)) == 2
    assert left(settings.spool) == []


def test_what_a_process_kept_that_died_in_a_commit_is_put_back(tmp_path: Path) -> None:
    storage = LocalStorage(tmp_path)
    lost, there = (tmp_path / "main" / "charges" / f"ducklake-{name}.parquet" for name in ("lost", "there"))
    lost.parent.mkdir(parents=True)
    dead = dead_folder(tmp_path / "sealed")
    (dead / "main" / "charges").mkdir(parents=True)
    (dead / "main" / "charges" / lost.name).write_text("lost")
    (dead / "main" / "charges" / there.name).write_text("kept")
    there.write_text("there")

    storage.prepare(None)  # type: ignore[arg-type] # it needs no connection

    assert lost.read_text() == "lost"
    assert there.read_text() == "there"
    assert left(tmp_path / "sealed") == []
