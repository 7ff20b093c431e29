"""Local scratch space for objects on their way into the lake. Everything in it may be lost at any time."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from billstream.common.scratch import scratch_folder


@dataclass(frozen=True)
class SpoolSession:
    """A folder for one round of work, deleted when the round is over."""

    folder: Path

    def file(self, load_id: str, suffix: str) -> Path:
        """Return a path for one object; no text of a key or a header is ever part of it."""
        return self.folder / f"{load_id}.{suffix}"


@dataclass(frozen=True)
class Spool:
    """The parent folder of the sessions."""

    folder: Path

    @contextmanager
    def session(self) -> Iterator[SpoolSession]:
        """Make an empty folder for as long as the context lasts; a killed process's is deleted at the next start."""
        with scratch_folder(self.folder, "round") as folder:
            yield SpoolSession(folder)
