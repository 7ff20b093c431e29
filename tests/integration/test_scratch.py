"""Scratch space: nobody else's while its owner lives, and nobody's afterwards."""

import os
import shlex
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from billstream.common.errors import Misconfigured
from billstream.common.ids import new_id
from billstream.common.lake import Lake
from billstream.common.lake.local_storage import LocalStorage
from billstream.common.scratch import MARKER, MARKER_TEXT, ScratchFolder, own_folder, remove_leftovers, scratch_folder
from billstream.common.settings import Settings
from tests.faults.forks import run

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


# -- other people's files ------------------------------------------------------------------------------------

AN_ID = new_id()


def foreign(parent: Path, outside: Path) -> None:
    """Fill a folder with what is not ours, some of it with names that look like ours."""
    outside.mkdir()
    (outside / "precious").write_text("precious")
    for name in ("uv", "poetry", f"duckdb-{AN_ID}", "round-1", "commit", "a b", "Ä"):
        (parent / name).mkdir()
        (parent / name / "data").write_text(name)
        (parent / f"{name}.lock").write_text("")
    (parent / ".lock").write_text("")
    (parent / f"round-{new_id()}.lock").write_text("no folder beside it")
    (parent / "link.lock").symlink_to(outside / "precious")
    (parent / "link").symlink_to(outside)
    (parent / "hard.lock").hardlink_to(outside / "precious")
    (parent / "billstream-scratch").mkdir()
    (parent / "billstream-scratch" / f"duckdb-{new_id()}.lock").write_text("")
    (parent / "billstream-scratch-987654").mkdir()
    (parent / "billstream-scratch-987654" / MARKER).write_text(MARKER_TEXT)
    (parent / "billstream-scratch-987654" / f"duckdb-{AN_ID}.lock").write_text("of another user")


def content(*folders: Path) -> dict[str, object]:
    """Every name below the folders with its kind, mode and bytes; our own folder is left out."""
    return {
        str(path): (path.lstat().st_mode, path.lstat().st_nlink, held(path))
        for folder in folders
        for path in sorted(folder.rglob("*"))
        if not path.is_relative_to(own_folder(folder))
    }


def held(path: Path) -> object:
    if path.is_symlink():
        return path.readlink()
    return None if path.is_dir() else path.read_bytes()


COMMANDS = (
    "init",
    "load bill.csv",
    "aggregate --once",
    "rebuild",
    "sql 'SELECT 1'",
    "status",
    "verify --repair",
    "changes --since 1d",
    "quarantine list",
    "profile list",
    "settings",
    "connect",
)


def test_whatever_lies_in_the_spool_stays_as_it_is(tmp_path: Path) -> None:
    spool, outside = tmp_path / "spool", tmp_path / "outside"
    spool.mkdir()
    foreign(spool, outside)
    (tmp_path / "bill.csv").write_text("date,user,service,region,cost,currency\n2026-03-01,u,s,r,5,USD\n")
    before = content(spool, outside)

    for command in COMMANDS:
        words = [str(tmp_path / word) if word.endswith(".csv") else word for word in shlex.split(command)]
        done = run(
            tmp_path, *words, env={"BILLSTREAM_HOME": str(tmp_path / "home"), "BILLSTREAM_SPOOL_DIR": str(spool)}
        )
        assert done.code == 0, (command, done.text)
        assert content(spool, outside) == before, command
    assert left(spool) == []


def test_in_our_own_folder_only_names_of_our_own_form_are_removed(tmp_path: Path) -> None:
    ScratchFolder(tmp_path, "mine").remove()
    own, outside = own_folder(tmp_path), tmp_path / "outside"
    outside.mkdir()
    (outside / "precious").write_text("precious")
    for name in ("uv", "duckdb-1", f"duckdb-{AN_ID}x", f"Round-{AN_ID}"):
        (own / name).mkdir()
        (own / f"{name}.lock").write_text("")
    (own / f"link-{AN_ID}.lock").symlink_to(outside / "precious")
    (own / f"hard-{AN_ID}.lock").hardlink_to(outside / "precious")
    (own / f"folder-{AN_ID}.lock").write_text("")
    (own / f"folder-{AN_ID}").symlink_to(outside)
    dead = dead_folder(tmp_path)
    (dead / "link").symlink_to(outside)
    (dead / "hard").hardlink_to(outside / "precious")
    names = {path.name for path in own.iterdir()} - {dead.name, f"{dead.name}.lock"}

    remove_leftovers(tmp_path)

    assert {path.name for path in own.iterdir()} == names
    assert (outside / "precious").read_text() == "precious"


@pytest.mark.parametrize("what", ["unmarked folder", "file", "link", "of another user", "marker of other words"])
def test_something_else_with_the_name_of_our_folder_is_refused(tmp_path: Path, what: str) -> None:
    own, elsewhere = own_folder(tmp_path), tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / MARKER).write_text(MARKER_TEXT)
    if what == "file":
        own.write_text("a file")
    elif what == "link":
        own.symlink_to(elsewhere)
    else:
        own.mkdir()
        (own / "data").write_text("precious")
    if what == "of another user":
        (own / MARKER).write_text(MARKER_TEXT)
        os.chown(own, 65534, 65534)
    if what == "marker of other words":
        (own / MARKER).write_text("Signature: 8a477f597d28d172789f06886806bc55")
    before = sorted(tmp_path.rglob("*"))

    remove_leftovers(tmp_path)
    with pytest.raises(Misconfigured, match="was not made by billstream"):
        ScratchFolder(tmp_path, "round")

    assert sorted(tmp_path.rglob("*")) == before


def test_our_folder_is_marked_again_after_a_cleaner_has_emptied_it(tmp_path: Path) -> None:
    own_folder(tmp_path).mkdir()
    ScratchFolder(tmp_path, "round").remove()
    assert (own_folder(tmp_path) / MARKER).read_text() == MARKER_TEXT


def test_many_processes_make_the_folder_at_once(tmp_path: Path) -> None:
    with ThreadPoolExecutor(16) as pool:
        folders = list(pool.map(lambda _: ScratchFolder(tmp_path, "round"), range(16)))
    assert len({folder.path for folder in folders}) == 16
    assert [path.name for path in tmp_path.iterdir()] == [own_folder(tmp_path).name]
    for folder in folders:
        folder.remove()
    assert left(tmp_path) == []
