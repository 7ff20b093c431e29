"""Local scratch space for objects on their way into the lake. Everything in it may be lost at any time."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from billstream.common.scratch import scratch_folder


@dataclass(frozen=True)
class SpoolSession:
    """A folder of one round of work, gone when the round is over."""

    folder: Path

    def file(self, load_id: str, suffix: str) -> Path:
        """A path for one object; no text of a key or a header is ever part of it."""
        return self.folder / f"{load_id}.{suffix}"


@dataclass(frozen=True)
class Spool:
    """Where the sessions live."""

    folder: Path

    @contextmanager
    def session(self) -> Iterator[SpoolSession]:
        """A new, empty folder for as long as the context lasts; the next start removes that of a killed process."""
        with scratch_folder(self.folder, "round") as folder:
            yield SpoolSession(folder)
