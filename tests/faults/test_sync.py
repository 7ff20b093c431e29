"""What a commit names is on the disk before the catalog names it, as the system calls of a real process show."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.billing import billing_file
from tests.e2e.commands import REPOSITORY, SECONDS, Billstream

CALL = re.compile(
    r"(?:fsync|fdatasync)\(\d+<(?P<synced>[^>]*)>"
    r"|openat\(AT_FDCWD<[^>]*>, \"(?P<opened>[^\"]*)\", (?P<flags>\S+)"
)


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed, which shows the system calls")
def test_staged_and_deleted_rows_are_synced_with_their_folders_before_the_catalog_commits(tmp_path: Path) -> None:
    billstream = Billstream(tmp_path / "home", {"BILLSTREAM_LOG_LEVEL": "error"})
    file = tmp_path / "a.csv"
    file.write_bytes(billing_file("a.csv", seed=1).body)
    billstream.run("init")
    for seed in (1, 2):  # the second time the rows of the first are deleted, of which DuckLake writes a file
        file.write_bytes(billing_file("a.csv", seed=seed).body + billing_file("a.csv", seed=7).lines[0].encode())
        calls = tmp_path / f"calls{seed}"
        traced = ["strace", "-f", "-y", "-e", "trace=openat,fsync,fdatasync", "-o", str(calls)]
        subprocess.run(
            [*traced, sys.executable, "-m", "billstream.cli.main", "load", str(file)],
            env=billstream.env(),
            cwd=REPOSITORY,
            timeout=SECONDS,
            capture_output=True,
            check=True,
        )
        _synced_in_order(calls.read_text(), tmp_path / "home" / "data")


def _synced_in_order(calls: str, data: Path) -> None:
    found = [match for line in calls.splitlines() if (match := CALL.search(line))]
    written = [
        place
        for place, match in enumerate(found)
        if (match["opened"] or "").startswith(f"{data}/main/") and "O_CREAT" in match["flags"]  # no probe
    ]
    assert written, "no data file was written"
    for place in written:
        path = found[place]["opened"]
        synced = {match["synced"]: number for number, match in reversed(list(enumerate(found))) if number > place}
        assert path in synced, f"{path} is not synced"
        folders = [str(folder) for folder in Path(path).parents if folder.is_relative_to(data)]
        assert set(folders) <= synced.keys(), f"a folder of {path} is not synced"
        catalog = [
            number
            for number, match in enumerate(found)
            if number > place and "catalog.sqlite" in (match["synced"] or "")
        ]
        assert catalog, "the catalog has not committed"
        assert max(synced[name] for name in [path, *folders]) < catalog[0], f"{path} is synced after the commit"
