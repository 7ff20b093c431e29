"""The folder of a demo: created anew each time, and never in place of anybody's files."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from billstream.common.errors import Fatal

MARKER = ".billstream-demo"
MARKER_TEXT = "A `billstream demo` made this folder; the next one removes it with all that is in it.\n"


@contextmanager
def demo_folder(home: Path) -> Iterator[Path]:
    """Own `demo` under `home` for the length of the block. It is empty at first, and stays when the block ends.

    Raises:
        Fatal: another demo runs there, or the folder holds something that was not made by a demo.
    """
    home = home.absolute()
    home.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(home / "demo.lock", timeout=0):
            yield _afresh(home / "demo")
    except Timeout:
        raise Fatal(f"Another demo is running under {home}. Stop it first, or set another BILLSTREAM_HOME.") from None


def _afresh(folder: Path) -> Path:
    if folder.is_symlink() or (folder.exists() and not _ours(folder)):
        raise Fatal(
            f"{folder} was not made by a demo, so it is left as it is. Move it, or set another BILLSTREAM_HOME."
        )
    if folder.exists():
        shutil.rmtree(folder)
    folder.mkdir()
    (folder / MARKER).write_text(MARKER_TEXT, "utf-8")
    return folder


def _ours(folder: Path) -> bool:
    return folder.is_dir() and ((folder / MARKER).is_file() or not any(folder.iterdir()))
