"""A file's stamp tells whether the file was written since."""

from pathlib import Path

import pytest

from billstream.common.file_stamp import HIDDEN, FileStamp


def test_a_file_that_is_written_or_replaced_has_another_stamp(tmp_path: Path) -> None:
    path = tmp_path / "file"
    stamps = [FileStamp.of(path)]
    path.write_text("a")
    stamps.append(FileStamp.of(path))
    assert FileStamp.of(path) == stamps[-1]
    path.write_text("ab")
    stamps.append(FileStamp.of(path))
    (tmp_path / "other").write_text("xy")
    (tmp_path / "other").replace(path)
    stamps.append(FileStamp.of(path))
    assert stamps[0] is None
    assert len(set(stamps)) == len(stamps)


def test_a_file_that_may_not_be_seen_is_told_from_one_that_is_not_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def denied(_: Path) -> None:
        raise PermissionError

    (tmp_path / "file").touch()
    assert FileStamp.of(tmp_path / "file" / "below") is None
    monkeypatch.setattr(Path, "stat", denied)
    assert FileStamp.of(tmp_path / "file") == HIDDEN
