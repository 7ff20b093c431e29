"""A folder as a target: five files, each replaced as a whole."""

import errno
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from billstream.aggregator.alerts.digest import DIGEST_NAME, digest_markdown, facts_of, lines_of_markdown
from billstream.aggregator.insights.values import Insights
from billstream.aggregator.pages.render import FILE_NAMES, JSON_NAME, render
from billstream.aggregator.targets.target import Mark, mark_of
from billstream.common.errors import Misconfigured, Retryable
from billstream.common.failpoints import failpoint
from billstream.common.file_stamp import FileStamp
from billstream.common.places import NO_ROOM, explained, make_private
from billstream.common.values import Readers

PUBLISHED = (DIGEST_NAME, *FILE_NAMES)
"""The files, in the order in which they are replaced."""

LOCK_NAME = ".insights.lock"
LOCK_SECONDS = 60
_FOLDER_MODES = {Readers.OWNER: 0o700, Readers.GROUP: 0o750, Readers.EVERYONE: 0o755}
_FILE_MODES = {Readers.OWNER: 0o600, Readers.GROUP: 0o640, Readers.EVERYONE: 0o644}
_MAY_PASS = NO_ROOM | {errno.EIO, errno.EAGAIN, errno.EINTR, errno.EBUSY, errno.EMFILE, errno.ENFILE, errno.ESTALE}


@dataclass(frozen=True)
class FolderTarget:
    """A folder on this host, which is made when it does not exist."""

    folder: Path
    readers: Readers = Readers.EVERYONE

    def __str__(self) -> str:
        return str(self.folder)

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        """Make the folder and hold its lock.

        Raises:
            Retryable: another process has held it for a minute, or the folder cannot be written at the moment.
            Fatal: this process may not write there, or it is not a folder.
        """
        cannot = f"The insights cannot be published to {self.folder}"
        try:
            self._make()
            self._refuse_foreign_files()
            with FileLock(self.folder / LOCK_NAME, mode=0o600, timeout=LOCK_SECONDS):
                yield
        except Timeout:
            raise Retryable(f"{cannot}: another process has been publishing for {LOCK_SECONDS} seconds.") from None
        except OSError as error:
            if error.errno in _MAY_PASS:
                raise Retryable(f"{cannot}: {error.strerror}.") from error
            known = explained(error, self.folder, "the insights", "BILLSTREAM_INSIGHTS_DIR")
            raise Misconfigured(f"{cannot}. {known}") from error

    def _make(self) -> None:
        """Make the folder for those who may read it, whatever the umask; one that exists keeps its mode."""
        if not self.folder.exists():
            make_private(self.folder)
            self.folder.chmod(_FOLDER_MODES[self.readers])
        elif not self.folder.is_dir():
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(self.folder))

    def _refuse_foreign_files(self) -> None:
        """Refuse a folder that has files of our names, and that we have never published to.

        Raises:
            Misconfigured: see above; nothing was changed.
        """
        found = [name for name in PUBLISHED if os.path.lexists(self.folder / name)]
        # Looked at after the names: a process that publishes here now has made its lock before them.
        if found and not os.path.lexists(self.folder / LOCK_NAME) and self.published() is None:
            raise Misconfigured(
                f"The insights cannot be published to {self.folder}: its {found[0]} is not one of ours, so it is left "
                "as it is. Move it, or set BILLSTREAM_INSIGHTS_DIR to a folder of its own."
            )

    def published(self) -> Mark | None:
        """Return the mark of the published files; None when one is missing or `insights.json` is not readable."""
        # A missing file, whoever removed it, is a reason to publish all of them again.
        if not all((self.folder / name).is_file() for name in PUBLISHED):
            return None
        return mark_of((self.folder / JSON_NAME).read_bytes())

    def stamp(self) -> tuple[FileStamp | None, ...]:
        """Return the stamp of each file."""
        return tuple(FileStamp.of(self.folder / name) for name in PUBLISHED)

    def digest(self) -> list[str]:
        """Return the lines of the published digest; none when there is none, or it cannot be read."""
        try:
            text = (self.folder / DIGEST_NAME).read_text("utf-8")
        except (OSError, ValueError):
            return []
        return lines_of_markdown(text)

    def publish(self, insights: Insights) -> None:
        """Render all files, then replace them one by one; `insights.json`, from which `published` reads, comes last."""
        with failpoint("render"):
            # All files are rendered before the first is replaced: an error here leaves the old ones untouched.
            texts = {DIGEST_NAME: digest_markdown(facts_of(insights)), **render(insights)}
        with failpoint("publish"):
            replace_files(self.folder, texts, _FILE_MODES[self.readers])


def replace_files(folder: Path, texts: Mapping[str, str], mode: int = 0o600) -> None:
    """Replace the file of each name by its text, in their order, while the folder is held.

    After a crash each file has its old or its new content, and at most one hidden file is left, which the next call
    overwrites. When this returns, the renamed files are on disk.
    """
    for name, text in texts.items():
        unfinished = folder / f".billstream.{name}.tmp"
        # A new file each time: what another account has put there, such as a link, is never written through.
        unfinished.unlink(missing_ok=True)
        descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="\n") as file:
            file.write(text)
            os.fchmod(file.fileno(), mode)
            # Without this a power failure may leave the new name with no content.
            file.flush()
            os.fsync(file.fileno())
        with failpoint("rename"):
            unfinished.replace(folder / name)
    # The names themselves are on disk only once the folder is flushed.
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
