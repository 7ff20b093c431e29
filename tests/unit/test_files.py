"""`billstream load`: which files are meant, and how many make one commit."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, cast

import pytest

from billstream.common.errors import Fatal
from billstream.common.settings import Settings
from billstream.consumer.backfill.local_files import Loading, find_files, load_files
from billstream.consumer.commit.outcome import Outcome
from billstream.consumer.events import FILE_BUCKET, EventKind, Later, ObjectEvent

if TYPE_CHECKING:
    from billstream.consumer.intake import Intake


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("b.csv", "a.CSV", "sub/c.csv.gz", "sub/deep/d.csv", "notes.txt", ".hidden.csv"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x" * 10)
    (tmp_path / "folder.csv").mkdir()
    return tmp_path


def names(found: Sequence[Path], folder: Path) -> list[str]:
    return [str(path.relative_to(folder)) for path in found]


def test_a_folder_means_the_billing_files_below_it_in_order(folder: Path) -> None:
    found = find_files([folder], Settings())
    assert names(found, folder) == [".hidden.csv", "a.CSV", "b.csv", "sub/c.csv.gz", "sub/deep/d.csv"]
    assert all(path.is_absolute() for path in found)


def test_a_file_that_is_named_is_meant_whatever_its_name(folder: Path) -> None:
    assert names(find_files([folder / "notes.txt"], Settings()), folder) == ["notes.txt"]


def test_a_file_that_is_named_twice_is_loaded_once(folder: Path) -> None:
    (folder / "link.csv").symlink_to(folder / "b.csv")
    paths = [folder / "b.csv", folder / "sub" / ".." / "b.csv", folder / "link.csv", folder]
    assert names(find_files(paths, Settings()), folder).count("b.csv") == 1


def test_what_is_not_there_or_has_nothing_to_load_is_said(folder: Path) -> None:
    with pytest.raises(Fatal, match=r"There is no file or folder .*nowhere"):
        find_files([folder / "nowhere"], Settings())
    with pytest.raises(Fatal, match=r"No file matches BILLSTREAM_INCLUDE \(\*\.xml\)"):
        find_files([folder], Settings(include=("*.xml",)))


@dataclass
class FakeIntake:
    """Releases one file and calls the others duplicates."""

    batches: list[list[ObjectEvent]] = field(default_factory=list)

    def recover(self) -> None:
        """Nothing to bring back: there is no lake."""

    def process(self, events: Sequence[ObjectEvent]) -> list[Outcome]:
        self.batches.append(list(events))
        return [
            Outcome(event, later=Later("not there")) if event.key.endswith("b.csv") else Outcome(event)
            for event in events
        ]


@pytest.mark.parametrize(
    ("limits", "sizes"), [({}, [5]), ({"batch_files": 2}, [2, 2, 1]), ({"batch_bytes": 20}, [2, 2, 1])]
)
def test_files_are_settled_in_micro_batches_with_progress(
    folder: Path, limits: dict[str, int], sizes: list[int]
) -> None:
    intake, told = FakeIntake(), list[int]()
    settings = Settings.model_validate(limits)
    loading = load_files(find_files([folder], settings), cast("Intake", intake), settings, told.append)
    assert [len(batch) for batch in intake.batches] == told == sizes
    assert loading == Loading({"duplicate": 4, "released": 1}, 0, 0, [(str(folder / "b.csv"), "not there")])  # type: ignore[arg-type]
    events = [event for batch in intake.batches for event in batch]
    assert {(event.bucket, event.kind, event.has_identity) for event in events} == {
        (FILE_BUCKET, EventKind.CREATED, False)
    }


def test_a_file_whose_name_is_no_text_is_told_and_holds_up_no_other(folder: Path) -> None:
    (folder / os.fsdecode(b"caf\xe9.csv")).write_text("date,credits\n")
    intake, settings = FakeIntake(), Settings()
    loading = load_files(find_files([folder], settings), cast("Intake", intake), settings)
    assert len(intake.batches[0]) == 5
    (told, *_) = loading.troubles
    assert told[0].endswith(r"caf\udce9.csv'")
    assert "name is not UTF-8, so it was not loaded. Rename the file" in told[1]
