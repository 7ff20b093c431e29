"""The folder of an export: a folder for each billing month, in it the manifest, and the folder with the files it names.

    billing_period=2026-03/manifest.json
    billing_period=2026-03/20260401T060000Z-<id>/charges-00001.parquet

Each export of a month has a folder of its own, and the manifest is replaced in place, so that at every moment it names
files that are all there.
"""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from filelock import FileLock, Timeout

from billstream.common.errors import Misconfigured
from billstream.common.ids import new_id
from billstream.common.places import make_private, usable
from billstream.publishing.focus.manifest import NAME, ExportManifest, made_at

_PURPOSE = "an export"
_LOCK = ".billstream-export.lock"
_UNFINISHED = f".billstream.{NAME}.tmp"
_MONTH = re.compile(r"billing_period=((?!0000)[0-9]{4}-(?:0[1-9]|1[0-2]))")
_DELIVERY = re.compile(r"[0-9]{8}T[0-9]{6}Z-[0-9a-f]{32}")
_FILE = re.compile(r"charges-[0-9]{5,}\.(?:csv|parquet)")


@dataclass(frozen=True)
class ExportFolder:
    """A folder on this host, which is made when the first month is exported. `alone` explains errors of its disk."""

    folder: Path

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Make the folder, for its owner alone, and hold it: two exports at a time would remove each other's files.

        Raises:
            Misconfigured: another export holds it, or it cannot be used.
            NoRoom: its disk is full.
        """
        with usable(self.folder, _PURPOSE, None):
            make_private(self.folder)
            lock = FileLock(self.folder / _LOCK, mode=0o600, timeout=0)
            try:
                lock.acquire()
            except Timeout:
                raise Misconfigured(
                    f"Another export is being written to {self.folder}; nothing was done. Run one at a time."
                ) from None
            try:
                yield
            finally:
                lock.release()

    def months(self) -> dict[str, datetime]:
        """Return the months, as `yyyy-mm`, that have a manifest of an export, each with the time of that export.

        Raises:
            Misconfigured: a month has a manifest that is not of an export.
        """
        with usable(self.folder, _PURPOSE, None):
            found = self.folder.iterdir() if self.folder.is_dir() else ()
            named = {match[1]: path / NAME for path in found if (match := _MONTH.fullmatch(path.name))}
            there = {month: path for month, path in named.items() if path.exists()}
            times = {month: made_at(path) for month, path in there.items()}
        if foreign := [there[month] for month, time in times.items() if time is None]:
            raise Misconfigured(
                f"{foreign[0]} is no manifest of an export, so it is left as it is, and nothing was written. Move it, "
                "or name another folder with --to."
            )
        return {month: time for month, time in times.items() if time is not None}

    def new_delivery(self, month: str, now: datetime) -> Path:
        """Make the folder of one export of a month."""
        made = self.folder / f"billing_period={month}" / f"{now:%Y%m%dT%H%M%SZ}-{new_id()}"
        make_private(made)
        return made

    def publish(self, manifest: ExportManifest) -> None:
        """Replace the manifest of its month; from then on its files are the export, whatever happens."""
        month = self.folder / f"billing_period={manifest.billing_period}"
        for delivery in {(self.folder / file.path).parent for file in manifest.files}:
            _sync(delivery)
        unfinished = month / _UNFINISHED
        # A new file each time: what another account has put there, such as a link, is never written through.
        unfinished.unlink(missing_ok=True)
        descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="\n") as file:
            file.write(manifest.model_dump_json(indent=1) + "\n")
            file.flush()
            os.fsync(file.fileno())
        _sync(month)
        unfinished.replace(month / NAME)
        _sync(month)
        _sync(self.folder)

    def is_published(self, delivery: Path) -> bool:
        """Return whether the manifest of its month names the files of the folder of an export."""
        with suppress(FileNotFoundError):
            return delivery.name in (delivery.parent / NAME).read_text("utf-8")
        return False

    def tidy(self, month: str, keep: Path) -> None:
        """Remove the files of earlier exports of a month, and of those that were not finished; others' files stay."""
        for delivery in (self.folder / f"billing_period={month}").iterdir():
            if delivery == keep or not _DELIVERY.fullmatch(delivery.name) or delivery.is_symlink():
                continue
            self.discard(delivery)

    def discard(self, delivery: Path) -> None:
        """Remove the folder of one export, unless it has files of others."""
        for file in delivery.iterdir():
            if _FILE.fullmatch(file.name):
                file.unlink()
        with suppress(OSError):  # not empty
            delivery.rmdir()


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
