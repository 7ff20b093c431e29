"""A folder as a target: four files, each replaced as a whole."""

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from filelock import FileLock, Timeout

from billstream.aggregator.insights.values import Insights
from billstream.aggregator.pages.render import FILE_NAMES, JSON_NAME, render
from billstream.aggregator.targets.target import Mark
from billstream.common.errors import Fatal, Retryable
from billstream.common.failpoints import failpoint

LOCK_NAME = ".insights.lock"
LOCK_SECONDS = 60


@dataclass(frozen=True)
class FolderTarget:
    """A folder on this host, which is made when it does not exist."""

    folder: Path

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
            self.folder.mkdir(parents=True, exist_ok=True)
            with FileLock(self.folder / LOCK_NAME, timeout=LOCK_SECONDS):
                yield
        except Timeout:
            raise Retryable(f"{cannot}: another process has been publishing for {LOCK_SECONDS} seconds.") from None
        except (PermissionError, FileExistsError, NotADirectoryError, IsADirectoryError) as error:
            raise Fatal(f"{cannot}: {error.strerror}. Set BILLSTREAM_INSIGHTS_DIR to a writable folder.") from error
        except OSError as error:
            raise Retryable(f"{cannot}: {error.strerror}.") from error

    def published(self) -> Mark | None:
        """Return the mark of the published files; None when one is missing or `insights.json` is not readable."""
        if not all((self.folder / name).is_file() for name in FILE_NAMES):
            return None
        try:
            content = json.loads((self.folder / JSON_NAME).read_bytes())
            return Mark(
                schema_version=content["schema_version"],
                watermark_snapshot_id=content["watermark_snapshot_id"],
                refreshed_at=datetime.fromisoformat(content["refreshed_at"]),
                ledger_lines=content["freshness"]["ledger_lines"],
            )
        except (ValueError, LookupError, TypeError):
            return None

    def publish(self, insights: Insights) -> None:
        """Render all files, then replace them one by one; `insights.json`, from which `published` reads, comes last."""
        with failpoint("render"):
            texts = render(insights)
        with failpoint("publish"):
            replace_files(self.folder, texts)


def replace_files(folder: Path, texts: Mapping[str, str]) -> None:
    """Replace the file of each name by its text, in their order, while the folder is held.

    After a crash each file has its old or its new content, and at most one hidden file is left, which the next call
    overwrites. When this returns, the renamed files are on disk.
    """
    for name, text in texts.items():
        unfinished = folder / f".{name}.tmp"
        with unfinished.open("w", encoding="utf-8", newline="\n") as file:
            file.write(text)
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
