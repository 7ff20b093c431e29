"""Copy files from one place to another, several at a time, each checked on its way."""

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from dataclasses import dataclass

from billstream.backups.manifest import SavedFile
from billstream.backups.places import Place
from billstream.backups.places.streams import Checked
from billstream.common import retries

COPIES_AT_ONCE = 8
ROUND = 4 * COPIES_AT_ONCE
Progress = Callable[[int], None]
"""Called with the number of files that are in place, whenever some more are."""


class GoneError(Exception):
    """A file is not where it was to be copied from; `str(error)` is its name."""


@dataclass(frozen=True)
class Wanted:
    """A file to copy: its name, its size in bytes, and its SHA-256 if it is known."""

    name: str
    size_bytes: int
    sha256: str | None = None


@dataclass(frozen=True)
class Way:
    """From where to where files are copied; `source_below` and `target_below` stand before their names there."""

    source: Place
    target: Place
    source_below: str = ""
    target_below: str = ""

    def carry(self, file: Wanted, *, to: str | None = None) -> SavedFile:
        """Copy a file; `to` is another name for it at the target.

        Raises:
            GoneError: it is not there.
            DataDamaged: it has not the size, or not the hash, that it should have; nothing was stored.
            Retryable, Fatal: see `Place`.
        """
        name = to or file.name

        def once() -> SavedFile:
            with self.source.open(f"{self.source_below}{file.name}") as stream:
                where = f"{self.source.location}{self.source_below}{file.name}"
                checked = Checked(stream, where, size_bytes=file.size_bytes, sha256=file.sha256)
                self.target.store(f"{self.target_below}{name}", checked)
                return SavedFile(name=name, size_bytes=file.size_bytes, sha256=checked.sha256)

        try:
            return retries.patiently(once)
        except FileNotFoundError as error:
            raise GoneError(file.name) from error


def carry_all(
    way: Way, files: Iterable[Wanted], done: dict[str, SavedFile], often: Callable[[], None], progress: Progress
) -> None:
    """Copy files; the first failure ends it, after the copies that have begun.

    Args:
        way: from where to where.
        files: what to copy.
        done: gets each file that was copied, by name.
        often: called after every few files.
        progress: called with the number of files in `done`.

    Raises:
        GoneError, DataDamaged, Retryable, Fatal: see `Way.carry`.
    """
    waiting = list(files)
    progress(len(done))
    with ThreadPoolExecutor(COPIES_AT_ONCE) as pool:
        # In rounds, so that `done` is written by this thread alone.
        for start in range(0, len(waiting), ROUND):
            copies = [pool.submit(way.carry, file) for file in waiting[start : start + ROUND]]
            for copy in wait(copies, return_when=FIRST_EXCEPTION).not_done:
                copy.cancel()
            for copy in copies:
                if not copy.cancelled():
                    saved = copy.result()
                    done[saved.name] = saved
            progress(len(done))
            often()


def unchanged(
    wanted: Iterable[Wanted], known: Mapping[str, SavedFile], sizes: Mapping[str, int]
) -> dict[str, SavedFile]:
    """Return the files that an earlier backup has copied, and that are still there in their sizes."""
    kept = {}
    for file in wanted:
        before = known.get(file.name)
        if before and before.size_bytes == file.size_bytes == sizes.get(file.name):
            kept[file.name] = before
    return kept
