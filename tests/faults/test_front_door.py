"""The front door: each folder that cannot be used is one sentence, in each command; and nobody else reads the lake."""

import os
import stat
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from billstream.common.exits import ExitCode
from billstream.common.lake import Lake
from billstream.common.settings import Settings
from tests.faults.forks import Done, run
from tests.servers.disks import small_disk

BILL = "date,user,service,region,cost,currency\n2026-03-01,u,s,r,5,USD\n"

NOBODY = 65534

VARIABLES = {
    "home": "BILLSTREAM_HOME",
    "catalog": "BILLSTREAM_CATALOG",
    "data": "BILLSTREAM_DATA_PATH",
    "spool": "BILLSTREAM_SPOOL_DIR",
    "insights": "BILLSTREAM_INSIGHTS_DIR",
    "profiles": "BILLSTREAM_PROFILES_DIR",
    "exports": "BILLSTREAM_EXPORTS_DIR",
}
"""The places that the settings name."""

WRITERS = {
    "init": ("home", "catalog", "data", "spool"),
    "load": ("home", "catalog", "data", "spool", "profiles", "exports"),
    "consume": ("home", "catalog", "data", "spool"),
    "aggregate --once": ("home", "catalog", "data", "spool", "insights"),
    "rebuild": ("home", "catalog", "data", "spool", "insights"),
    "sweep": ("home", "catalog", "data", "spool"),
    "verify --repair": ("home", "catalog", "data", "spool"),
}
"""Commands that write, and the places without which they cannot."""

READERS = ("sql 'SELECT count(*) FROM charges'", "status", "verify", "changes --since 1d", "quarantine list")
"""Commands that may succeed where a place can be read and not written."""


def a_file(folder: Path) -> Path:
    (folder / "file").write_text("in the way")
    return folder / "file"


def below_a_file(folder: Path) -> Path:
    return a_file(folder) / "below"


def a_loop(folder: Path) -> Path:
    (folder / "loop").symlink_to(folder / "loop")
    return folder / "loop" / "below"


def a_dangling_link(folder: Path) -> Path:
    (folder / "dangling").symlink_to(folder / "nowhere" / "at" / "all")
    return folder / "dangling"


def a_long_name(folder: Path) -> Path:
    return folder / ("x" * 300)


def where_nothing_can_be_made(_: Path) -> Path:
    return Path("/proc/billstream")


def of_another(folder: Path) -> Path:
    """A new volume, as containers get it."""
    made = folder / "volume"
    made.mkdir(mode=0o755)
    os.chown(made, NOBODY, NOBODY)
    return made


def closed(folder: Path) -> Path:
    """A folder that this user may not even enter."""
    made = folder / "closed"
    made.mkdir(mode=0o700)
    os.chown(made, NOBODY, NOBODY)
    return made / "below"


KINDS = {
    "file": a_file,
    "below a file": below_a_file,
    "loop": a_loop,
    "dangling": a_dangling_link,
    "long": a_long_name,
    "nowhere": where_nothing_can_be_made,
    "of another": of_another,
    "closed": closed,
}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A lake with one file; and a bill to load."""
    if os.geteuid() != 0:
        pytest.skip("only root may give folders to another user")
    folder = tmp_path_factory.mktemp("site")
    (folder / "bill.csv").write_text(BILL)
    loaded = run(folder, "load", str(folder / "bill.csv"), ordinary=True, env={"BILLSTREAM_HOME": str(folder / "home")})
    assert loaded.code == 0, loaded.text
    return folder


def words(command: str, site: Path) -> list[str]:
    if command == "load":
        return ["load", str(site / "bill.csv")]
    name, _, rest = command.partition(" ")
    return [name, *([rest.strip("'")] if name == "sql" else rest.split())]


def environment(site: Path, place: str, broken: Path) -> dict[str, str]:
    at = broken / "catalog.sqlite" if place == "catalog" else broken
    return {"BILLSTREAM_HOME": str(site / "home"), VARIABLES[place]: str(at), "BILLSTREAM_LOG_LEVEL": "error"}


def is_one_sentence(done: Done) -> None:
    assert "Traceback" not in done.text
    told = [line for line in done.err.splitlines() if line.startswith("billstream: ")]
    assert len(told) == 1, done.text


def some(commands: Sequence[str], kind: str) -> list[str]:
    """Two of the commands, others for each kind, so that the kinds together walk all of them."""
    number = 2 * list(KINDS).index(kind)
    return [commands[(number + more) % len(commands)] for more in range(min(2, len(commands)))]


@pytest.mark.parametrize("kind", list(KINDS))
@pytest.mark.parametrize("place", list(VARIABLES))
def test_a_place_that_cannot_be_used_is_named_with_reason_and_remedy(
    site: Path, tmp_path: Path, place: str, kind: str
) -> None:
    broken = KINDS[kind](tmp_path)
    if kind == "of another" and place in {"profiles", "exports"}:
        pytest.skip("they are only read")
    for command in some([name for name, places in WRITERS.items() if place in places], kind):
        done = run(tmp_path, *words(command, site), ordinary=True, env=environment(site, place, broken))
        assert done.code == ExitCode.CONFIGURATION, (command, done)
        is_one_sentence(done)
        assert str(broken)[:200] in done.err, command
        # Where nothing says that there is a lake, the next step is `init`, which tells the rest.
        advice = (VARIABLES[place], "Run `billstream init`") if command != "init" else (VARIABLES[place],)
        assert place == "home" or any(words in done.err for words in advice), (command, done.err)


@pytest.mark.parametrize("kind", list(KINDS))
@pytest.mark.parametrize("place", ["home", "catalog", "data", "spool"])
def test_a_command_that_reads_works_or_names_the_place(site: Path, tmp_path: Path, place: str, kind: str) -> None:
    broken = KINDS[kind](tmp_path)
    for command in some(READERS, kind):
        done = run(tmp_path, *words(command, site), ordinary=True, env=environment(site, place, broken))
        assert "Traceback" not in done.text, command
        if command == "status":
            assert done.code == ExitCode.TROUBLE, done
            assert "\nlake " in done.out
        else:
            assert done.code in {ExitCode.OK, ExitCode.CONFIGURATION}, (command, done)
        if done.code:
            assert str(broken)[:60] in done.text.replace("\n", ""), (command, done)


@contextmanager
def read_only(folder: Path) -> Iterator[None]:
    """Mount a folder over itself, read-only."""
    for options in (["--bind", str(folder), str(folder)], ["-o", "remount,ro,bind", str(folder)]):
        done = subprocess.run(["mount", *options], capture_output=True, text=True, check=False)  # noqa: S607 - the system's own
        if done.returncode:
            pytest.skip(f"nothing can be mounted here: {done.stderr.strip()}")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)  # noqa: S607 - as above


@pytest.mark.parametrize("place", ["home", "catalog", "data", "spool", "insights"])
def test_a_read_only_mount_is_named(site: Path, tmp_path: Path, place: str) -> None:
    (tmp_path / "mounted").mkdir()
    with read_only(tmp_path / "mounted"):
        for command in some([name for name, places in WRITERS.items() if place in places], "closed"):
            done = run(tmp_path, *words(command, site), env=environment(site, place, tmp_path / "mounted"))
            assert done.code == ExitCode.CONFIGURATION, (command, done)
            is_one_sentence(done)
            assert "Read-only file system" in done.err or "Run `billstream init`" in done.err, command


@pytest.mark.parametrize("place", ["home", "catalog", "spool"])
def test_a_full_disk_is_a_reason_to_try_again(
    site: Path, tmp_path: Path, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("billstream.cli.opening.retries.patiently", lambda call, **_: call())
    with small_disk(tmp_path / "full", megabytes=1) as disk:
        disk.fill()
        done = run(tmp_path, "load", str(site / "bill.csv"), env=environment(site, place, disk.folder))
        assert done.code == ExitCode.TRY_AGAIN, done
        is_one_sentence(done)
        assert "disk is full" in done.err


def test_a_catalog_in_a_folder_that_can_hold_no_lock_ends_at_once(site: Path, tmp_path: Path) -> None:
    """Its name has room for the file and not for the lock beside it."""
    catalog = tmp_path / f"{'c' * 244}.sqlite"
    done = run(tmp_path, "init", env={"BILLSTREAM_HOME": str(site / "home"), "BILLSTREAM_CATALOG": str(catalog)})
    assert done.code == ExitCode.CONFIGURATION, done
    assert "File name too long" in done.err
    assert not catalog.exists()


def test_a_folder_in_place_of_the_catalog_is_named(site: Path, tmp_path: Path) -> None:
    for command in ("init", "consume", "verify"):
        done = run(
            tmp_path,
            *words(command, site),
            env={"BILLSTREAM_HOME": str(site / "home"), "BILLSTREAM_CATALOG": str(tmp_path)},
        )
        assert done.code == ExitCode.CONFIGURATION, (command, done)
        is_one_sentence(done)
        assert f"{tmp_path}: Is a directory" in done.err, command


# -- who may read what is written ----------------------------------------------------------------------------

PUBLISHED = {"owner": (0o700, 0o600), "group": (0o750, 0o640), "everyone": (0o755, 0o644)}


@pytest.mark.parametrize(("umask", "readers"), list(zip([0o022, 0o077, 0o002], PUBLISHED, strict=True)))
def test_only_the_insights_are_readable_by_others(site: Path, tmp_path: Path, umask: int, readers: str) -> None:
    home = tmp_path / "new" / "home"
    for command in ("load", "aggregate --once"):
        done = run(
            tmp_path,
            *words(command, site),
            umask=umask,
            env={"BILLSTREAM_HOME": str(home), "BILLSTREAM_INSIGHTS_READERS": readers},
        )
        assert done.code == 0, done.text
    with Lake.open(Settings(home=home, threads=1)) as lake:
        # Meanwhile SQLite's own files are there, and a scratch folder.
        lake.run("BEGIN TRANSACTION")
        lake.rows("FROM charges")
        found = {str(path.relative_to(tmp_path)): path.lstat().st_mode for path in (tmp_path / "new").rglob("*")}
    expected = {
        name: (0o700 if stat.S_ISDIR(mode) else 0o600)
        if "/." in name or not name.startswith("new/home/insights")
        else PUBLISHED[readers][0 if stat.S_ISDIR(mode) else 1]
        for name, mode in found.items()
    }
    assert {name: oct(stat.S_IMODE(mode)) for name, mode in found.items()} == {
        name: oct(mode) for name, mode in expected.items()
    }
    names = " ".join(found)
    for part in (
        "catalog.sqlite-wal",
        "catalog.sqlite-shm",
        "catalog.sqlite.lock",
        "catalog.sqlite.readers",
        "main/charges/",
        "/duckdb-",
        "dashboard.html",
    ):
        assert part in names
    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o700
